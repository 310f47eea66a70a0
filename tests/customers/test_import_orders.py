from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.customers.models import (
    Customer,
    CustomerStats,
    Import,
    ImportKind,
    ImportRejection,
    ImportState,
    Order,
    OrderLine,
    OrderStatus,
    Stage,
)
from crm.customers.rules import mappings
from crm.customers.services import importing, stats
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.imports import run
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_team, make_user

Bring = Callable[..., Import]
HEADER = "订单编号,订单创建时间,订单付款时间,订单状态,总金额,客户编号,联系手机\n"
LINES = "number,date,customer id,sku,product,quantity,unit price\n"


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


@pytest.fixture
def bring(session: Session, tmp_path: Path, by: User) -> Bring:
    """Import orders from text, with the columns guessed from the header."""

    def brought(text: str, *, user: User | None = None, **options: Any) -> Import:
        path = tmp_path / "orders.csv"
        path.write_text(text, encoding="utf-8")
        guessed = mappings.guess("orders", text.splitlines()[0].split(","), source="shop")
        mapping = mappings.from_json(guessed.as_json() | options, kind="orders")
        return run(session, path, ImportKind.ORDERS, by=user or by, mapping=mapping)

    return brought


def counts(item: Import) -> tuple[int, int, int, int]:
    return item.created_count, item.updated_count, item.unchanged_count, item.rejected_count


def order(session: Session, number: str) -> Order:
    found = select(Order).where(Order.number == number)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def totals(session: Session, **known: Any) -> tuple[int, int]:
    found = select(CustomerStats).join(Customer).filter_by(**known)
    one = session.scalar(found.execution_options(populate_existing=True))
    return (one.order_count, one.amount_fen) if one else (0, 0)


def refusals(session: Session, item: Import) -> dict[int, str]:
    found = select(ImportRejection).where(ImportRejection.import_id == item.id)
    return {one.line: one.code for one in session.scalars(found)}


def test_an_export_of_the_shop_becomes_orders_customers_and_totals(
    session: Session, bring: Bring
) -> None:
    item = bring(
        HEADER
        + 'A1,2026/11/1 10:00,2026/11/1 10:05,交易成功,"1,200.50",C1,13800138000\n'
        + "A2,2026-11-02 10:00:00,,等待买家付款,￥99,C1,\n"
        + "A3,2026-11-03 10:00,2026-11-03 10:01,交易成功,100,C1,\n"
        + "A4,2026-11-03 10:00,,交易关闭,50,C2,\n"
        + "A5,2026-11-03 10:00,,已付款,70,,\n"
    )
    assert (item.state, counts(item)) == (ImportState.DONE, (5, 0, 0, 0))
    first = order(session, "A1")
    assert (first.source, first.currency, first.amount_fen) == ("shop", "CNY", 120_050)
    assert first.status is OrderStatus.COMPLETED
    assert first.ordered_at == datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
    assert first.paid_at == datetime(2026, 11, 1, 2, 5, tzinfo=UTC)
    assert order(session, "A5").customer_id is None
    assert totals(session, external_id="C1") == (2, 130_050)
    assert totals(session, external_id="C2") == (0, 0)
    buyer = session.scalars(select(Customer).where(Customer.external_id == "C1")).one()
    assert (buyer.phone, buyer.source) == ("+8613800138000", "shop")


def test_orders_move_a_customer_to_the_stage_they_lead_to(session: Session, bring: Bring) -> None:
    make_customer(session, name="王芳", phone="13800138000")
    bring(HEADER + "A1,2026-11-01,,已付款,10,,13800138000\n")
    found = select(Customer.stage).where(Customer.name == "王芳")
    assert session.scalar(found) is Stage.NEW
    bring(HEADER + "A2,2026-11-02,,已付款,10,,13800138000\n")
    assert session.scalar(found) is Stage.REGULAR


def test_an_order_that_changed_is_updated_and_its_customers_totals_follow(
    session: Session, bring: Bring
) -> None:
    bring(HEADER + "A1,2026-11-01,,已付款,10,C1,\nA2,2026-11-01,,已付款,20,C1,\n")
    item = bring(HEADER + "A1,2026-11-01,,交易关闭,10,C1,\nA2,2026-11-01,,已付款,20,C1,\n")
    assert counts(item) == (0, 1, 1, 0)
    assert order(session, "A1").status is OrderStatus.CANCELLED
    assert totals(session, external_id="C1") == (1, 2_000)
    bring(HEADER + "A2,2026-11-01,,交易关闭,20,C1,\n")
    assert totals(session, external_id="C1") == (0, 0)
    assert session.scalar(select(func.count(CustomerStats.customer_id))) == 0


def test_what_the_file_does_not_say_stays(session: Session, bring: Bring) -> None:
    buyer = make_customer(session, external_id="C1", source="shop")
    make_order(
        session,
        buyer,
        source="shop",
        number="A1",
        amount_fen=5_000,
        refunded_fen=1_000,
        channel="天猫",
        currency="USD",
    )
    bring("订单编号,下单时间,总金额\nA1,2026-11-01,60\n")
    found = order(session, "A1")
    assert (found.amount_fen, found.refunded_fen, found.customer_id) == (6_000, 1_000, buyer.id)
    assert (found.channel, found.currency) == ("天猫", "USD")
    assert totals(session, external_id="C1") == (1, 5_000)


def test_lines_make_orders_and_equal_lines_count_each(session: Session, bring: Bring) -> None:
    item = bring(
        LINES
        + "A1,2026-11-01 10:00,C1,S,Lamp,2,9.99\n"
        + "A1,2026-11-01 09:00,C1,S,Lamp,2,9.99\n"  # the same again, and earlier
        + "A2,2026-11-02,C1,S,Gift,1,0\n"
        + "A1,2026-11-01 11:00,C1,B,Bulk,1,0.005\n"  # late, and half a fen
        + "A3,2026-11-02,,R,Return,-1,5\n"
    )
    assert counts(item) == (3, 0, 0, 0)
    first = order(session, "A1")
    assert first.amount_fen == 3_997  # 39.965: the order is rounded, not its lines
    assert first.ordered_at == datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    lines = select(OrderLine).where(OrderLine.order_id == first.id).order_by(OrderLine.line_no)
    found = [(one.line_no, one.product_code, one.amount_milli) for one in session.scalars(lines)]
    assert found == [(1, "S", 19_980), (2, "S", 19_980), (3, "B", 5)]
    assert (order(session, "A2").amount_fen, order(session, "A3").amount_fen) == (0, -500)
    assert totals(session, external_id="C1") == (1, 3_997)


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_an_order_may_be_spread_over_the_file_and_over_steps(
    session: Session, bring: Bring, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", step)
    monkeypatch.setattr(importing, "RECORDS_A_STEP", step)
    text = LINES + "".join(
        f"A{n % 3},2026-11-0{1 + n % 5},C{n % 3},S{n},Lamp,{n},1.5\n" for n in range(1, 12)
    )
    item = bring(text)
    assert (counts(item), item.state) == ((3, 0, 0, 0), ImportState.DONE)
    whole = sum(n for n in range(1, 12)) * 150
    assert session.scalar(select(func.sum(Order.amount_fen))) == whole
    assert session.scalar(select(func.sum(CustomerStats.amount_fen))) == whole
    again = bring(text)
    assert counts(again) == (0, 0, 3, 0)
    assert session.scalar(select(func.count(OrderLine.id))) == 11


def test_a_later_file_takes_lines_away_and_changes_them(session: Session, bring: Bring) -> None:
    bring(LINES + "A1,2026-11-01,C1,S,Lamp,2,10\nA1,2026-11-01,C1,B,Cup,1,5\n")
    item = bring(LINES + "A1,2026-11-01,C1,S,Lamp,1,10\n")
    assert counts(item) == (0, 1, 0, 0)
    assert order(session, "A1").amount_fen == 1_000
    kept = session.scalars(select(OrderLine).execution_options(populate_existing=True)).one()
    assert (kept.quantity, kept.product_code) == (Decimal(1), "S")
    assert totals(session, external_id="C1") == (1, 1_000)


def test_lines_alone_join_known_orders_and_leave_their_amounts(
    session: Session, bring: Bring
) -> None:
    bring(HEADER + "A1,2026-11-01,,已付款,30,C1,\n")
    item = bring("number,sku,quantity,unit price\nA1,S,2,10\nA9,S,1,1\n")
    assert counts(item) == (0, 1, 0, 1)
    assert refusals(session, item) == {3: "import.order_unknown"}
    assert order(session, "A1").amount_fen == 3_000
    assert session.scalar(select(func.count(OrderLine.id))) == 1


def test_orders_that_cannot_be_taken_come_back_with_the_reason(
    session: Session, bring: Bring
) -> None:
    bring(HEADER + "A1,2026-11-01,,已付款,30,C1,\n")
    item = bring(
        HEADER
        + "A1,2026-11-01,,已付款,30,C2,\n"  # 2
        + "A2,01/11/2026,,已付款,30,,\n"  # 3
        + "A3,2026-11-01,,已付款,30.005,,\n"  # 4
        + "A4,2026-11-01,,寄丢了,30,,\n"  # 5
        + ",2026-11-01,,已付款,30,,\n"  # 6
        + "A5,,,已付款,30,,\n"  # 7
        + "A6,2026-11-01,,已付款,,,\n"  # 8
        + "A7,2026-11-01,,已付款,30,,\n"  # 9: fine
        + "A7,2026-11-01,,已付款,30,,\n"  # 10
        + "A8,2026-02-29,,已付款,30,,\n"  # 11
        + "A9,2026-11-01,,已付款,1e308,,\n"  # 12
    )
    assert counts(item) == (1, 0, 0, 10)
    assert refusals(session, item) == {
        2: "import.order_of_another",
        3: "import.date_invalid",
        4: "core.money_decimals",
        5: "import.value_unknown",
        6: "import.value_missing",
        7: "import.value_missing",
        8: "import.value_missing",
        10: "import.repeated",
        11: "import.date_invalid",
        12: "core.number_invalid",
    }
    assert session.scalar(select(func.count(Customer.id))) == 1


def test_an_order_repeated_in_a_later_step_is_still_noticed(
    session: Session, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", 1)
    item = bring(HEADER + "A1,2026-11-01,,已付款,30,,\nA1,2026-11-01,,已付款,40,,\n")
    assert refusals(session, item) == {3: "import.repeated"}
    assert order(session, "A1").amount_fen == 3_000


def test_a_lead_cannot_add_orders_to_another_teams_customer(session: Session, bring: Bring) -> None:
    stranger = make_user(session, name="周婷", team=make_team(session, name="华南组"))
    make_customer(session, phone="13800138000", owner=stranger)
    lead = make_user(session, name="孙立", role="lead")
    item = bring(HEADER + "A1,2026-11-01,,已付款,30,,13800138000\n", user=lead)
    assert refusals(session, item) == {2: "import.not_yours"}
    assert session.scalar(select(func.count(Order.id))) == 0


def test_a_step_killed_before_its_commit_leaves_no_double(
    session: Session, tmp_path: Path, by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", 3)
    path = tmp_path / "lines.csv"
    path.write_text(
        LINES + "".join(f"A{n % 4},2026-11-01,C{n % 4},S,Lamp,1,1\n" for n in range(20)),
        encoding="utf-8",
    )
    mapping = mappings.guess("orders", LINES.strip().split(","), source="shop")
    wanted = NewImport(ImportKind.ORDERS, path, "lines.csv", mapping)
    item = importing.start(session, wanted, by=by, now=NOW)
    session.commit()
    running = True
    while running:
        importing.advance_one(session, item, NOW)
        session.rollback()
        session.refresh(item)
        running = importing.advance_one(session, item, NOW)
        session.commit()
    assert counts(item) == (4, 0, 0, 0)
    assert session.scalar(select(func.count(OrderLine.id))) == 20
    assert session.scalar(select(func.sum(CustomerStats.amount_fen))) == 2_000


def test_totals_are_recomputed_from_the_orders_and_equal_ones_are_not_written(
    session: Session,
) -> None:
    buyer = make_customer(session)
    make_order(session, buyer, amount_fen=500, ordered_at=NOW - timedelta(days=3), paid_at=None)
    make_order(session, buyer, amount_fen=900, refunded_fen=900)
    make_order(session, buyer, amount_fen=700, status=OrderStatus.VOID)
    make_order(session, buyer, amount_fen=300, refunded_fen=100)
    session.execute(update(CustomerStats).values(order_count=99, amount_fen=1))
    stats.recompute(session, [buyer.id], now=NOW)
    stats.recompute(session, select(Customer.id), now=NOW)
    found = session.scalars(select(CustomerStats).execution_options(populate_existing=True)).one()
    assert (found.order_count, found.amount_fen) == (2, 700)
    assert (found.first_order_at, found.last_order_at) == (NOW - timedelta(days=3), NOW)
