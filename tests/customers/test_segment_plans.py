"""A selective rule is answered by an index, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.db import dialect_name
from crm.customers.models import (
    ContactSubject,
    Customer,
    CustomerStats,
    CustomerTag,
    Order,
    OrderLine,
    OrderStatus,
    Stage,
    Tag,
)
from crm.customers.queries import segments as queries
from tests.conftest import NOW

MANY = 3_000


@pytest.fixture
def crowded(session: Session) -> Session:
    """Thousands of ordinary customers, a few of each kind that a rule looks for."""
    ids = range(1, MANY + 1)
    rows: dict[Any, list[dict[str, Any]]] = {
        ContactSubject: [{"id": one, "created_at": NOW} for one in ids],
        Customer: [
            {
                "id": one,
                "public_id": f"{one:032x}",
                "name": f"客户 {one}",
                "region": "稀" if one % 1_000 == 0 else f"区{one % 40}",
                "stage": Stage.LOYAL if one % 1_000 == 0 else Stage.PROSPECT,
                "stage_since": NOW,
                "subject_id": one,
                "last_contact_at": NOW - timedelta(days=one % 1_000),
                "created_at": NOW - timedelta(days=one % 1_000),
                "updated_at": NOW,
            }
            for one in ids
        ],
        Tag: [
            {"id": 1, "name": "常见", "created_at": NOW},
            {"id": 2, "name": "稀", "created_at": NOW},
        ],
        CustomerTag: [
            {"customer_id": one, "tag_id": 2 if one % 1_000 == 0 else 1, "created_at": NOW}
            for one in ids
        ],
        CustomerStats: [{"customer_id": one, "order_count": 1, "amount_fen": 1} for one in ids],
        Order: [
            {
                "id": one,
                "customer_id": one,
                "source": "店",
                "number": str(one),
                "status": OrderStatus.PAID,
                "currency": "CNY",
                "amount_fen": 100,
                "ordered_at": NOW,
                "created_at": NOW,
                "updated_at": NOW,
            }
            for one in ids
        ],
        OrderLine: [
            {
                "order_id": one,
                "line_no": 1,
                "product_code": f"P{one}",
                "quantity": 1,
                "unit_price": 1,
                "amount_milli": 1_000,
            }
            for one in ids
        ],
    }
    for model, values in rows.items():
        session.execute(insert(bulk.table(model)), values)
    session.execute(text("ANALYZE"))
    return session


def plan(session: Session, engine: Engine, rule: dict[str, Any]) -> str:
    """How the database answers, as it says itself, for the statement as the driver gets it."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, bound: object, *_: object) -> None:
        sent.append((statement, bound))

    event.listen(engine, "before_cursor_execute", note)
    try:
        session.execute(select(Customer.id).where(queries.condition(session, rule, now=NOW)))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    is_sqlite = dialect_name(session) == "sqlite"
    prefix = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    statement, bound = sent[-1]
    rows = session.connection().exec_driver_sql(prefix + statement, bound).all()
    return "\n".join(str(row[-1]) for row in rows)


SELECTIVE = {
    "ix_customers_region_id": {"field": "region", "operator": "any_of", "value": ["稀"]},
    "ix_customers_stage_id": {"field": "stage", "operator": "any_of", "value": ["loyal"]},
    "ix_customers_last_contact_at_id": {
        "field": "last_contact",
        "operator": "within_days",
        "value": 3,
    },
    "ix_customers_created_at_id": {"field": "created", "operator": "within_days", "value": 3},
    "ix_order_lines_product_code": {
        "field": "product_code",
        "operator": "any_of",
        "value": ["P7"],
    },
}


def test_a_selective_rule_uses_its_index(crowded: Session, engine: Engine) -> None:
    bought = {"field": "order_count", "operator": "at_least", "value": 1}
    for index, rule in SELECTIVE.items():
        found = plan(crowded, engine, {"all": [rule, bought]})
        assert index in found, found


def test_tags_and_totals_are_looked_up_and_not_read_through(
    crowded: Session, engine: Engine
) -> None:
    rule = {
        "all": [
            {"field": "region", "operator": "any_of", "value": ["稀"]},
            {"field": "tag", "operator": "any_of", "value": ["稀"]},
            {"field": "order_count", "operator": "at_least", "value": 1},
        ]
    }
    found = plan(crowded, engine, rule)
    assert "customer_tags" in found
    for table in ("customer_tags", "customer_stats"):
        assert f"SCAN {table}" not in found
        assert f"Seq Scan on {table}" not in found
    assert queries.count(crowded, rule, now=NOW) == MANY // 1_000
