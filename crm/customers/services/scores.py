"""RFM scores and the usual rhythm of every customer, computed over everybody once a day.

A score is a place among all, so it cannot follow a single order: scores are those of the first run
of the company's day, and what was imported since counts from the next day on.
"""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Subquery,
    case,
    cast,
    delete,
    extract,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.company import company
from crm.core.db import dialect_name
from crm.customers.models import Customer, CustomerScores, CustomerStats, Order
from crm.customers.models.valid import counted_at, net_fen, valid_order
from crm.customers.queries.records import is_live
from crm.customers.rules import rfm

_FIGURES = ("recency", "frequency", "monetary", "gap_days", "next_order_at", "computed_at")


def advance(session: Session, now: datetime) -> bool:
    """Compute everything on the first tick of the company's day. Never more to do."""
    house = company(session)
    last = session.scalar(select(CustomerScores.computed_at).limit(1))
    if last is None or last < house.day_start(house.day_of(now)):
        recompute(session, now=now)
    return False


def recompute(session: Session, *, now: datetime, since: date | None = None) -> None:
    """Scores of all who bought since that day (None: in twelve months), and everybody's rhythm.

    Staff and test records are left out, as of every figure.
    """
    today = company(session).day_of(now)
    start = company(session).day_start(since or rfm.window_start(today))
    end = company(session).day_start(today + timedelta(days=1))
    bought = _bought(start, end)
    count = session.scalar(select(func.count()).select_from(bought)) or 0
    scored: list[ColumnElement[Any]] = [null(), null(), null()]
    if count >= rfm.LEAST_CUSTOMERS:
        ranks = rfm.ranks(count)
        scored = [
            6 - _score_of_recency(session, bought, ranks),
            _score(session, bought.c.order_count, ranks),
            _score(session, bought.c.net_fen, ranks),
        ]
    _keep(session, bought, scored, now)
    kept = select(CustomerStats.customer_id)
    session.execute(
        delete(CustomerScores).where(CustomerScores.customer_id.not_in(kept)),
        execution_options={"synchronize_session": False},
    )


def _bought(start: datetime, end: datetime) -> Subquery:
    return (
        select(
            Order.customer_id,
            func.count(Order.id).label("order_count"),
            func.sum(net_fen()).label("net_fen"),
            func.max(counted_at()).label("last_at"),
        )
        .join(Customer, Customer.id == Order.customer_id)
        .where(
            valid_order(),
            counted_at() >= start,
            counted_at() < end,
            is_live(),
            ~Customer.is_internal,
        )
        .group_by(Order.customer_id)
        .subquery()
    )


def _score(
    session: Session, value: ColumnElement[int], ranks: tuple[int, ...]
) -> ColumnElement[int]:
    cuts = _nth(session, value, value, ranks)
    return 1 + sum((case((cut < value, 1), else_=0) for cut in cuts), literal(0, Integer))


def _score_of_recency(
    session: Session, bought: Subquery, ranks: tuple[int, ...]
) -> ColumnElement[int]:
    """1 and the cut points below: days are counted from the company's midnights, not in SQL."""
    house = company(session)
    last_at = bought.c.last_at
    # The k-th smallest number of days since an order is that of the k-th latest order.
    cuts = [
        house.day_start(house.day_of(at)) for at in _nth(session, last_at, last_at.desc(), ranks)
    ]
    return 1 + sum((case((last_at < cut, 1), else_=0) for cut in cuts), literal(0, Integer))


def _nth(
    session: Session,
    value: ColumnElement[Any],
    order: ColumnElement[Any],
    ranks: tuple[int, ...],
) -> list[Any]:
    """The values at these places; a place named twice gives its value twice."""
    placed = select(
        value.label("value"), func.row_number().over(order_by=order).label("place")
    ).subquery()
    rows = session.execute(select(placed.c.place, placed.c.value).where(placed.c.place.in_(ranks)))
    found = {place: one for place, one in rows}  # noqa: C416 - rows are not pairs to mypy
    return [found[rank] for rank in ranks]


def _keep(
    session: Session, bought: Subquery, scored: list[ColumnElement[Any]], now: datetime
) -> None:
    gap = _gap_days(session)
    is_scored = bought.c.customer_id.is_not(None)
    rows = select(
        CustomerStats.customer_id,
        *(cast(case((is_scored, one)), Integer) for one in scored),
        gap,
        _next_order_at(session, gap),
        literal(now, CustomerScores.computed_at.type),
    ).outerjoin(bought, bought.c.customer_id == CustomerStats.customer_id)
    # SQLite takes ON CONFLICT behind a join for its ON, unless a WHERE stands between.
    rows = rows.where(CustomerStats.order_count > 0)
    statement = bulk.insert(session, CustomerScores).from_select(["customer_id", *_FIGURES], rows)
    stored = bulk.table(CustomerScores).c
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[stored.customer_id],
            set_={name: statement.excluded[name] for name in _FIGURES},
        )
    )


def _gap_days(session: Session) -> ColumnElement[Any]:
    """The mean number of days from one order to the next; none with one order or on one day."""
    first, last = CustomerStats.first_order_at, CustomerStats.last_order_at
    between = func.nullif(CustomerStats.order_count - 1, 0)
    days: ColumnElement[Any]
    if dialect_name(session) == "sqlite":
        days = func.julianday(last) - func.julianday(first)
    else:
        days = extract("epoch", last - first) / 86_400
    return func.nullif(cast(func.round(days / between), Integer), 0)


def _next_order_at(session: Session, days: ColumnElement[Any]) -> ColumnElement[Any]:
    at = CustomerStats.last_order_at
    if dialect_name(session) == "sqlite":  # as times are stored there: six digits of a second
        shifted = func.strftime("%Y-%m-%d %H:%M:%f", at, cast(days, Integer).concat(" days"))
        return shifted.concat("000")
    return at + func.make_interval(0, 0, 0, days)
