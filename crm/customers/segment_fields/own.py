"""The fields that customers themselves offer: record, tags, owner, contact, stages and orders."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from crm.core.messages import N_
from crm.customers.models import (
    Customer,
    CustomerKind,
    CustomerTag,
    Tag,
    names,
)
from crm.customers.segment_fields.bought import BOUGHT
from crm.customers.segment_fields.clauses import has_row
from crm.customers.segment_fields.fields import Options, SegmentField
from crm.customers.segment_fields.kinds import Kind
from crm.customers.segment_fields.nested import NESTED
from crm.customers.segment_fields.staged import STAGED
from crm.users.models import User

MOST_OPTIONS = 300


def has_tag(names: Sequence[str] | None) -> ColumnElement[bool]:
    """Customers with any of these tags (None: with any tag)."""
    if names is None:
        return has_row(CustomerTag.customer_id)
    wanted = select(Tag.id).where(Tag.name.in_(names))
    return has_row(CustomerTag.customer_id, CustomerTag.tag_id.in_(wanted))


def tags_held(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    rows = session.execute(
        select(CustomerTag.customer_id, Tag.name)
        .join(Tag, Tag.id == CustomerTag.tag_id)
        .where(CustomerTag.customer_id.in_(customer_ids))
        .order_by(Tag.name)
    )
    found: dict[int, list[str]] = {}
    for customer_id, name in rows:
        found.setdefault(customer_id, []).append(name)
    return found


def tag_options(session: Session) -> Options:
    names = session.scalars(select(Tag.name).order_by(Tag.name).limit(MOST_OPTIONS))
    return [(name, name) for name in names]


def owner_options(session: Session) -> Options:
    people = session.execute(select(User.id, User.name).order_by(User.name).limit(MOST_OPTIONS))
    return [(str(user_id), name) for user_id, name in people]


_RECORD = (
    SegmentField(
        name="tag",
        label=N_("Tag"),
        kind=Kind.SET,
        may_be_empty=True,
        holds=has_tag,
        options=tag_options,
        tells=tags_held,
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

OWN = (*_RECORD, *STAGED, *BOUGHT, NESTED)
