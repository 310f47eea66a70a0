"""The clock and delivery process: APScheduler ticks, jobs by turns, notices out of the building."""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from crm.app import company_of, make_sessions
from crm.core import clock, idempotency, jobs, mail, notices, smtp, templating
from crm.core.db import Sessions
from crm.core.jobs import Advance, Job
from crm.core.notices import Notice
from crm.core.transports import Transport, transport_for
from crm.customers import jobs as customer_jobs
from crm.followups import jobs as followup_jobs
from crm.reports import jobs as report_jobs
from crm.settings import Settings
from crm.users import jobs as user_jobs
from crm.users.models import User

log = logging.getLogger(__name__)

CLOCK = "clock"
TURN = timedelta(seconds=60)
BEAT_EVERY = timedelta(seconds=30)
DELIVER_EVERY = timedelta(seconds=5)
BATCH = 20  # one claim's mails must be sent within its lease
LONGEST_DELIVERY = smtp.Timeouts().total
CHANNEL_PAUSE = timedelta(minutes=5)
#: Where a failure says nothing about the mail: the next one would fare the same.
CHANNEL_PHASES = frozenset(
    {smtp.Phase.CONNECT, smtp.Phase.BANNER, smtp.Phase.EHLO, smtp.Phase.STARTTLS, smtp.Phase.AUTH}
)
GRACE = 3600  # seconds a tick may be late; a job looks at its table, so late is as good as early

JOBS: tuple[Job, ...] = (
    Job("forget kept requests", timedelta(hours=1), idempotency.forget_old),
    *customer_jobs.JOBS,
    *followup_jobs.JOBS,
    *report_jobs.JOBS,
    *user_jobs.JOBS,
)


class Worker:
    """One worker process. Any number of them may run; together they do everything once."""

    def __init__(self, sessions: Sessions, transport: Transport, settings: Settings) -> None:
        self.name = jobs.worker_name()
        self._sessions = sessions
        self._transport = transport
        self._settings = settings
        self._company = company_of(settings)
        self._stop = threading.Event()
        self._mail_again_at = clock.monotonic()

    def run_once(self, todo: Sequence[Job] = JOBS) -> None:
        """Do everything that is due now, then return."""
        self.beat()
        for job in todo:
            self.run_job(job)
        self.deliver()

    def run(self) -> None:
        """Work by the clock until SIGTERM or SIGINT; the step at hand is finished first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # UTC and plain intervals only: local times are the jobs' own business (S35).
        scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE},
        )
        ticks: list[tuple[str, timedelta, Callable[[], None]]] = [
            ("beat", BEAT_EVERY, self.beat),
            *((job.name, job.every, partial(self.run_job, job)) for job in JOBS),
            ("deliver", DELIVER_EVERY, self.deliver),
        ]
        for name, every, act in ticks:
            # The first tick is now, each in a thread of its own: a long import left from
            # yesterday must not keep the beat or the mail waiting.
            scheduler.add_job(
                act, "interval", seconds=every.total_seconds(), id=name, next_run_time=clock.now()
            )
        scheduler.start()
        log.info("worker %s is up", self.name)
        self._stop.wait()
        scheduler.shutdown(wait=True)
        self._attempt("hand over", self._let_go)
        log.info("worker %s is down", self.name)

    def stop(self) -> None:
        self._stop.set()

    def beat(self) -> None:
        self._attempt("beat", self._beat)

    def run_job(self, job: Job) -> None:
        """Run one job to its end, a transaction per step; a failed step waits for the next tick."""
        self._attempt(job.name, lambda: self._run_job(job))

    def deliver(self) -> None:
        """Send what is due to our own people: at least once, with the same Message-ID each time."""
        self._attempt("deliver", self._deliver)

    def _attempt(self, name: str, act: Callable[[], None]) -> None:
        """What fails is written down and tried again at its next tick; the others go on."""
        try:
            act()
        except OperationalError:
            log.warning("%r found the database busy; next tick goes on", name)
        except Exception:
            log.exception("%r failed; next tick goes on", name)

    def _beat(self) -> None:
        with self._sessions.begin() as session:
            jobs.beat(session, self.name, now=clock.now())

    def _let_go(self) -> None:
        """The next worker need not wait until our turn has run out."""
        with self._sessions.begin() as session:
            jobs.let_go(session, CLOCK, owner=self.name)

    def _run_job(self, job: Job) -> None:
        while self._may_run(job) and not self._stop.is_set():
            if not take_step(self._sessions, job.advance):
                return

    def _deliver(self) -> None:
        while not self._stop.is_set() and clock.monotonic() >= self._mail_again_at:
            with self._sessions.begin() as session:
                claimed = notices.claim(session, limit=BATCH, now=clock.now())
                ids = {notice.user_id for notice in claimed}
                found = session.scalars(select(User).where(User.id.in_(ids)))
                people = {user.id: user for user in found}
            if not claimed:
                return
            deadline = clock.monotonic() + notices.LEASE.total_seconds() - LONGEST_DELIVERY
            for position, notice in enumerate(claimed):
                if clock.monotonic() > deadline or self._stop.is_set():
                    self._give_back(claimed[position:], "no time left", later=timedelta(0))
                    break
                if not self._deliver_one(notice, people[notice.user_id]):
                    self._mail_again_at = clock.monotonic() + CHANNEL_PAUSE.total_seconds()
                    self._give_back(claimed[position:], "mail is paused", later=CHANNEL_PAUSE)
                    return

    def _may_run(self, job: Job) -> bool:
        if job.everywhere:
            return True
        with self._sessions.begin() as session:
            return jobs.hold(session, CLOCK, owner=self.name, length=TURN, now=clock.now())

    def _deliver_one(self, notice: Notice, to: User) -> bool:
        """Send one mail outside any transaction. False means that the channel is at fault."""
        outcome = self._hand_over(notice, to)
        if _is_channels_fault(outcome):
            log.error("mail is paused: %s", outcome)
            return False
        with self._sessions.begin() as session:
            if isinstance(outcome, smtp.Accepted):
                notices.mark_sent(session, notice, now=clock.now())
            elif isinstance(outcome, smtp.Refused):
                notices.mark_refused(
                    session, notice, str(outcome), permanent=outcome.is_permanent, now=clock.now()
                )
            else:  # uncertain: our own people may well get it twice, they must get it once
                notices.mark_refused(
                    session, notice, str(outcome), permanent=False, now=clock.now()
                )
        return True

    def _hand_over(self, notice: Notice, to: User) -> smtp.Outcome:
        try:
            return self._transport.deliver(self._compose(notice, to))
        except mail.Unsendable as problem:
            return _unsent(str(problem), is_permanent=True)
        except Exception as problem:
            # One mail that cannot be written must not stand in the way of all others.
            log.exception("notice %s cannot be written", notice.id)
            return _unsent(f"{type(problem).__name__}: {problem}", is_permanent=False)

    def _give_back(self, rest: Sequence[Notice], why: str, *, later: timedelta) -> None:
        with self._sessions.begin() as session:
            for notice in rest:
                notices.put_back(session, notice, why, due_at=clock.now() + later)

    def _compose(self, notice: Notice, to: User) -> EmailMessage:
        name, sender = parseaddr(self._settings.mail_from)
        letter = templating.letter(
            notice.template,
            {"name": to.name, "base_url": self._settings.base_url, **notice.context},
            company=self._company,
            locale=to.locale,
        )
        return mail.compose(
            mail.Mail(
                sender=sender,
                sender_name=name or self._settings.company_name,
                recipient=to.email,
                recipient_name=to.name,
                subject=letter.subject,
                text=letter.text,
                message_id=notices.message_id(notice, sender.rpartition("@")[2]),
                at=clock.now(),
            )
        )

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stop()


def _is_channels_fault(outcome: smtp.Outcome) -> bool:
    if isinstance(outcome, smtp.Refused):
        return outcome.phase in CHANNEL_PHASES
    return isinstance(outcome, smtp.ChannelPaused)


def _unsent(text: str, *, is_permanent: bool) -> smtp.Refused:
    return smtp.Refused(smtp.Phase.BODY, is_permanent=is_permanent, code=None, text=text)


def take_step(sessions: Sessions, advance: Advance) -> bool:
    """One step in one transaction; what it leaves for outside lies between two. True while more."""
    with sessions.begin() as session:
        more = advance(session, clock.now())
    if isinstance(more, bool):
        return more
    note = more()
    with sessions.begin() as session:
        return note(session, clock.now())


def make_worker(settings: Settings) -> Worker:
    return Worker(make_sessions(settings), transport_for(settings), settings)
