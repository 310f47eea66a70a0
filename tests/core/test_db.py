"""How transactions begin on SQLite, and what the column types promise."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.orm import Session

from crm import migrations
from crm.app import wiring
from crm.core import db, jobs
from crm.core.db import Sessions
from crm.core.jobs import Lease
from crm.settings import Settings
from tests.conftest import NOW


@pytest.fixture(scope="module")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = db.make_engine(f"sqlite:///{tmp_path_factory.mktemp('db') / 'crm.db'}")
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def real_sessions(sqlite_engine: Engine, settings: Settings) -> Sessions:
    return db.make_sessions(sqlite_engine, wiring(settings))


@pytest.fixture
def begins(sqlite_engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(sqlite_engine, "before_cursor_execute", note)
    yield seen
    event.remove(sqlite_engine, "before_cursor_execute", note)


def lease(name: str) -> Lease:
    return Lease(name=name, owner="me", until=NOW)


def test_a_writing_transaction_takes_the_lock_with_its_first_statement(
    real_sessions: Sessions, begins: list[str]
) -> None:
    with real_sessions() as session:
        session.scalars(select(Lease)).all()
    assert begins == ["BEGIN IMMEDIATE"]


def test_a_read_only_transaction_waits_for_nobody_and_cannot_write(
    real_sessions: Sessions, begins: list[str]
) -> None:
    with real_sessions() as writer, real_sessions() as reader:
        writer.add(lease("writing"))
        writer.flush()  # holds the write lock
        db.read_only(reader)
        assert reader.get(Lease, "writing") is None
        reader.add(lease("forbidden"))
        with pytest.raises(OperationalError, match="readonly"):
            reader.flush()
    assert begins == ["BEGIN IMMEDIATE", "BEGIN"]


def test_a_connection_that_has_read_can_write_again(real_sessions: Sessions) -> None:
    with real_sessions() as reader:
        db.read_only(reader)
        reader.scalars(select(Lease)).all()
    with real_sessions.begin() as writer:
        writer.add(lease("after a reader"))
    with real_sessions() as session:
        assert session.get(Lease, "after a reader") is not None


def test_every_connection_is_set_up_for_safety(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        pragmas = {
            name: driver.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_an_instant_comes_back_in_utc_whatever_zone_it_had(session: Session) -> None:
    shanghai = timezone(timedelta(hours=8))
    session.add(Lease(name="zone", owner="me", until=NOW.astimezone(shanghai)))
    session.flush()
    session.expire_all()
    stored = session.get_one(Lease, "zone").until
    assert stored == NOW
    assert stored.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(session: Session) -> None:
    session.add(Lease(name="naive", owner="me", until=NOW.replace(tzinfo=None)))
    with pytest.raises(StatementError, match="without a zone"):
        session.flush()


def test_a_migration_of_an_older_sqlite_keeps_its_children(tmp_path: Path) -> None:
    """Up, down and up again, with the foreign keys' trap in between."""
    engine = db.make_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    migrations.upgrade(engine)
    assert migrations.is_current(engine)
    migrations.downgrade(engine)
    assert not migrations.is_current(engine)
    migrations.upgrade(engine)
    assert migrations.is_current(engine)
    engine.dispose()


def test_one_owner_holds_a_lease_until_it_runs_out(session: Session) -> None:
    minute = timedelta(minutes=1)
    assert jobs.hold(session, "clock", owner="a", length=minute, now=NOW)
    assert not jobs.hold(session, "clock", owner="b", length=minute, now=NOW)
    assert jobs.hold(session, "clock", owner="a", length=minute, now=NOW + minute / 2)
    session.expire_all()
    assert not jobs.hold(session, "clock", owner="b", length=minute, now=NOW + minute)
    session.expire_all()
    assert jobs.hold(session, "clock", owner="b", length=minute, now=NOW + 2 * minute)


def test_the_last_beat_is_the_youngest_workers(session: Session) -> None:
    assert jobs.last_beat(session) is None
    jobs.beat(session, "a", now=NOW)
    jobs.beat(session, "b", now=NOW + timedelta(seconds=5))
    jobs.beat(session, "a", now=NOW + timedelta(seconds=3))
    session.flush()
    assert jobs.last_beat(session) == NOW + timedelta(seconds=5)
