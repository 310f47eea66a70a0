"""How the guard speaks on pages: chips, sentences, choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm.core.company import Company
from crm.customers.models.names import CHANNELS
from crm.outreach.models import Policy
from crm.outreach.queries import terms_of
from crm.outreach.rules import MOST_CAPS, REASONS, Answer, Cap, Reason, Terms
from crm.outreach.schemas import Cleared, ClearedIn, Listed, ListedIn, MarkIn, PolicyIn
from crm.outreach.services import Mark, NewPolicy
from crm.web import filters
from crm.web.forms import Form

_TONES: dict[Reason, str] = {
    Reason.DO_NOT_CONTACT: "dnc",
    Reason.CLAIMED_BY_OTHER: "hold",
    Reason.CAP_REACHED: "cap",
    Reason.COOL_DOWN: "cool",
}


LINE = ("channel", "limit", "days")  # the fields of one limit
SPARE_LINES = 2


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


class ListedForm(Form[Listed]):
    schema = ListedIn


class PolicyForm(Form[NewPolicy]):
    """The limits are lines of three fields each; a line without numbers says nothing."""

    schema = PolicyIn
    labels: ClassVar[dict[str, Any]] = {
        "cool_down_days": _l("Whole days of rest after a contact"),
        "limits": _l("Limits"),
    }

    def lines(self) -> Sequence[tuple[str, str, str]]:
        """Channel, limit and days as they stand in the form, and room for more."""
        lines = list(zip(*(self.values(name) for name in LINE), strict=False))
        room = max(0, min(SPARE_LINES, MOST_CAPS - len(lines)))
        return lines + [("", "", "")] * (room if self._sent is None else 0)

    def _as_data(self) -> dict[str, Any]:
        data = super()._as_data()
        for name in LINE:
            data.pop(name, None)
        data["limits"] = [
            {name: text.strip() for name, text in zip(LINE, line, strict=True) if text.strip()}
            for line in self.lines()
            if line[1].strip() or line[2].strip()
        ]
        return data


def policy_start(policy: Policy | None) -> dict[str, Any]:
    """The rules in force as the form's first values."""
    terms = terms_of(policy)
    return {
        "version": policy.id if policy else 0,
        "cool_down_days": terms.cool_down_days,
        "channel": [cap.channel.value if cap.channel else "" for cap in terms.caps],
        "limit": [cap.limit for cap in terms.caps],
        "days": [cap.days for cap in terms.caps],
    }


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
