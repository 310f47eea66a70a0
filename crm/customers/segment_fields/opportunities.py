"""What a rule may ask about deals under way."""

from sqlalchemy import ColumnElement, func, select

from crm.core.messages import N_
from crm.customers.models import Customer, Opportunity
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Kind

GROUP = N_("Opportunities")


def _is_open() -> ColumnElement[bool]:
    return Opportunity.closed_on.is_(None)


OPPORTUNITIES = (
    SegmentField(
        name="has_open_opportunity",
        label=N_("Has an open opportunity"),
        kind=Kind.FLAG,
        column=select(Opportunity.id)
        .where(Opportunity.customer_id == Customer.id, _is_open())
        .correlate(Customer)
        .exists(),
        group=GROUP,
    ),
    SegmentField(
        name="open_opportunity_amount",
        label=N_("Amount of open opportunities"),
        kind=Kind.MONEY,
        column=select(func.coalesce(func.sum(Opportunity.amount_fen), 0))
        .where(Opportunity.customer_id == Customer.id, _is_open())
        .correlate(Customer)
        .scalar_subquery(),
        group=GROUP,
    ),
)
