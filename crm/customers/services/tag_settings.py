"""Tags as the company's vocabulary: renamed, merged, put into groups, deleted and brought back.

Segments name tags, so their rules follow a new name, and a tag that a rule asks for cannot go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from crm.core import audit, bulk
from crm.core.errors import Conflict, Invalid
from crm.customers.models import (
    Customer,
    CustomerTag,
    CustomerView,
    Segment,
    Tag,
    TagColour,
    TagGroup,
    TagPlace,
    TagRemoval,
)
from crm.customers.queries import rules_in_use
from crm.customers.queries import tags as queries
from crm.users import policies
from crm.users.models import User

ROWS = ("customer_id", "tag_id", "created_at")


@dataclass(frozen=True, slots=True)
class ReviseTag:
    """`group_id` None takes the tag out of its group."""

    name: str
    group_id: int | None = None


@dataclass(frozen=True, slots=True)
class DescribeGroup:
    """`version` is the one seen by who changes it; a new group has none."""

    name: str
    colour: TagColour = TagColour.GREY
    version: int | None = None


def revise(session: Session, tag: Tag, wanted: ReviseTag, *, by: User, now: datetime) -> None:
    """Call it otherwise, or move it to a group. Raises Invalid when the name is another tag's."""
    policies.require(by, "customers.manage_tags")
    before, name = tag.name, " ".join(wanted.name.split())
    other = queries.find_named(session, name)
    if other is not None and other.id != tag.id:
        raise Invalid("customers.tag_taken", name=name, field="name")
    if name != before:
        tag.name = name
        session.flush()
        _follow(session, before, name, now=now)
        audit.record(
            session, "tags.renamed", by_id=by.id, thing=f"tag:{tag.id}", now=now, name=name
        )
    _place(session, tag, wanted.group_id)


def merge(session: Session, tag: Tag, into: Tag, *, by: User, now: datetime) -> TagRemoval:
    """Everybody who has `tag` has `into` from now on, and rules ask for that."""
    policies.require(by, "customers.manage_tags")
    if tag.id == into.id:
        raise Invalid("customers.tag_into_itself", field="into_id")
    had = _holders(session, tag)
    has = set(_holders(session, into))
    added = [customer_id for customer_id in had if customer_id not in has]
    rules = _follow(session, tag.name, into.name, now=now)
    removal = _remove(session, tag, had, by=by, now=now, into=into, added=added, rules=rules)
    bulk.insert_rows(session, CustomerTag, ROWS, [(one, into.id, now) for one in added])
    return removal


def remove(session: Session, tag: Tag, *, by: User, now: datetime) -> TagRemoval:
    """Take it off everybody and forget it. Refused while a segment's rule asks for it."""
    policies.require(by, "customers.manage_tags")
    if used_by := rules_in_use.of_value(session, "tag", tag.name):
        names = ", ".join(segment.name for segment in used_by)
        raise Conflict("customers.tag_in_use", name=tag.name, users=names)
    return _remove(session, tag, _holders(session, tag), by=by, now=now)


def bring_back(session: Session, removal: TagRemoval, *, by: User, now: datetime) -> Tag:
    """Undo a deletion or a merge. Who was deleted meanwhile stays away.

    Raises Conflict when it is too late, or when the name has been given to a new tag.
    """
    policies.require(by, "customers.manage_tags")
    if removal.undone_at is not None or now - removal.at > queries.UNDO_FOR:
        raise Conflict("customers.tag_undo_too_late", days=queries.UNDO_FOR.days)
    if queries.find_named(session, removal.name) is not None:
        raise Conflict("customers.tag_taken", name=removal.name)
    details: Mapping[str, Any] = removal.details
    tag = Tag(id=removal.tag_id, name=removal.name, created_at=now)
    session.add(tag)
    session.flush()
    there = _there(session, details["had"])
    bulk.insert_rows(session, CustomerTag, ROWS, [(one, tag.id, now) for one in there])
    if removal.merged_into_id is not None:
        session.execute(
            delete(CustomerTag).where(
                CustomerTag.tag_id == removal.merged_into_id,
                bulk.among(session, CustomerTag.customer_id, details["added"]),
            )
        )
        _give_back_rules(session, details["rules"], now=now)
    group_id = details["group_id"]
    is_there = group_id is not None and session.get(TagGroup, group_id) is not None
    _place(session, tag, group_id if is_there else None)
    removal.undone_at = now
    audit.record(session, "tags.brought_back", by_id=by.id, thing=f"tag:{tag.id}", now=now)
    return tag


def add_group(session: Session, wanted: DescribeGroup, *, by: User, now: datetime) -> TagGroup:
    policies.require(by, "customers.manage_tags")
    name = _free_group_name(session, wanted.name, but=0)
    group = TagGroup(name=name, colour=wanted.colour, created_at=now)
    session.add(group)
    session.flush()
    return group


def revise_group(session: Session, group: TagGroup, wanted: DescribeGroup, *, by: User) -> None:
    """Another name or colour. Raises Conflict when somebody else changed it meanwhile."""
    policies.require(by, "customers.manage_tags")
    if wanted.version != group.version:
        raise Conflict("core.stale")
    group.name = _free_group_name(session, wanted.name, but=group.id)
    group.colour = wanted.colour
    session.flush()


def remove_group(session: Session, group: TagGroup, *, by: User, now: datetime) -> None:
    """Its tags stay, in no group. Refused while a segment's rule asks for the group."""
    policies.require(by, "customers.manage_tags")
    if used_by := rules_in_use.of_value(session, "tag_group", group.id):
        names = ", ".join(segment.name for segment in used_by)
        raise Conflict("customers.tag_in_use", name=group.name, users=names)
    audit.record(
        session,
        "tag_groups.removed",
        by_id=by.id,
        thing=f"tag_group:{group.id}",
        now=now,
        name=group.name,
    )
    session.execute(delete(TagPlace).where(TagPlace.group_id == group.id))
    session.expire_all()
    session.delete(group)
    session.flush()


def _remove(
    session: Session, tag: Tag, had: Sequence[int], *, by: User, now: datetime, **merged: Any
) -> TagRemoval:
    into: Tag | None = merged.get("into")
    removal = TagRemoval(
        tag_id=tag.id,
        name=tag.name,
        merged_into_id=into.id if into else None,
        customer_count=len(had),
        details={
            "group_id": _group_of(session, tag),
            "had": list(had),
            "added": merged.get("added", []),
            "rules": merged.get("rules", []),
        },
        by_id=by.id,
        at=now,
    )
    session.add(removal)
    session.execute(delete(CustomerTag).where(CustomerTag.tag_id == tag.id))
    session.execute(delete(TagPlace).where(TagPlace.tag_id == tag.id))
    session.delete(tag)
    session.flush()
    audit.record(
        session,
        "tags.merged" if into else "tags.removed",
        by_id=by.id,
        thing=f"tag:{removal.tag_id}",
        now=now,
        name=removal.name,
        customers=len(had),
        into=into.id if into else None,
    )
    return removal


def _holders(session: Session, tag: Tag) -> Sequence[int]:
    held = select(CustomerTag.customer_id).where(CustomerTag.tag_id == tag.id)
    return session.scalars(held.order_by(CustomerTag.customer_id)).all()


def _there(session: Session, customer_ids: Sequence[int]) -> Sequence[int]:
    known = select(Customer.id).where(bulk.among(session, Customer.id, customer_ids))
    return session.scalars(known).all()


def _group_of(session: Session, tag: Tag) -> int | None:
    return session.scalar(select(TagPlace.group_id).where(TagPlace.tag_id == tag.id))


def _place(session: Session, tag: Tag, group_id: int | None) -> None:
    session.execute(delete(TagPlace).where(TagPlace.tag_id == tag.id))
    group = None if group_id is None else queries.get_group(session, group_id)
    if group is not None:
        session.add(TagPlace(tag_id=tag.id, group_id=group.id))
    session.flush()
    set_committed_value(tag, "group", group)


def _follow(session: Session, before: str, after: str, *, now: datetime) -> list[list[Any]]:
    """Let rules and kept filters ask for the new name. The rules as they were, for an undo."""
    changed: list[list[Any]] = []
    for segment in rules_in_use.of_value(session, "tag", before):
        old = segment.rule
        segment.rule = rules_in_use.renamed(old, "tag", before, after)
        segment.updated_at = now
        session.flush()
        changed.append([segment.id, old, segment.version])
    for view in session.scalars(select(CustomerView)):
        if view.filters.get("tag") == before:
            view.filters = {**view.filters, "tag": after}
    session.flush()
    return changed


def _give_back_rules(session: Session, rules: Sequence[Sequence[Any]], *, now: datetime) -> None:
    """The rules that a merge has changed, where nobody has changed them since."""
    for segment_id, rule, version in rules:
        segment = session.get(Segment, segment_id)
        if segment is not None and segment.version == version:
            segment.rule = rule
            segment.updated_at = now
    session.flush()


def _free_group_name(session: Session, name: str, *, but: int) -> str:
    clean = " ".join(name.split())
    taken = select(TagGroup.id).where(TagGroup.name == clean, TagGroup.id != but)
    if session.scalar(taken) is not None:
        raise Invalid("customers.tag_group_taken", name=clean, field="name")
    return clean
