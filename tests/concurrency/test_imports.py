"""Imports under a worker beside the command line, and under kill -9: no row is lost or doubled."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from crm.app import wiring
from crm.core import db
from crm.core.db import Sessions
from crm.customers.models import (
    ContactPoint,
    Customer,
    Import,
    ImportKind,
    ImportRejection,
    ImportState,
)
from crm.customers.services import importing
from crm.customers.services.importing import NewImport
from crm.settings import Settings
from tests.conftest import NOW
from tests.factories.users import make_user

pytestmark = pytest.mark.faults

PATIENCE = 60.0


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", 20)


def begin(sessions: Sessions, folder: Path, source: str, count: int) -> int:
    path = folder / f"{source}.csv"
    rows = (f"{source}-{n},王芳{n},{source}{n}@example.com\n" for n in range(count))
    path.write_text("客户编号,名称,邮箱\n" + "".join(rows), encoding="utf-8")
    with sessions.begin() as session:
        by = make_user(session, name="陈晨", role="admin", email=f"{folder.name}@{source}.example")
        wanted = NewImport(ImportKind.CUSTOMERS, path, path.name, source=source)
        return importing.start(session, wanted, by=by, now=NOW).id


def work(sessions: Sessions, item_id: int, *, as_worker: bool) -> None:
    more = True
    while more:
        try:
            with sessions.begin() as session:
                if as_worker:
                    more = importing.advance(session, NOW)
                else:
                    more = importing.advance_one(session, session.get_one(Import, item_id), NOW)
        except OperationalError as busy:  # one writer at a time: it comes again
            if "locked" not in str(busy.orig):
                raise


def must_be_whole(sessions: Sessions, item_id: int, source: str, count: int) -> None:
    with sessions() as session:
        item = session.get_one(Import, item_id)
        assert item.state is ImportState.DONE
        assert (item.created_count, item.position) == (count, count)
        refused = select(ImportRejection).where(ImportRejection.import_id == item_id)
        assert session.scalars(refused).all() == []
        made = select(func.count(Customer.id)).where(Customer.source == source)
        assert session.scalar(made) == count
        points = select(func.count(ContactPoint.id)).where(
            ContactPoint.address.startswith(source, autoescape=True)
        )
        assert session.scalar(points) == count


@pytest.mark.usefixtures("small_steps")
def test_a_worker_and_the_command_line_at_one_import_take_turns(
    race_sessions: Sessions, tmp_path: Path
) -> None:
    item_id = begin(race_sessions, tmp_path, "turns", 400)
    threads = [
        Thread(target=work, args=(race_sessions, item_id), kwargs={"as_worker": as_worker})
        for as_worker in (True, False, True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    must_be_whole(race_sessions, item_id, "turns", 400)


def read_slowly(url: str, settings: Settings, item_id: int) -> None:
    """What the process does that is going to be killed."""
    importing.ROWS_A_STEP = 20
    sessions = db.make_sessions(db.make_engine(url), wiring(settings))
    work(sessions, item_id, as_worker=False)


@pytest.mark.usefixtures("small_steps")
def test_an_import_killed_with_sigkill_goes_on_without_a_double(
    race_engine: Engine, race_sessions: Sessions, settings: Settings, tmp_path: Path
) -> None:
    item_id = begin(race_sessions, tmp_path, "killed", 2_000)
    url = race_engine.url.render_as_string(hide_password=False)
    child = multiprocessing.get_context("spawn").Process(
        target=read_slowly, args=(url, settings, item_id)
    )
    child.start()
    deadline = time.monotonic() + PATIENCE
    while position(race_sessions, item_id) < 40 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(PATIENCE)
    assert 0 < position(race_sessions, item_id) < 2_000
    work(race_sessions, item_id, as_worker=True)
    must_be_whole(race_sessions, item_id, "killed", 2_000)


def position(sessions: Sessions, item_id: int) -> int:
    with sessions() as session:
        db.read_only(session)
        return session.scalar(select(Import.position).where(Import.id == item_id)) or 0
