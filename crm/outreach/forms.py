"""How the guard speaks on pages: chips, sentences, choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm.core.company import Company
from crm.customers.models.names import CHANNELS
from crm.outreach.rules import REASONS, Answer, Cap, Reason, Terms
from crm.outreach.schemas import Cleared, ClearedIn, MarkIn
from crm.outreach.services import Mark
from crm.web import filters
from crm.web.forms import Form

_TONES: dict[Reason, str] = {
    Reason.DO_NOT_CONTACT: "dnc",
    Reason.CLAIMED_BY_OTHER: "hold",
    Reason.CAP_REACHED: "cap",
    Reason.COOL_DOWN: "cool",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """The guard's answer in two words; the sentence tells who, when and how long."""

    tone: str
    label: str
    detail: str
    sentence: str

    @property
    def is_free(self) -> bool:
        return self.tone == "ok"


class MarkForm(Form[Mark]):
    schema = MarkIn
    labels: ClassVar[dict[str, Any]] = {"channel": _l("Channel"), "evidence": _l("How we know")}


class ClearingForm(Form[Cleared]):
    schema = ClearedIn
    labels: ClassVar[dict[str, Any]] = {"reason": _l("Reason")}


def channel_choices() -> Sequence[tuple[str, Any]]:
    return [
        ("", _("Every channel")),
        *((channel.value, _(name)) for channel, name in CHANNELS.items()),
    ]


def chip(answer: Answer) -> Chip:
    if answer.reason is None:
        return Chip("ok", _("May be contacted"), "", _("Nothing stands in the way of a contact."))
    until = _("until %(day)s", day=filters.day(answer.next_at)) if answer.next_at else ""
    return Chip(_TONES[answer.reason], _(REASONS[answer.reason]), until, sentence(answer))


def sentence(answer: Answer) -> str:
    """Why, who, and when at the earliest."""
    if answer.reason is Reason.DO_NOT_CONTACT:
        return _("This customer must not be contacted.")
    next_at = filters.moment(answer.next_at)
    if answer.reason is Reason.CLAIMED_BY_OTHER:
        return _(
            "%(name)s is working on this customer until %(at)s.", name=answer.holder, at=next_at
        )
    earlier = answer.earlier
    if earlier is None:
        return _("At the earliest %(at)s.", at=next_at)
    return _(
        "At the earliest %(at)s. Last contact: %(earlier)s, %(name)s, %(channel)s.",
        at=next_at,
        earlier=filters.moment(earlier.at),
        name=earlier.by_name or _("sent by the program"),
        channel=_(CHANNELS[earlier.channel]),
    )


def rules_in_words(terms: Terms, company: Company) -> list[str]:
    """The policy as people would say it."""
    said = [_cap_in_words(cap) for cap in terms.caps]
    if terms.cool_down_days:
        said.append(
            _(
                "After a contact, colleagues and the program wait %(days)s whole days"
                " (time zone %(zone)s). Whoever made the contact may go on.",
                days=terms.cool_down_days,
                zone=company.zone.key,
            )
        )
    return said


def _cap_in_words(cap: Cap) -> str:
    if cap.channel is None:
        return _(
            "At most %(limit)s contacts within any %(days)s days, all channels together.",
            limit=cap.limit,
            days=cap.days,
        )
    return _(
        "%(channel)s: at most %(limit)s contacts within any %(days)s days.",
        channel=_(CHANNELS[cap.channel]),
        limit=cap.limit,
        days=cap.days,
    )
