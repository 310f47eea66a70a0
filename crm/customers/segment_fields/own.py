"""The fields that customers themselves offer: record, tags, stage, owner, contact and orders."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from crm.core.messages import N_
from crm.customers.models import (
    Customer,
    CustomerKind,
    CustomerStats,
    CustomerTag,
    Stage,
    Tag,
    names,
)
from crm.customers.segment_fields.clauses import Home
from crm.customers.segment_fields.fields import Options, SegmentField
from crm.customers.segment_fields.kinds import Kind
from crm.users.models import User

MOST_OPTIONS = 300


_TOTALS = Home("customer_stats", CustomerStats.customer_id)


def has_tag(names: Sequence[str] | None) -> ColumnElement[bool]:
    """Customers with any of these tags (None: with any tag)."""
    held = exists().where(CustomerTag.customer_id == Customer.id)
    if names is not None:
        held = held.where(CustomerTag.tag_id.in_(select(Tag.id).where(Tag.name.in_(names))))
    return held.correlate(Customer)


def tag_options(session: Session) -> Options:
    names = session.scalars(select(Tag.name).order_by(Tag.name).limit(MOST_OPTIONS))
    return [(name, name) for name in names]


def owner_options(session: Session) -> Options:
    people = session.execute(select(User.id, User.name).order_by(User.name).limit(MOST_OPTIONS))
    return [(str(user_id), name) for user_id, name in people]


OWN = (
    SegmentField(
        name="tag",
        label=N_("Tag"),
        kind=Kind.SET,
        may_be_empty=True,
        holds=has_tag,
        options=tag_options,
    ),
    SegmentField(
        name="stage",
        label=N_("Lifecycle stage"),
        kind=Kind.CHOICE,
        column=Customer.stage,
        choices=[(stage.value, name) for stage, name in names.STAGES.items()],
        decode=Stage,
    ),
    SegmentField(
        name="stage_since",
        label=N_("In this stage since"),
        kind=Kind.DATE,
        column=Customer.stage_since,
    ),
    SegmentField(
        name="region",
        label=N_("Region"),
        kind=Kind.TEXT,
        column=Customer.region,
        may_be_empty=True,
    ),
    SegmentField(
        name="source",
        label=N_("Source"),
        kind=Kind.TEXT,
        column=Customer.source,
        may_be_empty=True,
    ),
    SegmentField(
        name="owner",
        label=N_("Owner"),
        kind=Kind.REFERENCE,
        column=Customer.owner_id,
        may_be_empty=True,
        ids=True,
        options=owner_options,
    ),
    SegmentField(
        name="order_count",
        label=N_("Number of orders"),
        kind=Kind.NUMBER,
        column=CustomerStats.order_count,
        home=_TOTALS,
        absent=0,
    ),
    SegmentField(
        name="order_amount",
        label=N_("Total spent"),
        kind=Kind.MONEY,
        column=CustomerStats.amount_fen,
        home=_TOTALS,
        absent=0,
    ),
    SegmentField(
        name="order_average",
        label=N_("Average order"),
        kind=Kind.MONEY,
        column=CustomerStats.amount_fen,
        per=CustomerStats.order_count,
        home=_TOTALS,
        may_be_empty=True,
    ),
    SegmentField(
        name="first_order",
        label=N_("First order"),
        kind=Kind.DATE,
        column=CustomerStats.first_order_at,
        home=_TOTALS,
        may_be_empty=True,
    ),
    SegmentField(
        name="last_order",
        label=N_("Last order"),
        kind=Kind.DATE,
        column=CustomerStats.last_order_at,
        home=_TOTALS,
        may_be_empty=True,
    ),
    SegmentField(
        name="last_contact",
        label=N_("Last contact"),
        kind=Kind.DATE,
        column=Customer.last_contact_at,
        may_be_empty=True,
    ),
    SegmentField(
        name="next_followup",
        label=N_("Next follow-up"),
        kind=Kind.DATE,
        column=Customer.next_followup_at,
        may_be_empty=True,
    ),
    SegmentField(name="created", label=N_("Created"), kind=Kind.DATE, column=Customer.created_at),
    SegmentField(
        name="name", label=N_("Name"), kind=Kind.TEXT, column=Customer.name, may_be_empty=True
    ),
    SegmentField(
        name="company",
        label=N_("Company name"),
        kind=Kind.TEXT,
        column=Customer.company,
        may_be_empty=True,
    ),
    SegmentField(
        name="kind",
        label=N_("Person or company"),
        kind=Kind.CHOICE,
        column=Customer.kind,
        choices=[(kind.value, name) for kind, name in names.KINDS.items()],
        decode=CustomerKind,
    ),
    SegmentField(
        name="has_phone",
        label=N_("Has a phone number"),
        kind=Kind.FLAG,
        column=Customer.phone.is_not(None),
    ),
    SegmentField(
        name="has_email",
        label=N_("Has an e-mail address"),
        kind=Kind.FLAG,
        column=Customer.email.is_not(None),
    ),
    SegmentField(
        name="is_internal",
        label=N_("Staff or test record"),
        kind=Kind.FLAG,
        column=Customer.is_internal,
    ),
)
