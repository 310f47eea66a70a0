"""A reminder for each due time, whoever asks how often."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.notices import Notice
from crm.followups import services
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_rep


def test_a_due_follow_up_is_reminded_once_however_often_the_job_runs(session: Session) -> None:
    rep = make_rep(session)
    make_followup(session, make_customer(session, owner=rep), owner=rep)

    for _ in range(2):
        assert not services.remind_due(session, NOW)
        session.expire_all()

    queued = session.scalars(select(Notice)).all()
    assert [notice.user_id for notice in queued] == [rep.id]
    assert queued[0].key.startswith("followup-reminder:")


def test_what_is_not_due_or_done_is_not_reminded(session: Session) -> None:
    rep = make_rep(session)
    make_followup(
        session, make_customer(session, owner=rep), owner=rep, due_at=NOW + timedelta(minutes=1)
    )
    make_followup(
        session, make_customer(session, name="已完", owner=rep), owner=rep, completed_at=NOW
    )
    services.remind_due(session, NOW)
    assert session.scalars(select(Notice)).all() == []


def test_a_moved_date_gives_one_new_reminder(session: Session) -> None:
    rep = make_rep(session)
    followup = make_followup(session, make_customer(session, owner=rep), owner=rep)
    services.remind_due(session, NOW)
    session.expire_all()
    services.reschedule(session, followup.id, NOW + timedelta(days=1), by=rep, now=NOW)

    services.remind_due(session, NOW)
    session.expire_all()
    services.remind_due(session, NOW + timedelta(days=1))

    assert len(session.scalars(select(Notice)).all()) == 2


def test_reminding_is_no_edit(session: Session) -> None:
    rep = make_rep(session)
    followup = make_followup(session, make_customer(session, owner=rep), owner=rep)
    services.remind_due(session, NOW)
    session.expire_all()
    assert followup.version == 1
