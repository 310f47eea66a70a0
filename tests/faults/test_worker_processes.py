"""Workers as real processes: at once, killed, and told to stop."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from crm import migrations
from crm.app import wiring
from crm.core import clock, db, notices
from crm.core.db import Sessions
from crm.core.jobs import Lease, WorkerBeat
from crm.core.notices import Notice, NoticeState
from crm.core.transports import SmtpTransport
from crm.settings import Settings
from crm.worker import Worker
from tests.conftest import skip
from tests.databases import PrivateCluster, Unavailable
from tests.factories.customers import make_customer
from tests.factories.followups import make_followup
from tests.factories.users import make_user
from tests.mail_server import running_mail_server
from tests.worker_process import die_while_delivering

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
REPS, PER_REP = 4, 50
PATIENCE = 90


@pytest.fixture(params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    settings: Settings,
    clusters: Callable[[], PrivateCluster],
) -> Settings:
    """Settings of a house with a database of its own, which processes can share."""
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    if request.param == "postgresql":
        name = f"house_{request.function.__name__}"[:60]
        try:
            url = clusters().new_database(name)
        except Unavailable as unavailable:
            skip(str(unavailable))
    engine: Engine = db.make_engine(url)
    migrations.upgrade(engine)
    engine.dispose()
    return replace(settings, database_url=url, var_dir=tmp_path)


@pytest.fixture
def sessions(house: Settings) -> Iterator[Sessions]:
    engine = db.make_engine(house.database_url)
    yield db.make_sessions(engine, wiring(house))
    engine.dispose()


def plan_contacts(sessions: Sessions, *, per_rep: int) -> int:
    """Contacts that are due, evenly over the reps; how many they are."""
    now = clock.now()
    with sessions.begin() as session:
        for number in range(REPS):
            rep = make_user(session, name=f"业务员{number}")
            customer = make_customer(session, owner=rep)
            for minutes in range(1, per_rep + 1):
                due_at = now - timedelta(minutes=minutes)
                make_followup(session, customer, owner=rep, due_at=due_at)
    return REPS * per_rep


def start_worker(house: Settings, port: int) -> subprocess.Popen[bytes]:
    env = os.environ | {
        "CRM_DATABASE_URL": house.database_url,
        "CRM_VAR_DIR": str(house.var_dir),
        "CRM_SECRET_KEY": house.secret_key,
        "CRM_SMTP_URL": f"smtp://127.0.0.1:{port}",
    }
    return subprocess.Popen([sys.executable, "-m", "crm", "worker"], cwd=ROOT, env=env)


def stop(workers: list[subprocess.Popen[bytes]]) -> list[int]:
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    try:
        return [worker.wait(PATIENCE) for worker in workers]
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


def test_two_workers_over_two_hundred_reminders_send_two_hundred_mails(
    house: Settings, sessions: Sessions
) -> None:
    count = plan_contacts(sessions, per_rep=PER_REP)
    with running_mail_server(wants_company_of=2) as server:
        started = [start_worker(house, server.port) for _ in range(2)]
        try:
            server.wait_for(count, seconds=PATIENCE)
        finally:
            codes = stop(started)
        assert server.most_at_once >= 2, "the two were never at work at the same time"
        assert len(server.received) == count
        assert set(server.ids().values()) == {1}
        assert set(server.recipients().values()) == {PER_REP}

        Worker(sessions, SmtpTransport(server.smtp), house).run_once()
        assert len(server.received) == count

    assert codes == [0, 0]
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(WorkerBeat)) == 3
        found = session.execute(select(Notice.state, func.count()).group_by(Notice.state)).all()
        assert [tuple(row) for row in found] == [(NoticeState.SENT, count)]


def test_a_worker_killed_between_mail_and_note_leaves_nothing_unsent(
    house: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = plan_contacts(sessions, per_rep=3)
    sent_before_death = 5
    with running_mail_server() as server:
        house = replace(house, smtp=server.smtp)
        child = multiprocessing.get_context("spawn").Process(
            target=die_while_delivering, args=(house, sent_before_death)
        )
        child.start()
        child.join(PATIENCE)
        assert child.exitcode == -signal.SIGKILL
        assert len(server.received) == sent_before_death

        survivor = Worker(sessions, SmtpTransport(server.smtp), house)
        survivor.run_once()
        assert len(server.received) == sent_before_death  # the dead one's lease still runs

        later = clock.now() + notices.LEASE + timedelta(seconds=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        survivor.run_once()

        times = server.ids()
        assert len(times) == count  # nobody was left out
        assert sorted(times.values())[-2:] == [1, 2]  # one mail came twice, under one id
    with sessions() as session:
        assert set(session.scalars(select(Notice.state))) == {NoticeState.SENT}


def test_a_worker_told_to_stop_gives_back_its_turn_and_ends_well(
    house: Settings, sessions: Sessions
) -> None:
    with running_mail_server() as server:
        plan_contacts(sessions, per_rep=1)
        worker = start_worker(house, server.port)
        try:
            server.wait_for(REPS, seconds=PATIENCE)
        finally:
            codes = stop([worker])

    assert codes == [0]
    assert len(server.received) == REPS
    with sessions() as session:
        assert session.scalars(select(Lease)).all() == []
        claimed = select(func.count()).where(Notice.state == NoticeState.CLAIMED)
        assert session.scalar(claimed) == 0
