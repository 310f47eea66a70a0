"""Pages by key: nothing lost, nothing twice, whatever the values and the size of a page."""

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.core import paging
from crm.core.errors import Invalid
from crm.core.paging import Order
from crm.customers.models import Customer, CustomerStats
from tests.conftest import NOW
from tests.factories.customers import make_customer

STATEMENT = select(Customer).outerjoin(CustomerStats, CustomerStats.customer_id == Customer.id)
ORDERS = [
    Order("next", Customer.next_followup_at, Customer.id, descending=down, nullable=True)
    for down in (False, True)
] + [
    Order(
        "amount",
        CustomerStats.amount_fen,
        CustomerStats.customer_id,
        descending=down,
        nullable=True,
        empty_id=Customer.id,
    )
    for down in (False, True)
]
NAME = Order("name", Customer.name_pinyin, Customer.id)

_days = st.lists(st.none() | st.integers(-2, 2), max_size=14)


def _fill(session: Session, days: list[int | None]) -> None:
    session.execute(delete(CustomerStats))
    session.execute(delete(Customer))
    for day in days:
        due = None if day is None else NOW + timedelta(days=day)
        customer = make_customer(session, next_followup_at=due)
        if day is not None:
            session.add(CustomerStats(customer_id=customer.id, order_count=1, amount_fen=day))
    session.flush()


def _walk(session: Session, order: Order, size: int) -> list[list[int]]:
    pages, cursor = [], None
    while True:
        page = paging.page(session, STATEMENT, order=order, cursor=cursor, size=size)
        pages.append([customer.id for customer in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return pages


def _walk_back(session: Session, order: Order, size: int) -> list[list[int]]:
    cursor = None
    while True:
        page = paging.page(session, STATEMENT, order=order, cursor=cursor, size=size)
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    pages = [[customer.id for customer in page.items]]
    while page.previous_cursor is not None:
        page = paging.page(session, STATEMENT, order=order, cursor=page.previous_cursor, size=size)
        pages.insert(0, [customer.id for customer in page.items])
    return pages


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.name}-{order.descending}")
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(days=_days, size=st.integers(1, 6))
def test_no_row_is_lost_or_doubled_across_pages(
    session: Session, order: Order, days: list[int | None], size: int
) -> None:
    _fill(session, days)
    forward = [one for page in _walk(session, order, size) for one in page]

    everybody = set(session.scalars(select(Customer.id)))
    assert sorted(forward) == sorted(everybody)
    assert [one for page in _walk_back(session, order, size) for one in page] == forward


def test_rows_without_a_value_come_last_in_both_directions(session: Session) -> None:
    _fill(session, [None, 1, None, -1])
    for order in ORDERS:
        (ids,) = _walk(session, order, 10)
        due = [session.get_one(Customer, one).next_followup_at is None for one in ids]
        assert due == [False, False, True, True]


def test_the_first_page_has_no_page_before_it(session: Session) -> None:
    _fill(session, [None, 1])
    page = paging.page(session, STATEMENT, order=NAME, cursor=None, size=1)
    assert page.next_cursor is not None
    assert page.previous_cursor is None


def test_a_row_that_comes_in_between_does_not_shift_the_next_page(session: Session) -> None:
    _fill(session, [0, 1, 2])
    first = paging.page(session, STATEMENT, order=ORDERS[0], cursor=None, size=2)
    make_customer(session, next_followup_at=NOW - timedelta(days=9))

    second = paging.page(session, STATEMENT, order=ORDERS[0], cursor=first.next_cursor, size=2)

    assert [one.next_followup_at for one in second.items] == [NOW + timedelta(days=2)]


def _packed(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "%%%",
        "a",
        "é",
        "A" * 5_000,
        _packed(1),
        _packed([]),
        _packed({"at": 1}),
        _packed(["other", "n", {"at": "2026-01-01T00:00:00+00:00"}, 1]),
        _packed(["next", "x", {"at": "2026-01-01T00:00:00+00:00"}, 1]),
        _packed(["next", "n", {"at": "yesterday"}, 1]),
        _packed(["next", "n", {"at": "0001-01-01T00:00:00+14:00"}, 1]),
        _packed(["next", "n", "2026-01-01", 1]),
        _packed(["next", "n", None, True]),
        _packed(["next", "n", None, 2**70]),
        _packed(["next", "n", None, "1; DROP TABLE customers"]),
        "[" * 900,
    ],
)
def test_a_damaged_or_foreign_cursor_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        paging.page(session, STATEMENT, order=ORDERS[0], cursor=cursor, size=2)
    assert refused.value.code == "core.cursor_invalid"


@pytest.mark.parametrize("value", ["\x00", "\ud800", None, 3])
def test_a_text_cursor_holds_only_text_that_a_database_takes(
    session: Session, value: object
) -> None:
    cursor = _packed(["name", "n", value, 1])
    with pytest.raises(Invalid):
        paging.page(session, STATEMENT, order=NAME, cursor=cursor, size=2)
