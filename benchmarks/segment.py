"""Counting a segment of five conditions beside the same question in hand-written SQL.

    python -m benchmarks.segment [number of customers]

Same database, same indexes, one run, the two statements in turn. Building the statement is reported
apart. The result goes into docs/benchmarks.md.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Select, event, func, insert, select
from sqlalchemy.orm import Session

from benchmarks import generate, paper
from crm import migrations
from crm.core import db
from crm.core.company import Company
from crm.core.deadline import ASKED_ONCE
from crm.core.events import EventBus
from crm.customers.models import (
    ContactSubject,
    Customer,
    CustomerStats,
    CustomerTag,
    Stage,
    Tag,
)
from crm.customers.queries import segments
from crm.customers.segment_fields import OWN, SegmentFields
from tests.databases import PrivateCluster

NOW = datetime(2026, 11, 19, 1, 30, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
ROUNDS = 41
TITLE = "## Segment count"

RULE: dict[str, Any] = {
    "all": [
        {"field": "order_count", "operator": "at_least", "value": 2},
        {"field": "last_order", "operator": "within_days", "value": 180},
        {"field": "tag", "operator": "any_of", "value": ["会员", "爱复购"]},
        {"field": "stage", "operator": "any_of", "value": ["prospect", "new", "regular"]},
        {"field": "region", "operator": "any_of", "value": ["杭州", "上海", "苏州", "南京"]},
    ]
}
BROAD: dict[str, Any] = {
    "any": [
        {"field": "order_amount", "operator": "at_least", "value": "800"},
        {
            "all": [
                {"field": "order_count", "operator": "at_most", "value": 1},
                {"not": {"field": "tag", "operator": "any_of", "value": ["批发"]}},
            ]
        },
    ]
}
FLOOR = """
SELECT count(*) FROM customers c JOIN customer_stats s ON s.customer_id = c.id
WHERE s.order_count >= 2 AND s.last_order_at >= {0} AND s.last_order_at < {0}
  AND c.stage IN ('prospect', 'new', 'regular') AND c.region IN ('杭州', '上海', '苏州', '南京')
  AND EXISTS (SELECT 1 FROM customer_tags t WHERE t.customer_id = c.id
    AND t.tag_id IN (SELECT id FROM tags WHERE name IN ('会员', '爱复购')))
"""
BROAD_FLOOR = """
SELECT count(*) FROM customers c LEFT JOIN customer_stats s ON s.customer_id = c.id
WHERE s.amount_fen >= 80000 OR (coalesce(s.order_count, 0) <= 1
  AND NOT EXISTS (SELECT 1 FROM customer_tags t JOIN tags ON tags.id = t.tag_id
    WHERE t.customer_id = c.id AND tags.name = '批发'))
"""


def fill(engine: Engine, count: int) -> None:
    """The generated customers with tags and the totals of their orders, by plain inserts."""
    chance = random.Random(generate.SEED)
    stages = [Stage.PROSPECT, Stage.INTERESTED, Stage.NEW, Stage.REGULAR, Stage.LOYAL]
    names = list(generate.TAGS)
    rows, tagged = [], []
    for number, row in enumerate(_body(generate.customers(count)), start=1):
        rows.append(
            {
                "id": number,
                "public_id": f"{number:032x}",
                "external_id": row[0],
                "name": row[1],
                "region": row[5],
                "source": row[6],
                "stage": chance.choice(stages),
                "stage_since": NOW,
                "subject_id": number,
                "created_at": NOW,
                "updated_at": NOW,
            }
        )
        tagged += [
            {"customer_id": number, "tag_id": names.index(tag) + 1, "created_at": NOW}
            for tag in row[8].split("、")
            if tag
        ]
    with engine.begin() as connection:
        subjects = [{"id": row["id"], "created_at": NOW} for row in rows]
        tags = [
            {"id": number, "name": name, "created_at": NOW}
            for number, name in enumerate(names, start=1)
        ]
        for model, values in (
            (ContactSubject, subjects),
            (Customer, rows),
            (Tag, tags),
            (CustomerTag, tagged),
            (CustomerStats, list(_totals(count).values())),
        ):
            connection.execute(insert(model), values)
        connection.exec_driver_sql("ANALYZE")


def _totals(count: int) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    many = generate.ORDERS * count // generate.CUSTOMERS
    for row in _body(generate.orders(many, of=count)):
        if row[3] not in {"交易成功", "已付款"}:
            continue
        buyer = int(row[5][1:]) + 1
        at = datetime.fromisoformat(row[1]).replace(tzinfo=ZONE)
        total = found.setdefault(
            buyer,
            {
                "customer_id": buyer,
                "order_count": 0,
                "amount_fen": 0,
                "first_order_at": at,
                "last_order_at": at,
            },
        )
        total["order_count"] += 1
        total["amount_fen"] += round(float(row[4]) * 100)
        total["first_order_at"] = min(total["first_order_at"], at)
        total["last_order_at"] = max(total["last_order_at"], at)
    return found


def _body(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    next(rows)
    return rows


def measure(engine: Engine, rule: dict[str, Any], floor: str) -> tuple[int, float, float, float]:
    """Customers found, then milliseconds: building the statement, our statement, the floor."""
    company = Company("Bench", ZONE)
    info = {"company": company, "segment_fields": SegmentFields(*OWN), "bus": EventBus()}
    with Session(engine, info=info) as session:

        def build() -> Select[int]:
            everybody = select(func.count()).select_from(Customer)
            return segments.narrowed(session, everybody, rule, now=NOW)

        building = statistics.median(_timed(lambda: build().compile(engine)) for _ in range(ROUNDS))
        sent = [_sent(engine, lambda: session.scalar(build())), _floor(engine, floor, company)]
        cursor = session.connection().connection.cursor()
        if engine.dialect.name == "postgresql":  # as `deadline` does before every question
            for name, value in ASKED_ONCE.items():
                cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
        found: set[int] = set()
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for place, (statement, bound) in enumerate(sent):
                start = time.perf_counter()
                cursor.execute(statement, bound)
                found.update(cursor.fetchone() or ())
                times[place].append((time.perf_counter() - start) * 1000)
    if len(found) != 1:
        raise SystemExit(f"the two statements disagree: {found}")
    return found.pop(), building, statistics.median(times[0]), statistics.median(times[1])


def _sent(engine: Engine, act: Callable[[], object]) -> tuple[str, object]:
    """The statement as the driver gets it."""
    seen: list[tuple[str, object]] = []

    def note(
        _connection: object, _cursor: object, statement: str, bound: object, *_: object
    ) -> None:
        seen.append((statement, bound))

    event.listen(engine, "before_cursor_execute", note)
    act()
    event.remove(engine, "before_cursor_execute", note)
    return seen[-1]


def _floor(engine: Engine, floor: str, company: Company) -> tuple[str, Any]:
    today = company.day_of(NOW)
    days = [today - timedelta(days=180), today + timedelta(days=1)]
    starts = [company.day_start(day) for day in days]
    if engine.dialect.name == "sqlite":
        bound = tuple(f"{at:%Y-%m-%d %H:%M:%S}.000000" for at in starts)
        return floor.format("?"), bound if "{0}" in floor else ()
    return floor.format("%s"), tuple(starts) if "{0}" in floor else ()


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def rows_of(engine: Engine, count: int) -> Iterator[str]:
    name = "SQLite" if engine.dialect.name == "sqlite" else "PostgreSQL"
    migrations.upgrade(engine)
    fill(engine, count)
    for label, rule, floor in (
        ("five conditions, all", RULE, FLOOR),
        ("or, not, and no orders", BROAD, BROAD_FLOOR),
    ):
        found, building, ours, theirs = measure(engine, rule, floor)
        yield (
            f"| {name} | {label} | {found:,} of {count:,} | {building:.1f} | {ours:.1f} "
            f"| {theirs:.1f} | {ours / theirs:.2f} |"
        )


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else generate.CUSTOMERS
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        lines += rows_of(db.make_engine(f"sqlite:///{folder}/bench.db"), count)
    with PrivateCluster() as cluster:
        engine = db.make_engine(cluster.url)
        lines += rows_of(engine, count)
        engine.dispose()
    table = [
        TITLE,
        "",
        f"`python -m benchmarks.segment {count}`: milliseconds, the middle of {ROUNDS} rounds.",
        "Ours and hand-written SQL on the same data with the same indexes, in turn.",
        "",
        "| database | rule | found | building it | ours | floor | ours / floor |",
        "|---|---|---|---|---|---|---|",
        *lines,
    ]
    paper.keep(table)


if __name__ == "__main__":
    main()
