"""A statement that takes too long is stopped by the database itself, not left running."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy import func, select, true
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.db import dialect_name
from crm.core.errors import DomainError

CANCELLED = "57014"  # PostgreSQL's query_canceled
TIMEOUT = "statement_timeout"
#: Statements with a deadline differ from each other: a plan for any values, or half a second of
#: compiling to machine code, costs more than the statement itself.
ASKED_ONCE = {"plan_cache_mode": "force_custom_plan", "jit": "off"}
STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's virtual machine: some milliseconds


@contextmanager
def deadline(session: Session, seconds: float, refusal: DomainError) -> Iterator[None]:
    """Raise `refusal` when the statements inside take longer; the transaction can go on."""
    if dialect_name(session) == "sqlite":
        with _sqlite(session, seconds, refusal):
            yield
        return
    with _postgresql(session, seconds, refusal):
        yield


@contextmanager
def _sqlite(session: Session, seconds: float, refusal: DomainError) -> Iterator[None]:
    driver = cast("sqlite3.Connection", session.connection().connection.driver_connection)
    ends = clock.monotonic() + seconds
    driver.set_progress_handler(lambda: int(clock.monotonic() > ends), STEPS_BETWEEN_LOOKS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" in str(error.orig):
            raise refusal from error
        raise
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _postgresql(session: Session, seconds: float, refusal: DomainError) -> Iterator[None]:
    before = session.scalar(select(func.current_setting(TIMEOUT))) or "0"
    try:
        # The savepoint keeps the transaction usable after the database has cancelled a statement.
        with session.begin_nested():
            _set(session, {TIMEOUT: f"{int(seconds * 1000)}ms", **ASKED_ONCE})
            yield
            _set(session, {TIMEOUT: before})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == CANCELLED:
            raise refusal from error
        raise


def _set(session: Session, settings: dict[str, str]) -> None:
    """For the rest of this transaction."""
    session.execute(
        select(*[func.set_config(name, value, true()) for name, value in settings.items()])
    )
