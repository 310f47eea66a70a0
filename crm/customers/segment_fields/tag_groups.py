"""Asking for customers with any tag of a group."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from crm.core.messages import N_
from crm.customers.models import Customer, CustomerTag, TagGroup, TagPlace
from crm.customers.segment_fields.fields import Options, SegmentField
from crm.customers.segment_fields.kinds import Kind


def _in_groups(group_ids: Sequence[int] | None) -> ColumnElement[bool]:
    """Customers with a tag of any of these groups (None: of any group at all)."""
    tags = select(TagPlace.tag_id)
    if group_ids is not None:
        tags = tags.where(TagPlace.group_id.in_(group_ids))
    held = exists().where(CustomerTag.customer_id == Customer.id, CustomerTag.tag_id.in_(tags))
    return held.correlate(Customer)


def _options(session: Session) -> Options:
    groups = session.execute(select(TagGroup.id, TagGroup.name).order_by(TagGroup.name))
    return [(str(group_id), name) for group_id, name in groups]


TAG_GROUP = SegmentField(
    name="tag_group",
    label=N_("Tag group"),
    kind=Kind.SET,
    may_be_empty=True,
    ids=True,
    holds=_in_groups,
    options=_options,
)
