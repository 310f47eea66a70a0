"""Assigning a whole segment to reps: the preview, the assignment and its undo.

    python -m benchmarks.assignment [number of customers]

Half of the customers have an owner, each tenth a planned contact. The result goes into
docs/benchmarks.md.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from benchmarks import generate, paper
from benchmarks.segment import NOW, ZONE, fill
from crm import migrations
from crm.app import wire_events
from crm.core import db
from crm.core.company import Company
from crm.customers.models import Customer, Way
from crm.customers.segment_fields import OWN, SegmentFields
from crm.customers.services import assignments, segments
from crm.customers.services.assignments import Share
from crm.customers.services.segments import Describe
from crm.followups.models import FollowUp
from crm.users.models import Role, User
from tests.databases import PrivateCluster

REPS = 20
TITLE = "## Assignment"
EVERYBODY: dict[str, Any] = {"all": [{"field": "order_count", "operator": "at_least", "value": 0}]}

T = TypeVar("T")


def people(session: Session) -> None:
    for number in range(REPS + 1):
        session.add(
            User(
                email=f"{number}@qinghe.example",
                name=f"销售{number}",
                role=Role.REP if number else Role.ADMIN,
                password_hash="",
                password_changed_at=NOW,
                created_at=NOW,
            )
        )
    session.flush()


def owned(session: Session) -> None:
    """Every second customer has one of the first five as owner, every tenth a plan."""
    table = Customer.__table__
    rows = session.execute(select(Customer.id).where(Customer.id % 2 == 0)).scalars().all()
    reps = session.scalars(select(User.id).where(User.role == Role.REP).order_by(User.id)).all()[:5]
    for place, rep_id in enumerate(reps):
        session.execute(
            table.update()  # type: ignore[attr-defined]  # a Table, though typed as FromClause
            .where(table.c.id % 2 == 0, table.c.id / 2 % len(reps) == place)
            .values(owner_id=rep_id)
        )
    session.execute(
        insert(FollowUp),
        [
            {
                "customer_id": one,
                "owner_id": reps[one // 2 % len(reps)],
                "due_at": NOW,
                "created_at": NOW,
                "purpose": "",
                "note": "",
                "version": 1,
            }
            for one in rows[::5]
        ],
    )


def timed(act: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    found = act()
    return time.perf_counter() - start, found


def rows_of(engine: Engine, count: int) -> Iterator[str]:
    name = "SQLite" if engine.dialect.name == "sqlite" else "PostgreSQL"
    migrations.upgrade(engine)
    fill(engine, count)
    sessions = db.make_sessions(
        engine,
        {
            "bus": wire_events(),
            "company": Company("Benchmark", ZONE),
            "segment_fields": SegmentFields(*OWN),
        },
    )
    with sessions.begin() as session:
        people(session)
        owned(session)
        by = session.scalars(select(User).where(User.role == Role.ADMIN)).one()
        segment = segments.create(session, Describe("everybody", EVERYBODY), by=by, now=NOW)
        ids = session.scalars(select(User.id).where(User.role == Role.REP)).all()
        wanted: dict[str, Any] = {"segment_id": segment.id, "way": Way.EVEN, "rep_ids": ids}
    looking, shown = timed(
        lambda: _in(sessions, lambda s: assignments.preview(s, Share(**wanted), by=by, now=NOW))
    )
    agreed = Share(**wanted, fingerprint=shown.fingerprint)
    doing, made = timed(
        lambda: _in(sessions, lambda s: assignments.assign(s, agreed, by=s.merge(by), now=NOW))
    )
    undoing, back = timed(
        lambda: _in(
            sessions,
            lambda s: assignments.undo(s, s.merge(made), by=s.merge(by), now=NOW),
        )
    )
    yield (
        f"| {name} | {shown.total:,} | {shown.moved:,} | {looking:.2f} | {doing:.2f} "
        f"| {undoing:.2f} | {back:,} |"
    )


def _in(sessions: db.Sessions, act: Callable[[Session], T]) -> T:
    """The act in a transaction of its own, its commit within the time."""
    with sessions.begin() as session:
        return act(session)


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else generate.CUSTOMERS
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        lines += rows_of(db.make_engine(f"sqlite:///{folder}/bench.db"), count)
    with PrivateCluster() as cluster:
        engine = db.make_engine(cluster.url)
        lines += rows_of(engine, count)
        engine.dispose()
    paper.keep(
        [
            TITLE,
            "",
            f"`python -m benchmarks.assignment {count}`: seconds, {REPS} reps, evenly, one run.",
            "Half of the customers had one of five owners, a tenth a planned contact, which moved",
            "too.",
            "",
            "| database | customers | changed hands | preview | assignment | undo | given back |",
            "|---|---|---|---|---|---|---|",
            *lines,
        ]
    )


if __name__ == "__main__":
    main()
