"""The list of customers through the whole web program, beside the same rows in hand-written SQL.

    python -m benchmarks.customer_list [number of customers]

One browser of our own asks in turn (WSGI, no socket); the figure is the middle of the rounds. The
result goes into docs/benchmarks.md.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import Engine, bindparam, select, update
from sqlalchemy.orm import Session

from benchmarks import generate, paper, segment
from crm import migrations
from crm.app import create_app, wiring
from crm.core import bulk, clock, db, paging
from crm.customers.models import Customer
from crm.customers.rules import normalise
from crm.settings import Settings
from crm.users import auth
from crm.users.models import Role, User
from tests.databases import PrivateCluster
from tests.factories.users import make_user

ROUNDS = 31
TITLE = "## List of customers"
REPS = 8

LISTED = """SELECT c.*, u.name FROM customers c LEFT JOIN users u ON u.id = c.owner_id
{where} ORDER BY {order} LIMIT 26"""
BY_AMOUNT = """SELECT c.*, u.name FROM customer_stats s JOIN customers c ON c.id = s.customer_id
LEFT JOIN users u ON u.id = c.owner_id WHERE c.stage = 'regular' AND c.region = '杭州'
ORDER BY s.amount_fen DESC, s.customer_id DESC LIMIT 26"""
MIDDLE = "WHERE c.id > {middle} AND c.created_at = (SELECT created_at FROM customers LIMIT 1)"


def spread(engine: Engine) -> list[User]:
    """Owners, dates and spellings over the generated customers; every fifth is in the pool."""
    with Session(engine) as session, session.begin():
        session.expire_on_commit = False
        reps = [make_user(session, name=f"销售{number}") for number in range(REPS)]
        boss = make_user(session, name="总管", role=Role.MANAGER)
        for number, rep in enumerate(reps):
            session.execute(
                update(Customer).where(Customer.id % 10 == number).values(owner_id=rep.id)
            )
        for day in range(60):
            due = {
                "next_followup_at": segment.NOW + timedelta(days=day - 20),
                "last_contact_at": segment.NOW - timedelta(days=day),
            }
            session.execute(update(Customer).where(Customer.id % 97 == day).values(**due))
        table = bulk.table(Customer)
        spelt = update(table).where(table.c.id == bindparam("b_id"))
        rows = [
            {"b_id": row.id, "name_pinyin": spelling.full, "name_initials": spelling.initials}
            for row in session.execute(select(Customer.id, Customer.name))
            for spelling in [normalise.pinyin(row.name)]
        ]
        session.connection().execute(spelt, rows)
        session.connection().exec_driver_sql("ANALYZE")
    return [*reps[:1], boss]


def client_of(engine: Engine, user: User, folder: Path) -> FlaskClient:
    settings = Settings(
        database_url="sqlite://", secret_key="k" * 40, var_dir=folder, base_url="http://localhost"
    )
    sessions = db.make_sessions(engine, wiring(settings)["bus"])
    sessions.configure(info=wiring(settings))
    app = create_app(settings, sessions)
    with sessions.begin() as session:
        token = auth.open_session(session, user, now=clock.now())
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["sid"] = token
    return client


def cases(count: int, rep: User) -> Iterator[tuple[str, bool, str, str]]:
    """Label, whether the manager asks, address, and the floor's statement."""
    middle = paging.encode("created-up", segment.NOW, count // 2)
    yield (
        "all, by next follow-up",
        True,
        "/customers/",
        LISTED.format(
            where="WHERE c.next_followup_at IS NOT NULL", order="c.next_followup_at, c.id"
        ),
    )
    yield (
        "stage and region, by amount",
        True,
        ("/customers/?stage=regular&region=杭州&sort=amount&down=true"),
        BY_AMOUNT,
    )
    yield (
        "own and overdue",
        False,
        "/customers/?tab=mine&next=overdue",
        LISTED.format(
            where=f"WHERE c.owner_id = {rep.id} AND c.next_followup_at < '2026-11-18 16:00:00'",
            order="c.next_followup_at, c.id",
        ),
    )
    yield (
        "from the middle",
        True,
        f"/customers/?sort=created&cursor={middle}",
        LISTED.format(where=MIDDLE.format(middle=count // 2), order="c.created_at, c.id"),
    )
    yield (
        "name holds 子涵",
        True,
        "/customers/?q=子涵&sort=name",
        LISTED.format(
            where="WHERE c.name LIKE '%子涵%'".replace("%", "%%"), order="c.name_pinyin, c.id"
        ),
    )


def rows_of(engine: Engine, count: int, folder: Path) -> Iterator[str]:
    name = "SQLite" if engine.dialect.name == "sqlite" else "PostgreSQL"
    migrations.upgrade(engine)
    segment.fill(engine, count)
    rep, boss = spread(engine)
    clients = {False: client_of(engine, rep, folder), True: client_of(engine, boss, folder)}
    for label, is_boss, address, floor in cases(count, rep):
        client = clients[is_boss]
        page, fragment, plain = (
            statistics.median(times) for times in _rounds(engine, client, address, floor)
        )
        yield f"| {name} | {label} | {page:.1f} | {fragment:.1f} | {plain:.2f} |"


def _rounds(
    engine: Engine, client: FlaskClient, address: str, floor: str
) -> tuple[list[float], list[float], list[float]]:
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    if engine.dialect.name == "sqlite":
        floor = floor.replace("%%", "%")
    with engine.connect() as connection:
        for number in range(ROUNDS + 3):
            start = time.perf_counter()
            whole = client.get(address)
            middle = time.perf_counter()
            part = client.get(address, headers={"HX-Request": "true"})
            end = time.perf_counter()
            connection.exec_driver_sql(floor).all()
            done = time.perf_counter()
            if whole.status_code != 200 or part.status_code != 200:
                raise SystemExit(f"{address} answers {whole.status_code}")
            if number >= 3:  # the first rounds fill caches
                for place, span in enumerate((middle - start, end - middle, done - end)):
                    times[place].append(span * 1000)
    return times


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else generate.CUSTOMERS
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name:
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
            f"`python -m benchmarks.customer_list {count}`: milliseconds, the middle of {ROUNDS}",
            "rounds through the whole web program (sign-in, rights, counts, panels): the page, the",
            "part of it that filters and paging swap, and the rows alone in hand-written SQL.",
            "",
            "| database | list | page | swapped part | SQL of the rows |",
            "|---|---|---|---|---|",
            *lines,
        ]
    )


if __name__ == "__main__":
    main()
