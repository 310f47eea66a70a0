"""Work by the clock: jobs are names with a step function; leases say whose turn it is."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.db import Model, Step, dialect_name

#: What a step leaves to be done outside its transaction (drawing, waiting for a server); it gives
#: back the step that notes the outcome.
Outside = Callable[[], Step]
Advance = Callable[[Session, datetime], bool | Outside]


SILENCE = timedelta(minutes=3)  # without a beat: no worker is running
KEEP_BEATS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Job:
    """`advance(session, now)` does one step and returns True while more is to do.

    Safe to run as often as you like. `everywhere` means that every worker runs it (it claims its
    rows itself); otherwise only the holder of the clock lease does.
    """

    name: str
    every: timedelta
    advance: Advance
    everywhere: bool = False


class Lease(Model):
    """Who holds a named turn, and until when."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    owner: Mapped[str] = mapped_column(String(60))
    until: Mapped[datetime]


class WorkerBeat(Model):
    """A worker's sign of life."""

    __tablename__ = "worker_beats"

    worker: Mapped[str] = mapped_column(String(60), primary_key=True)
    started_at: Mapped[datetime]
    at: Mapped[datetime]


def worker_name() -> str:
    """Random per process start: a restarted worker never inherits an old one's claims."""
    return uuid.uuid4().hex


def hold(session: Session, name: str, *, owner: str, length: timedelta, now: datetime) -> bool:
    """Take or keep the lease `name`. False while another owner's has not run out."""
    insert = postgresql.insert if dialect_name(session) == "postgresql" else sqlite.insert
    statement = insert(Lease).values(name=name, owner=owner, until=now + length)
    free_or_mine = (Lease.owner == owner) | (Lease.until < now)
    statement = statement.on_conflict_do_update(
        index_elements=[Lease.name],
        set_={
            "owner": case((free_or_mine, statement.excluded.owner), else_=Lease.owner),
            "until": case((free_or_mine, statement.excluded.until), else_=Lease.until),
        },
    )
    session.execute(statement)
    return session.scalar(select(Lease.owner).where(Lease.name == name)) == owner


def let_go(session: Session, name: str, *, owner: str) -> None:
    """Give the lease back before its time, if it is still this owner's."""
    session.execute(delete(Lease).where(Lease.name == name, Lease.owner == owner))


def beat(session: Session, worker: str, *, now: datetime) -> None:
    row = session.get(WorkerBeat, worker)
    if row is None:
        session.execute(delete(WorkerBeat).where(WorkerBeat.at < now - KEEP_BEATS))
        session.add(WorkerBeat(worker=worker, started_at=now, at=now))
    else:
        row.at = now


def last_beat(session: Session) -> datetime | None:
    return session.scalar(select(WorkerBeat.at).order_by(WorkerBeat.at.desc()).limit(1))
