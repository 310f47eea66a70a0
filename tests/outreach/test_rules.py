"""Caps in rolling windows and cool-down by the company's days, on plain values."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.core.company import Company
from crm.customers.models import Channel
from crm.outreach.rules import (
    DEFAULT_CAPS,
    Cap,
    Earlier,
    Facts,
    Hold,
    Question,
    Reason,
    Terms,
    Verdict,
    cap_free_at,
    cool_down_end,
    judge,
    read_caps,
    written_caps,
)
from tests.conftest import NOW

COMPANY = Company("青禾家居", ZoneInfo("Asia/Shanghai"))
TERMS = Terms(DEFAULT_CAPS, 3)
WANG, LI = 1, 2


def called(hours_ago: float, *, by: int | None = WANG, channel: Channel = Channel.PHONE) -> Earlier:
    return Earlier(NOW - timedelta(hours=hours_ago), channel, by, "Wang")


def asking(*, by: int | None = LI, channel: Channel | None = Channel.PHONE) -> Question:
    return Question(NOW, channel, by)


def test_a_cool_down_is_three_whole_company_days_after_the_day_of_the_contact() -> None:
    yesterday_afternoon = datetime(2026, 11, 18, 15, tzinfo=ZoneInfo("Asia/Shanghai"))
    ends_at = cool_down_end(yesterday_afternoon, 3, COMPANY)
    assert ends_at == datetime(2026, 11, 22, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_a_call_at_half_past_eleven_at_night_counts_for_its_own_company_day() -> None:
    late = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
    later = datetime(2026, 11, 18, 16, 30, tzinfo=UTC)  # 00:30 the next day there
    assert cool_down_end(later, 3, COMPANY) - cool_down_end(late, 3, COMPANY) == timedelta(days=1)


def test_a_colleague_is_held_until_the_cool_down_ends_and_told_of_the_contact() -> None:
    contact = called(20)
    answer = judge(asking(), Facts([contact]), TERMS, COMPANY)
    assert answer.verdict is Verdict.HOLD
    assert answer.reason is Reason.COOL_DOWN
    assert answer.earlier == contact
    assert answer.next_at == cool_down_end(contact.at, 3, COMPANY)


def test_whoever_made_the_last_contact_may_go_on_with_the_talk() -> None:
    assert judge(asking(by=WANG), Facts([called(20)]), TERMS, COMPANY).is_allowed


def test_the_machine_is_held_by_anybodys_contact() -> None:
    assert judge(asking(by=None), Facts([called(20)]), TERMS, COMPANY).reason is Reason.COOL_DOWN


def test_the_third_contact_in_a_week_closes_the_week_even_for_its_own_rep() -> None:
    contacts = [called(24), called(72), called(150)]
    answer = judge(asking(by=WANG), Facts(contacts), TERMS, COMPANY)
    assert answer.reason is Reason.CAP_REACHED
    assert answer.next_at == NOW - timedelta(hours=150) + timedelta(days=7)


def test_a_contact_exactly_one_window_ago_does_not_count_any_more() -> None:
    cap = Cap("any_7d", None, 1, 7)
    assert cap_free_at(cap, [NOW - timedelta(days=7)], NOW) is None
    assert cap_free_at(cap, [NOW - timedelta(days=7) + timedelta(seconds=1)], NOW) is not None


def test_mail_has_a_cap_of_its_own() -> None:
    mails = [called(100, channel=Channel.EMAIL), called(120, channel=Channel.EMAIL)]
    facts = Facts(mails)
    by_mail = judge(asking(by=WANG, channel=Channel.EMAIL), facts, TERMS, COMPANY)
    assert by_mail.reason is Reason.CAP_REACHED
    assert judge(asking(by=WANG), facts, TERMS, COMPANY).is_allowed


def test_do_not_contact_wins_over_everything() -> None:
    facts = Facts([called(1)], is_suppressed=True, claims=[Hold(WANG, "Wang", NOW)])
    answer = judge(asking(), facts, TERMS, COMPANY)
    assert (answer.verdict, answer.reason) == (Verdict.BLOCK, Reason.DO_NOT_CONTACT)
    assert answer.earlier is None


def test_a_colleagues_claim_holds_and_ones_own_does_not() -> None:
    facts = Facts(claims=[Hold(WANG, "Wang", NOW + timedelta(days=2))])
    held = judge(asking(), facts, TERMS, COMPANY)
    assert (held.reason, held.holder) == (Reason.CLAIMED_BY_OTHER, "Wang")
    assert judge(asking(by=WANG), facts, TERMS, COMPANY).is_allowed


def test_of_several_refusals_the_one_that_lasts_longest_is_told() -> None:
    facts = Facts([called(1)], claims=[Hold(WANG, "Wang", NOW + timedelta(days=30))])
    assert judge(asking(), facts, TERMS, COMPANY).reason is Reason.CLAIMED_BY_OTHER


def test_caps_are_read_back_as_they_were_written() -> None:
    assert read_caps(written_caps(DEFAULT_CAPS)) == DEFAULT_CAPS


@given(
    hours=st.lists(st.floats(0, 400, allow_nan=False), max_size=12),
    limit=st.integers(1, 4),
    days=st.integers(1, 10),
)
@settings(max_examples=200, deadline=None)
def test_a_contact_at_the_told_time_keeps_the_cap(
    hours: list[float], limit: int, days: int
) -> None:
    cap = Cap("any", None, limit, days)
    moments = [NOW - timedelta(hours=h) for h in hours]
    free_at = cap_free_at(cap, moments, NOW)
    at = free_at or NOW
    assert cap_free_at(cap, moments, at) is None
    if free_at is not None:
        assert cap_free_at(cap, moments, free_at - timedelta(microseconds=1)) is not None


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_text(reason: Reason) -> None:
    from crm.core.messages import ERRORS

    assert reason.code in ERRORS
