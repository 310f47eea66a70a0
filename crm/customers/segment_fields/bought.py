"""What a rule may ask about orders: their totals, the last days, products, scores and rhythm."""

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.orm import Session

from crm.core.messages import N_
from crm.customers.models import CustomerScores, CustomerStats, Order, OrderLine
from crm.customers.models.valid import counted_at, net_fen, valid_order
from crm.customers.segment_fields.clauses import Column, Home
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Kind
from crm.customers.segment_fields.related import Related, RelatedField

ORDERS = N_("Orders")
MOST_TOLD = 200  # of a few customers' products or channels

_TOTALS = Home("customer_stats", CustomerStats.customer_id)
_SCORES = Home("customer_scores", CustomerScores.customer_id)
_VALID = (valid_order(),)
_LINES = (OrderLine.order_id == Order.id, valid_order())


def _told(
    session: Session, customer_ids: Sequence[int], text: Column, *, of_lines: bool
) -> Mapping[int, Sequence[str]]:
    """The different texts of these customers' valid orders."""
    wanted = (
        select(Order.customer_id, text)
        .where(Order.customer_id.in_(customer_ids), text != "", *(_LINES if of_lines else _VALID))
        .distinct()
        .order_by(Order.customer_id, text)
        .limit(MOST_TOLD)
    )
    found: dict[int, list[str]] = {}
    for customer_id, one in session.execute(wanted):
        found.setdefault(customer_id, []).append(one)
    return found


def product_names(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    return _told(session, customer_ids, OrderLine.product_name, of_lines=True)


def product_codes(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    return _told(session, customer_ids, OrderLine.product_code, of_lines=True)


def order_channels(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    return _told(session, customer_ids, Order.channel, of_lines=False)


BOUGHT = (
    SegmentField(
        name="order_count",
        label=N_("Number of orders"),
        kind=Kind.NUMBER,
        column=CustomerStats.order_count,
        home=_TOTALS,
        absent=0,
        group=ORDERS,
    ),
    SegmentField(
        name="order_amount",
        label=N_("Total spent"),
        kind=Kind.MONEY,
        column=CustomerStats.amount_fen,
        home=_TOTALS,
        absent=0,
        group=ORDERS,
    ),
    SegmentField(
        name="order_average",
        label=N_("Average order"),
        kind=Kind.MONEY,
        column=CustomerStats.amount_fen,
        per=CustomerStats.order_count,
        home=_TOTALS,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="first_order",
        label=N_("First order"),
        kind=Kind.DATE,
        column=CustomerStats.first_order_at,
        home=_TOTALS,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="last_order",
        label=N_("Last order"),
        kind=Kind.DATE,
        column=CustomerStats.last_order_at,
        home=_TOTALS,
        may_be_empty=True,
        group=ORDERS,
    ),
    RelatedField(
        name="orders_in_days",
        label=N_("Orders lately"),
        kind=Kind.COUNT_IN_DAYS,
        related=Related(
            key=Order.customer_id, where=_VALID, at=counted_at(), measure=func.count(Order.id)
        ),
        group=ORDERS,
    ),
    RelatedField(
        name="spent_in_days",
        label=N_("Spent lately"),
        kind=Kind.MONEY_IN_DAYS,
        related=Related(
            key=Order.customer_id,
            where=_VALID,
            at=counted_at(),
            measure=cast(func.sum(net_fen()), BigInteger),
        ),
        group=ORDERS,
    ),
    RelatedField(
        name="product",
        label=N_("Product bought"),
        kind=Kind.TEXTS,
        related=Related(key=Order.customer_id, where=_LINES, text=OrderLine.product_name),
        tells=product_names,
        may_be_empty=True,
        group=ORDERS,
    ),
    RelatedField(
        name="product_code",
        label=N_("Product number bought"),
        kind=Kind.TEXTS,
        related=Related(key=Order.customer_id, where=_LINES, text=OrderLine.product_code),
        tells=product_codes,
        may_be_empty=True,
        group=ORDERS,
    ),
    RelatedField(
        name="order_channel",
        label=N_("Channel of an order"),
        kind=Kind.TEXTS,
        related=Related(key=Order.customer_id, where=_VALID, text=Order.channel),
        tells=order_channels,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="score_r",
        label=N_("RFM: recency score"),
        kind=Kind.NUMBER,
        column=CustomerScores.recency,
        home=_SCORES,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="score_f",
        label=N_("RFM: frequency score"),
        kind=Kind.NUMBER,
        column=CustomerScores.frequency,
        home=_SCORES,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="score_m",
        label=N_("RFM: spending score"),
        kind=Kind.NUMBER,
        column=CustomerScores.monetary,
        home=_SCORES,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="order_gap",
        label=N_("Usual days between orders"),
        kind=Kind.NUMBER,
        column=CustomerScores.gap_days,
        home=_SCORES,
        may_be_empty=True,
        group=ORDERS,
    ),
    SegmentField(
        name="next_order",
        label=N_("Next order expected"),
        kind=Kind.DATE,
        column=CustomerScores.next_order_at,
        home=_SCORES,
        may_be_empty=True,
        group=ORDERS,
    ),
)
