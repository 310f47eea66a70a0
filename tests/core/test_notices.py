"""A notice is queued once, claimed by one worker, and tried until it is through or hopeless."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import notices
from crm.core.notices import Draft, Notice, NoticeState
from tests.conftest import NOW
from tests.factories.users import make_user


@pytest.fixture
def draft(session: Session) -> Draft:
    return Draft(user_id=make_user(session).id, template="followups/mail/reminder.txt")


def claim_one(session: Session, now: datetime = NOW) -> Notice:
    (claimed,) = notices.claim(session, limit=10, now=now)
    return claimed


def test_the_same_key_is_queued_once(session: Session, draft: Draft) -> None:
    assert notices.put(session, "a", draft, now=NOW)
    assert not notices.put(session, "a", draft, now=NOW)
    assert len(session.scalars(select(Notice)).all()) == 1


def test_a_claimed_notice_is_nobody_elses_until_its_lease_runs_out(
    session: Session, draft: Draft
) -> None:
    notices.put(session, "a", draft, now=NOW)
    claim_one(session)

    assert notices.claim(session, limit=10, now=NOW) == []
    later = NOW + notices.LEASE + timedelta(seconds=1)
    assert claim_one(session, later).attempts == 2


def test_a_notice_is_not_sent_before_it_is_due(session: Session, draft: Draft) -> None:
    notices.put(session, "a", draft, now=NOW, due_at=NOW + timedelta(hours=1))
    assert notices.claim(session, limit=10, now=NOW) == []


def test_a_sent_notice_stays_sent(session: Session, draft: Draft) -> None:
    notices.put(session, "a", draft, now=NOW)
    assert notices.mark_sent(session, claim_one(session), now=NOW)
    session.expire_all()

    assert session.scalars(select(Notice.state)).all() == [NoticeState.SENT]
    assert not notices.put(session, "a", draft, now=NOW)
    assert notices.claim(session, limit=10, now=NOW + timedelta(days=1)) == []


def test_who_lost_the_lease_changes_nothing(session: Session, draft: Draft) -> None:
    notices.put(session, "a", draft, now=NOW)
    first = claim_one(session)
    session.expunge(first)
    second = claim_one(session, NOW + notices.LEASE + timedelta(seconds=1))
    assert second.attempt_token != first.attempt_token

    assert not notices.mark_sent(session, first, now=NOW)
    assert notices.mark_sent(session, second, now=NOW)


def test_a_passing_refusal_is_tried_again_and_a_third_one_is_final(
    session: Session, draft: Draft
) -> None:
    notices.put(session, "a", draft, now=NOW)
    at = NOW
    for attempt in range(notices.MAX_ATTEMPTS):
        claimed = claim_one(session, at)
        assert claimed.attempts == attempt + 1
        notices.mark_refused(session, claimed, "451 busy", permanent=False, now=at)
        session.expire_all()
        at += timedelta(hours=1)
    notice = session.scalars(select(Notice)).one()
    assert (notice.state, notice.last_error) == (NoticeState.FAILED, "451 busy")


def test_a_final_refusal_is_final_at_once(session: Session, draft: Draft) -> None:
    notices.put(session, "a", draft, now=NOW)
    notices.mark_refused(session, claim_one(session), "550 no such", permanent=True, now=NOW)
    session.expire_all()
    assert session.scalars(select(Notice.state)).all() == [NoticeState.FAILED]


def test_a_paused_channel_uses_up_no_attempt(session: Session, draft: Draft) -> None:
    notices.put(session, "a", draft, now=NOW)
    later = NOW + timedelta(minutes=5)
    notices.put_back(session, claim_one(session), "535", due_at=later)
    session.expire_all()

    assert notices.claim(session, limit=10, now=NOW) == []
    assert claim_one(session, later).attempts == 1


def test_every_attempt_carries_the_same_message_id(session: Session, draft: Draft) -> None:
    notices.put(session, "a", draft, now=NOW)
    first = notices.message_id(claim_one(session), "crm.example")
    second = notices.message_id(claim_one(session, NOW + timedelta(hours=1)), "crm.example")
    assert first == second
