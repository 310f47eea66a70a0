"""The worker: reminders go out at least once and no worker repeats another's work."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm import worker as workers
from crm.core import clock, jobs, notices, smtp
from crm.core.db import Sessions, Step
from crm.core.jobs import Job, WorkerBeat
from crm.core.notices import Draft, Notice, NoticeState
from crm.core.transports import FolderTransport, SmtpTransport, Transport, transport_for
from crm.settings import Settings, Smtp
from crm.users.models import User
from crm.worker import Worker, take_step
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_user
from tests.mail_server import MailServer, running_mail_server
from tests.smtp_sink import Reply, Sink, running_sink

Now = list[datetime]
MakeWorker = Callable[[Transport], Worker]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Now:
    """The worker's clock; a test moves it by setting its one entry."""
    at = [NOW]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    monkeypatch.setattr(clock, "monotonic", lambda: at[0].timestamp())  # noqa: PLW0108 - the entry changes
    return at


@pytest.fixture
def make_worker(sessions: Sessions, settings: Settings, time: Now) -> MakeWorker:
    del time
    return lambda transport: Worker(sessions, transport, settings)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink(features=("AUTH PLAIN",)) as sink:
        yield sink


@pytest.fixture
def rep(session: Session) -> User:
    return make_user(session, name="王芳", locale="zh_Hans_CN")


def to(server: MailServer) -> SmtpTransport:
    return SmtpTransport(server.smtp)


def queue(session: Session, to: User, *, count: int = 1) -> None:
    """Reminders that are due, as the reminding job leaves them."""
    customer = make_customer(session, owner=to, name="远山民宿")
    for number in range(count):
        make_followup(session, customer, owner=to, due_at=NOW - timedelta(minutes=number + 1))
    session.commit()


def states(session: Session) -> list[NoticeState]:
    session.expire_all()
    return list(session.scalars(select(Notice.state).order_by(Notice.id)))


def test_a_due_follow_up_is_mailed_to_its_owner_in_his_language(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer
) -> None:
    queue(session, rep)

    make_worker(to(server)).run_once()

    (message,) = server.received
    assert message["To"].addresses[0].addr_spec == rep.email
    assert "远山民宿" in message["Subject"]
    assert message["Subject"].startswith("该跟进")
    assert states(session) == [NoticeState.SENT]


def test_running_it_again_sends_nothing(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer
) -> None:
    queue(session, rep, count=3)

    for _ in range(3):
        make_worker(to(server)).run_once()

    assert len(server.received) == 3
    assert set(server.ids().values()) == {1}


def test_a_contact_that_moved_is_reminded_of_again(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer, time: Now
) -> None:
    customer = make_customer(session, owner=rep)
    followup = make_followup(session, customer, owner=rep, due_at=NOW - timedelta(hours=1))
    session.commit()
    worker = make_worker(to(server))
    worker.run_once()

    followup.due_at = NOW + timedelta(days=1)
    session.commit()
    worker.run_once()
    assert len(server.received) == 1
    time[0] = NOW + timedelta(days=1, minutes=1)
    worker.run_once()

    assert len(server.ids()) == len(server.received) == 2


def test_a_rejected_sign_in_pauses_the_channel_and_loses_nothing(
    session: Session, rep: User, make_worker: MakeWorker, sink: Sink, time: Now
) -> None:
    queue(session, rep, count=30)
    sink.misbehave(auth=Reply("535 5.7.8 authentication failed"))
    worker = make_worker(SmtpTransport(Smtp("127.0.0.1", sink.port, user="crm", password="wrong")))

    worker.run_once()
    assert set(states(session)) == {NoticeState.QUEUED}
    worker.deliver()  # in the pause: nobody knocks
    assert sink.sessions == 1

    time[0] += workers.CHANNEL_PAUSE + timedelta(seconds=1)
    worker.deliver()
    sink.settle()
    assert set(states(session)) == {NoticeState.SENT}
    assert len(sink.received) == 30
    assert set(session.scalars(select(Notice.attempts))) == {1}


@pytest.mark.parametrize("phase", ["banner", "ehlo"])
def test_a_server_that_is_away_costs_no_mail_an_attempt(
    session: Session, rep: User, make_worker: MakeWorker, sink: Sink, time: Now, phase: str
) -> None:
    queue(session, rep, count=2)
    worker = make_worker(SmtpTransport(Smtp("127.0.0.1", sink.port)))

    for _ in range(notices.MAX_ATTEMPTS + 2):
        sink.misbehave(**{phase: Reply("421 4.3.2 try again later")})
        worker.run_once()
        time[0] += workers.CHANNEL_PAUSE + timedelta(seconds=1)

    assert sink.received == []
    worker.run_once()
    sink.settle()
    assert len(sink.received) == 2


def test_a_refused_recipient_is_kept_with_the_reply_and_the_others_get_theirs(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer, time: Now
) -> None:
    gone = make_user(session, name="李娜")
    server.refusals[gone.email] = "550 5.1.1 no such mailbox"
    queue(session, gone)
    queue(session, rep)

    worker = make_worker(to(server))
    worker.run_once()
    time[0] += timedelta(hours=1)
    worker.run_once()

    assert server.recipients() == {rep.email: 1}
    failed = session.scalars(select(Notice).filter_by(state=NoticeState.FAILED)).one()
    assert failed.user_id == gone.id
    assert failed.attempts == 1
    assert "no such mailbox" in failed.last_error


def test_a_passing_refusal_is_tried_again_and_at_last_given_up(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer, time: Now
) -> None:
    queue(session, rep)
    server.refusals[rep.email] = "450 4.2.1 mailbox busy"
    worker = make_worker(to(server))

    for _ in range(notices.MAX_ATTEMPTS + 1):
        worker.run_once()
        time[0] += timedelta(hours=1)

    failed = session.scalars(select(Notice)).one()
    session.refresh(failed)
    assert failed.state is NoticeState.FAILED
    assert failed.attempts == notices.MAX_ATTEMPTS
    assert "mailbox busy" in failed.last_error


def test_a_mail_that_cannot_be_written_does_not_stand_in_the_way(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer, time: Now
) -> None:
    notices.put(session, "broken", Draft(rep.id, "there/is/no/such.txt"), now=NOW)
    queue(session, rep)
    worker = make_worker(to(server))

    for _ in range(notices.MAX_ATTEMPTS):
        worker.run_once()
        time[0] += timedelta(hours=1)

    assert len(server.received) == 1
    assert sorted(state.value for state in states(session)) == ["failed", "sent"]


class DroppingTransport:
    """The server took the mail, and its answer never came."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.is_broken = True

    def deliver(
        self, message: EmailMessage, *, before_body: Callable[[], None] | None = None
    ) -> smtp.Outcome:
        outcome = self._inner.deliver(message, before_body=before_body)
        return smtp.Uncertain(smtp.Phase.REPLY, "no reply") if self.is_broken else outcome


def test_our_own_people_rather_get_a_mail_twice_than_never(
    session: Session, rep: User, make_worker: MakeWorker, server: MailServer, time: Now
) -> None:
    queue(session, rep)
    transport = DroppingTransport(to(server))
    worker = make_worker(transport)
    worker.run_once()

    transport.is_broken = False
    time[0] += notices.BACK_OFF + timedelta(seconds=1)
    worker.run_once()

    assert list(server.ids().values()) == [2]  # under one Message-ID
    assert states(session) == [NoticeState.SENT]


def test_without_a_server_mails_are_kept_in_the_outbox(
    session: Session, rep: User, make_worker: MakeWorker, tmp_path: Path
) -> None:
    queue(session, rep, count=2)

    make_worker(FolderTransport(tmp_path)).run_once()

    kept = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (tmp_path / "new").iterdir()
    ]
    assert [message["To"].addresses[0].addr_spec for message in kept] == [rep.email] * 2
    assert states(session) == [NoticeState.SENT] * 2


def test_a_job_that_raises_does_not_stop_the_others(
    session: Session, make_worker: MakeWorker, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    ran = []

    def fails(_session: Session, _now: datetime) -> bool:
        raise ZeroDivisionError

    def works(_session: Session, _now: datetime) -> bool:
        ran.append("works")
        return False

    with caplog.at_level(logging.ERROR):
        make_worker(to(server)).run_once(
            [Job("fails", timedelta(1), fails), Job("works", timedelta(1), works)]
        )

    assert ran == ["works"]
    assert "'fails' failed" in caplog.text
    assert session.scalar(select(WorkerBeat.at)) == NOW


def test_only_the_holder_of_the_clock_runs_a_job_unless_it_runs_everywhere(
    make_worker: MakeWorker, server: MailServer, time: Now
) -> None:
    ran: list[str] = []

    def job(name: str, *, everywhere: bool = False) -> Job:
        def note(_session: Session, _now: datetime) -> bool:
            ran.append(name)
            return False

        return Job(name, timedelta(seconds=5), note, everywhere)

    first, second = make_worker(to(server)), make_worker(to(server))
    first.run_once([job("clock, first")])
    second.run_once([job("clock, second"), job("everywhere", everywhere=True)])
    assert ran == ["clock, first", "everywhere"]

    time[0] += workers.TURN + timedelta(seconds=1)
    second.run_once([job("clock, second")])
    first.run_once([job("clock, first")])
    assert ran[2:] == ["clock, second"]


def test_a_lease_is_held_taken_over_and_let_go(session: Session) -> None:
    def hold(owner: str, at: datetime) -> bool:
        return jobs.hold(session, "turn", owner=owner, length=timedelta(minutes=1), now=at)

    assert hold("a", NOW)
    assert not hold("b", NOW + timedelta(seconds=59))
    assert hold("a", NOW + timedelta(seconds=59))  # kept for another minute
    assert not hold("b", NOW + timedelta(seconds=90))
    assert hold("b", NOW + timedelta(minutes=3))
    jobs.let_go(session, "turn", owner="a")  # too late: it is b's
    assert not hold("a", NOW + timedelta(minutes=3))
    jobs.let_go(session, "turn", owner="b")
    assert hold("a", NOW + timedelta(minutes=3))


def test_beats_of_workers_long_gone_are_cleared_away(session: Session) -> None:
    jobs.beat(session, "old", now=NOW)
    jobs.beat(session, "new", now=NOW + jobs.KEEP_BEATS + timedelta(seconds=1))
    jobs.beat(session, "new", now=NOW + jobs.KEEP_BEATS + timedelta(minutes=1))

    assert session.scalars(select(WorkerBeat.worker)).all() == ["new"]
    assert jobs.last_beat(session) == NOW + jobs.KEEP_BEATS + timedelta(minutes=1)


def test_what_a_step_leaves_for_outside_runs_between_two_transactions(
    sessions: Sessions, make_worker: MakeWorker, server: MailServer
) -> None:
    del make_worker, server
    open_now: list[bool] = []
    inside: list[Session] = []

    def note(session: Session, _now: datetime) -> bool:
        inside.append(session)
        return False

    def outside() -> Callable[[Session, datetime], bool]:
        open_now.append(inside[0].in_transaction())
        return note

    def advance(session: Session, _now: datetime) -> Callable[[], Step]:
        inside.append(session)
        return outside

    assert take_step(sessions, advance) is False
    assert open_now == [False]
    assert inside[0] is not inside[1]


def test_the_transport_follows_the_settings(settings: Settings) -> None:
    with_server = replace(settings, smtp=Smtp("127.0.0.1", 25))

    assert isinstance(transport_for(with_server), SmtpTransport)
    assert isinstance(transport_for(settings), FolderTransport)
