"""Decisions on plain values: steps, days, mornings."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from crm.activities.models import Step
from crm.core.company import Company
from crm.followups import rules
from crm.followups.models import Outcome

SHANGHAI = Company(name="青禾家居", zone=ZoneInfo("Asia/Shanghai"))


def test_every_outcome_says_what_it_reaches_and_proposes() -> None:
    assert set(rules.REACHES) == set(rules.PROPOSES) == set(Outcome)


def test_the_next_step_follows_the_furthest_one() -> None:
    assert [rules.next_step(reached) for reached in range(5)] == [*Step, None]


def test_nobody_answered_is_no_real_contact() -> None:
    assert not rules.is_real_contact(Outcome.NO_ANSWER)
    assert rules.is_real_contact(Outcome.REFUSED)


def test_a_planned_contact_falls_due_at_nine_of_the_company_day() -> None:
    assert rules.morning(date(2026, 11, 23), SHANGHAI) == datetime(2026, 11, 23, 1, tzinfo=UTC)


def test_contacts_are_spread_per_owner_and_the_last_day_takes_the_rest() -> None:
    first, last = date(2026, 11, 19), date(2026, 11, 20)
    owners = [1] * (2 * rules.PER_DAY + 5) + [2]

    days = rules.spread(owners, taken={}, first=first, last=last)

    assert days[: rules.PER_DAY] == [first] * rules.PER_DAY
    assert set(days[rules.PER_DAY : -1]) == {last}
    assert days[-1] == first


def test_what_was_given_before_counts() -> None:
    first = date(2026, 11, 19)
    days = rules.spread([7], taken={7: rules.PER_DAY}, first=first, last=date(2026, 12, 1))
    assert days == [date(2026, 11, 20)]
