"""A rep's workbench through the whole web program, beside the same rows in hand-written SQL.

    python -m benchmarks.workbench [number of customers]

Every rep has a few hundred open contacts around today and years of logged ones; a tenth of all
customers were contacted this week, so the guard has something to say. Runs like
`benchmarks.customer_list`; the result goes into docs/benchmarks.md.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.orm import Session

from benchmarks import customer_list, generate, paper, segment
from crm import migrations
from crm.core import db
from crm.customers.models import Channel, Customer
from crm.followups.models import FollowUp, Outcome
from crm.outreach.models import LedgerEntry, LedgerState
from crm.outreach.services.policy import current_policy
from crm.users.models import User
from tests.databases import PrivateCluster
from tests.factories.users import make_user

ROUNDS = 41
TITLE = "## Workbench"
NOW = segment.NOW
OPEN_PER_REP, LOGGED = 300, 40_000

COUNTS = """SELECT count(*) FILTER (WHERE due_at < :today),
count(*) FILTER (WHERE due_at >= :today AND due_at < :tomorrow),
count(*) FILTER (WHERE due_at >= :tomorrow) FROM followups WHERE owner_id = :me
AND completed_at IS NULL AND cancelled_at IS NULL AND due_at < :week"""
GROUP = """SELECT f.*, c.*, u.name, a.title
FROM followups f JOIN customers c ON c.id = f.customer_id JOIN users u ON u.id = f.owner_id
LEFT JOIN activities a ON a.id = f.activity_id
WHERE f.owner_id = :me AND f.completed_at IS NULL AND f.cancelled_at IS NULL
AND f.due_at >= {0} AND f.due_at < {1} ORDER BY f.due_at, f.id LIMIT {2}"""
UNPLANNED = """SELECT count(*) FROM customers
WHERE owner_id = :me AND next_followup_at IS NULL"""
SILENT = """SELECT * FROM customers WHERE owner_id = :me AND next_followup_at IS NULL
ORDER BY last_contact_at, id LIMIT 7"""
GUARD = """SELECT subject_id, at, channel, by_id FROM ledger_entries
WHERE subject_id IN ({0}) AND at > :month"""
GROUPS = ((":past", ":today", 50), (":today", ":tomorrow", 50), (":tomorrow", ":week", 20))


def fill(engine: Engine, count: int) -> User:
    """The customers of the other benchmarks with what their reps have planned and logged."""
    segment.fill(engine, count)
    chance = random.Random(generate.SEED + 2)
    with Session(engine) as session, session.begin():
        session.expire_on_commit = False
        reps = [make_user(session, name=f"销售{number}") for number in range(customer_list.REPS)]
        for number, rep in enumerate(reps):
            session.execute(
                update(Customer).where(Customer.id % 10 == number).values(owner_id=rep.id)
            )
        own = {rep.id: _customers_of(session, rep) for rep in reps}
        planned = [row for rep in reps for row in _planned(rep, own[rep.id], chance)]
        logged = [_logged(chance.choice(reps), own, chance) for _ in range(LOGGED)]
        # One in five has nothing planned.
        session.execute(update(Customer).where(Customer.id % 50 > 9).values(next_followup_at=NOW))
        policy_id = current_policy(session, now=NOW).id
        session.execute(insert(FollowUp), planned)
        session.execute(insert(FollowUp), logged)
        session.execute(insert(LedgerEntry), [_entry(row, policy_id) for row in logged])
        session.connection().exec_driver_sql("ANALYZE")
    return reps[0]


def _customers_of(session: Session, rep: User) -> list[int]:
    return list(session.scalars(select(Customer.id).where(Customer.owner_id == rep.id)))


def _planned(rep: User, own: list[int], chance: random.Random) -> Iterator[dict[str, Any]]:
    for customer_id in chance.sample(own, min(OPEN_PER_REP, len(own))):
        due_at = NOW + timedelta(days=chance.randrange(-3, 25), minutes=chance.randrange(480))
        yield {
            "customer_id": customer_id,
            "owner_id": rep.id,
            "due_at": due_at,
            "purpose": chance.choice(("回访", "寄色卡后确认", "约看样", "")),
            "note": "",
            "created_at": NOW - timedelta(days=9),
            "version": 1,
        }


def _logged(rep: User, own: dict[int, list[int]], chance: random.Random) -> dict[str, Any]:
    at = NOW - timedelta(days=chance.expovariate(1 / 60), minutes=1)
    return {
        "customer_id": chance.choice(own[rep.id]),
        "owner_id": rep.id,
        "due_at": at,
        "purpose": "",
        "note": "想看样册，预算 4 万左右",
        "channel": Channel.PHONE,
        "outcome": chance.choice(list(Outcome)),
        "completed_at": at,
        "completed_by_id": rep.id,
        "contacted_at": at,
        "created_at": at - timedelta(days=7),
        "version": 2,
    }


def _entry(row: dict[str, Any], policy_id: int) -> dict[str, Any]:
    return {
        "subject_id": row["customer_id"],  # each customer is one person in these data
        "customer_id": row["customer_id"],
        "channel": row["channel"],
        "state": LedgerState.SENT,
        "at": row["contacted_at"],
        "by_id": row["owner_id"],
        "policy_id": policy_id,
        "details": {},
    }


def floor(connection: Connection, rep: User) -> int:
    """The rows of the page, asked as one would by hand; how many rows there are."""
    midnight = datetime(2026, 11, 18, 16, tzinfo=NOW.tzinfo)  # of the company's day, in UTC
    times = {
        "past": midnight - timedelta(days=36_500),
        "today": midnight,
        "tomorrow": midnight + timedelta(days=1),
        "week": midnight + timedelta(days=8),
        "month": NOW - timedelta(days=30),
    }
    if connection.dialect.name == "sqlite":
        shown: dict[str, Any] = {name: f"{at:%Y-%m-%d %H:%M:%S.%f}" for name, at in times.items()}
    else:
        shown = dict(times)
    shown["me"] = rep.id
    connection.execute(text(COUNTS), shown)
    rows = [
        row
        for group in GROUPS
        for row in connection.execute(text(GROUP.format(*group)), shown).all()
    ]
    connection.execute(text(UNPLANNED), shown)
    rows += connection.execute(text(SILENT), shown).all()
    people = ", ".join(
        str(row.customer_id if "customer_id" in row._fields else row.id) for row in rows
    )
    connection.execute(text(GUARD.format(people)), shown).all()
    return len(rows)


def rows_of(engine: Engine, count: int, folder: Path) -> Iterator[str]:
    name = "SQLite" if engine.dialect.name == "sqlite" else "PostgreSQL"
    migrations.upgrade(engine)
    rep = fill(engine, count)
    client = customer_list.client_of(engine, rep, folder)
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    with engine.connect() as connection:
        for number in range(ROUNDS + 3):
            start = time.perf_counter()
            whole = client.get("/followups/")
            middle = time.perf_counter()
            part = client.get("/followups/", headers={"HX-Request": "true"})
            end = time.perf_counter()
            shown = floor(connection, rep)
            done = time.perf_counter()
            if whole.status_code != 200 or part.status_code != 200:
                raise SystemExit(f"the workbench answers {whole.status_code}")
            if number >= 3:  # the first rounds fill caches
                for place, span in enumerate((middle - start, end - middle, done - end)):
                    times[place].append(span * 1000)
    page, fragment, plain = (statistics.median(found) for found in times)
    yield f"| {name} | {shown} | {page:.1f} | {fragment:.1f} | {plain:.2f} |"


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else generate.CUSTOMERS
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name, time_machine.travel(NOW, tick=True):
        folder = Path(name)
        lines += rows_of(db.make_engine(f"sqlite:///{folder}/bench.db"), count, folder)
        with PrivateCluster() as cluster:
            engine = db.make_engine(cluster.url)
            lines += rows_of(engine, count, folder)
            engine.dispose()
    paper.keep(
        [
            TITLE,
            "",
            f"`python -m benchmarks.workbench {count}`: milliseconds, the middle of {ROUNDS}",
            "rounds through the whole web program. Each rep has",
            f"{OPEN_PER_REP} open contacts, {LOGGED:,} are logged in all. The page, the part that",
            "logging a contact swaps, and its rows alone in hand-written SQL.",
            "",
            "| database | rows shown | page | swapped part | SQL of the rows |",
            "|---|---|---|---|---|",
            *lines,
        ]
    )


if __name__ == "__main__":
    main()
