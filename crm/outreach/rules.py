"""Decisions about a contact on plain values: caps in rolling windows, cool-down by company day."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm.core.company import Company
from crm.core.errors import Invalid
from crm.core.messages import N_
from crm.customers.models import Channel


class Verdict(enum.Enum):
    """`hold`: not now, but later; `block`: not at all until somebody changes something."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"


class Reason(enum.Enum):
    """Why a contact is refused; the names are the codes that programs see."""

    DO_NOT_CONTACT = "do_not_contact"
    CLAIMED_BY_OTHER = "claimed_by_other"
    CAP_REACHED = "cap_reached"
    COOL_DOWN = "cool_down"

    @property
    def code(self) -> str:
        """The key of its text."""
        return f"outreach.{self.value}"


#: A refusal in two words.
REASONS: Mapping[Reason, str] = {
    Reason.DO_NOT_CONTACT: N_("Do not contact"),
    Reason.CLAIMED_BY_OTHER: N_("Claimed"),
    Reason.CAP_REACHED: N_("Limit reached"),
    Reason.COOL_DOWN: N_("Cooling down"),
}


@dataclass(frozen=True, slots=True)
class Earlier:
    """A contact that took place or is under way: what everybody may know about it."""

    at: datetime
    channel: Channel
    by_id: int | None
    by_name: str | None = None
    activity_id: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A colleague's claim on the person, until when."""

    owner_id: int
    owner_name: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """May this person be contacted then; if not, why, and when at the earliest."""

    verdict: Verdict
    reason: Reason | None = None
    next_at: datetime | None = None
    earlier: Earlier | None = None
    holder: str | None = None

    @property
    def is_allowed(self) -> bool:
        return self.verdict is Verdict.ALLOW

    @property
    def is_held(self) -> bool:
        return self.verdict is Verdict.HOLD

    @property
    def is_blocked(self) -> bool:
        return self.verdict is Verdict.BLOCK


ALLOWED = Answer(Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` contacts in any `days` × 24 hours; `channel` None counts every channel."""

    key: str
    channel: Channel | None
    limit: int
    days: int

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days)

    def counts(self, channel: Channel | None) -> bool:
        return self.channel is None or self.channel is channel


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ledger knows about one person, as far as it matters to a question."""

    contacts: Sequence[Earlier] = ()
    is_suppressed: bool = False
    claims: Sequence[Hold] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """May `by_id` (None: the machine) contact at `at` on `channel` (None: any, not known yet)."""

    at: datetime
    channel: Channel | None
    by_id: int | None


DEFAULT_CAPS = (Cap("email_7d", Channel.EMAIL, 2, 7), Cap("any_7d", None, 3, 7))
DEFAULT_COOL_DOWN_DAYS = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """A policy, read."""

    caps: tuple[Cap, ...]
    cool_down_days: int

    def caps_on(self, channel: Channel | None) -> tuple[Cap, ...]:
        return tuple(cap for cap in self.caps if cap.counts(channel))

    @property
    def furthest_back(self) -> timedelta:
        """No contact before this can matter (a company day may have 25 hours)."""
        longest = max((cap.days for cap in self.caps), default=0)
        return timedelta(days=max(longest, self.cool_down_days + 1), hours=2)


MOST_CAPS = 12
LARGEST_LIMIT = 100
MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class Limit:
    """A cap as people write it: at most `limit` contacts in any `days` days, on one channel or all.

    One channel and one span make one cap: so a changed limit goes on counting the places that were
    taken before, and a changed span starts to count anew from the ledger.
    """

    limit: int
    days: int
    channel: Channel | None = None

    @property
    def cap(self) -> Cap:
        key = f"{self.channel.value if self.channel else 'any'}_{self.days}d"
        return Cap(key, self.channel, self.limit, self.days)


def caps_from(limits: Sequence[Limit]) -> tuple[Cap, ...]:
    """Raises Invalid for two limits about the same channel and span, and for too many."""
    if len(limits) > MOST_CAPS:
        raise Invalid("outreach.too_many_limits", field="limits", limit=MOST_CAPS)
    caps = {limit.cap.key: limit.cap for limit in limits}
    if len(caps) < len(limits):
        raise Invalid("outreach.limit_twice", field="limits")
    return tuple(caps.values())


def read_caps(stored: Iterable[Any]) -> tuple[Cap, ...]:
    return tuple(
        Cap(
            key=str(cap["key"]),
            channel=Channel(cap["channel"]) if cap["channel"] else None,
            limit=int(cap["limit"]),
            days=int(cap["days"]),
        )
        for cap in stored
    )


def written_caps(caps: Iterable[Cap]) -> list[dict[str, Any]]:
    return [
        {
            "key": cap.key,
            "channel": cap.channel.value if cap.channel else None,
            "limit": cap.limit,
            "days": cap.days,
        }
        for cap in caps
    ]


def cool_down_end(contact_at: datetime, days: int, company: Company) -> datetime:
    """When so many whole company days have passed after the day of the contact."""
    return company.day_start(company.day_of(contact_at) + timedelta(days=days + 1))


def cap_free_at(cap: Cap, contacts: Iterable[datetime], at: datetime) -> datetime | None:
    """None when one more contact at `at` keeps the cap; otherwise when the next may take place."""
    within = sorted(moment for moment in contacts if at - cap.window < moment <= at)
    return within[-cap.limit] + cap.window if len(within) >= cap.limit else None


def judge(question: Question, facts: Facts, terms: Terms, company: Company) -> Answer:
    """The one answer for everybody. Of several refusals the one that lasts longest is told."""
    if facts.is_suppressed:
        return Answer(Verdict.BLOCK, Reason.DO_NOT_CONTACT)
    refusals = [
        *_claims(question, facts),
        *_caps(question, facts, terms),
        *_cool_down(question, facts, terms, company),
    ]
    if not refusals:
        return ALLOWED
    return max(refusals, key=lambda answer: answer.next_at or question.at)


def _claims(question: Question, facts: Facts) -> list[Answer]:
    return [
        Answer(Verdict.HOLD, Reason.CLAIMED_BY_OTHER, claim.ends_at, holder=claim.owner_name)
        for claim in facts.claims
        if claim.owner_id != question.by_id and claim.ends_at > question.at
    ]


def _caps(question: Question, facts: Facts, terms: Terms) -> list[Answer]:
    refusals = []
    for cap in terms.caps_on(question.channel):
        counted = [c for c in facts.contacts if cap.counts(c.channel)]
        free_at = cap_free_at(cap, [c.at for c in counted], question.at)
        if free_at is not None:
            latest = _latest(counted, lambda c: c.at <= question.at)
            refusals.append(Answer(Verdict.HOLD, Reason.CAP_REACHED, free_at, latest))
    return refusals


def _cool_down(question: Question, facts: Facts, terms: Terms, company: Company) -> list[Answer]:
    """One's own last contact cools nobody down but the others: a rep may go on with a talk."""
    latest = _latest(
        facts.contacts,
        lambda c: c.at <= question.at and (c.by_id is None or c.by_id != question.by_id),
    )
    if latest is None or terms.cool_down_days == 0:
        return []
    ends_at = cool_down_end(latest.at, terms.cool_down_days, company)
    if ends_at <= question.at:
        return []
    return [Answer(Verdict.HOLD, Reason.COOL_DOWN, ends_at, latest)]


def _latest(contacts: Iterable[Earlier], which: Callable[[Earlier], bool]) -> Earlier | None:
    return max(filter(which, contacts), key=lambda contact: contact.at, default=None)
