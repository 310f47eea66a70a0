"""The public data sets give their published figures, however often they are imported."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.core import bulk, money
from crm.core.db import Model
from crm.customers.models import (
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerScores,
    CustomerStats,
    Import,
    ImportKind,
    ImportState,
    Order,
    OrderLine,
    OrderStatus,
    StageChange,
)
from crm.customers.models.valid import counted_at, net_fen, valid_order
from crm.customers.services import scores
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.imports import documented, run
from tests.factories.users import make_user

pytestmark = pytest.mark.real_data

TABLES: tuple[type[Model], ...] = (
    Customer,
    ContactSubject,
    ContactPoint,
    CustomerStats,
    Order,
    OrderLine,
    StageChange,
)


def everything(session: Session) -> dict[str, str]:
    """A digest of every row of every table that an import writes, as it is stored."""
    found = {}
    for model in TABLES:
        table = bulk.table(model)
        digest = hashlib.sha256()
        rows = session.execute(select(table).order_by(*table.primary_key))
        for some in rows.yield_per(2_000).partitions():
            digest.update(repr([tuple(row) for row in some]).encode())
        found[table.name] = digest.hexdigest()
    return found


def count(
    session: Session,
    *conditions: ColumnElement[bool],
    of: ColumnElement[Any] | InstrumentedAttribute[Any] = Order.id,
) -> int:
    return session.scalar(select(func.count(of)).where(*conditions)) or 0


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


def test_online_retail_gives_its_published_figures_twice(
    session: Session, data_dir: Path, by: User
) -> None:
    path = data_dir / "online_retail" / "online_retail.csv.gz"
    mapping = documented("online_retail", ImportKind.ORDERS)

    first = run(session, path, ImportKind.ORDERS, by=by, mapping=mapping)

    assert (first.state, first.row_count, first.rejected_count) == (ImportState.DONE, 541_909, 0)
    assert first.created_count == 25_900
    assert count(session, of=OrderLine.id) == 541_909
    assert count(session, of=Customer.id) == 4_372
    assert count(session, Order.customer_id.is_(None)) == 3_710
    assert count(session, Order.status == OrderStatus.CANCELLED) == 3_836

    clean = (valid_order(), Order.customer_id.is_not(None))
    assert count(session, *clean) == 18_532
    assert count(session, *clean, of=Order.customer_id.distinct()) == 4_338
    total = session.scalar(select(func.sum(net_fen())).where(*clean))
    assert money.plain_text(int(total or 0)) == "8911407.90"
    lines = session.execute(
        select(func.count(), func.sum(OrderLine.amount_milli))
        .join(Order, Order.id == OrderLine.order_id)
        .where(*clean, OrderLine.quantity > 0, OrderLine.unit_price > 0)
    ).one()
    assert (lines[0], int(lines[1])) == (397_884, 8_911_407_904)

    stats = select(
        func.count(), func.sum(CustomerStats.order_count), func.sum(CustomerStats.amount_fen)
    )
    with_orders = session.execute(stats.where(CustomerStats.order_count > 0)).one()
    assert tuple(map(int, with_orders)) == (4_338, 18_532, 891_140_790)
    assert count(session, CustomerStats.order_count >= 2, of=CustomerStats.customer_id) == 2_845
    assert count(session, CustomerStats.order_count >= 209, of=CustomerStats.customer_id) == 1
    scores.recompute(session, now=datetime(2011, 12, 9, 12, tzinfo=UTC), since=date(2010, 12, 1))
    by_frequency = select(CustomerScores.frequency, func.count()).group_by(CustomerScores.frequency)
    assert sorted(tuple(row) for row in session.execute(by_frequency)) == [
        (1, 1_493),
        (2, 835),
        (3, 508),
        (4, 802),
        (5, 700),
    ]
    best = (CustomerScores.recency == 5, CustomerScores.frequency == 5)
    assert count(session, *best, of=CustomerScores.customer_id) == 384
    largest = session.scalar(
        select(CustomerStats.amount_fen)
        .join(Customer, Customer.id == CustomerStats.customer_id)
        .where(Customer.external_id == "14646")
    )
    assert largest == 28_020_602

    before = everything(session)
    second = run(
        session, path, ImportKind.ORDERS, by=by, mapping=mapping, now=NOW + timedelta(days=1)
    )
    assert (second.created_count, second.updated_count) == (0, 0)
    assert second.unchanged_count == 25_900
    assert everything(session) == before


def test_of_several_times_on_one_invoice_the_earliest_counts(
    session: Session, tmp_path: Path, by: User
) -> None:
    path = tmp_path / "late.csv"
    path.write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,A,Lamp,1,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
        "536365,B,Cup,1,2010-12-01 08:25:00,1.00,17850.0,United Kingdom\n",
        encoding="utf-8",
    )
    run(
        session,
        path,
        ImportKind.ORDERS,
        by=by,
        mapping=documented("online_retail", ImportKind.ORDERS),
    )
    order = session.scalars(select(Order).where(Order.number == "536365")).one()
    assert order.ordered_at.isoformat() == "2010-12-01T00:25:00+00:00"
    assert order.amount_fen == 355


@pytest.mark.parametrize("detail", ["meal_order_detail.csv", "meal_order_detail.gb18030.csv"])
def test_the_restaurant_gives_the_same_from_either_encoding(
    session: Session, data_dir: Path, by: User, detail: str
) -> None:
    folder = data_dir / "cn_restaurant_orders"
    mapping = documented("meal_order_info", ImportKind.ORDERS)
    heads = run(session, folder / "meal_order_info.csv", ImportKind.ORDERS, by=by, mapping=mapping)
    assert (heads.created_count, heads.rejected_count) == (945, 0)
    mapping = documented("meal_order_detail", ImportKind.ORDERS)
    lines = run(session, folder / detail, ImportKind.ORDERS, by=by, mapping=mapping)
    assert (lines.state, lines.rejected_count) == (ImportState.DONE, 0)
    assert lines.encoding == ("gb18030" if "gb18030" in detail else "utf-8")

    assert count(session, of=Customer.id) == 551
    assert count(session, valid_order()) == 933
    assert session.scalar(select(func.sum(net_fen())).where(valid_order())) == 45_852_000
    assert session.scalar(select(func.sum(Order.amount_fen))) == 46_521_400
    assert count(session, CustomerStats.order_count >= 1, of=CustomerStats.customer_id) == 547
    assert count(session, CustomerStats.order_count >= 2, of=CustomerStats.customer_id) == 221
    assert count(session, of=OrderLine.id) == 10_037
    assert count(session, of=OrderLine.order_id.distinct()) == 942
    assert count(session, of=OrderLine.product_code.distinct()) == 150
    assert session.scalar(select(func.sum(OrderLine.amount_milli))) == 463_704_000
    assert session.scalar(select(func.min(counted_at()))) is not None
    evening = session.scalars(select(Order).where(Order.number == "1064")).one()
    assert evening.ordered_at.isoformat() == "2016-08-06T11:06:00+00:00"

    before = everything(session)
    again = run(session, folder / detail, ImportKind.ORDERS, by=by, mapping=mapping)
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 0, 942)
    assert everything(session) == before


def test_names_are_the_same_in_both_encodings(session: Session, data_dir: Path, by: User) -> None:
    folder = data_dir / "cn_restaurant_orders"
    read: Callable[[], set[tuple[Any, ...]]] = lambda: {  # noqa: E731 - read twice, short
        tuple(row)
        for row in session.execute(
            select(
                Order.number, OrderLine.line_no, OrderLine.product_name, OrderLine.quantity
            ).join(Order, Order.id == OrderLine.order_id)
        )
    }
    mapping = documented("meal_order_info", ImportKind.ORDERS)
    run(session, folder / "meal_order_info.csv", ImportKind.ORDERS, by=by, mapping=mapping)
    mapping = documented("meal_order_detail", ImportKind.ORDERS)
    run(session, folder / "meal_order_detail.csv", ImportKind.ORDERS, by=by, mapping=mapping)
    first = read()
    item: Import = run(
        session, folder / "meal_order_detail.gb18030.csv", ImportKind.ORDERS, by=by, mapping=mapping
    )
    assert item.updated_count == 0
    assert read() == first
    assert ("137", 4, "番茄炖牛腩", Decimal(1)) in first
