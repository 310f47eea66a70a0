"""Undo of a merge: both records stand again as they were, and what came since stays.

Facts, rows and the subject go back. Do-not-contact stays with both, and what was bought, said or
changed after the merge stays with the record that survived it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from crm.core import audit, bulk
from crm.core.errors import Conflict
from crm.core.events import publish
from crm.core.packing import unpack
from crm.customers import queries
from crm.customers.events import CustomersParted
from crm.customers.models import (
    ContactPerson,
    ContactPoint,
    Customer,
    CustomerMerge,
    CustomerTag,
    OwnerReason,
    StageChange,
    Tag,
)
from crm.customers.queries import merges
from crm.customers.rules.merging import ALONG
from crm.customers.services import duplicates, merging, moving, owners, stats, timeline
from crm.users import policies
from crm.users.models import User

_TOGETHER = tuple((name, *along) for name, along in ALONG.items())


def part(session: Session, item: CustomerMerge, *, by: User, now: datetime) -> None:
    """Split two merged records again, within 30 days and the last merge first."""
    merging.lock(session, [item.kept_id, item.merged_id])
    session.refresh(item, with_for_update=True)
    kept = queries.get(session, item.kept_id, visible_to=by)
    _refuse(session, item, by=by, now=now)
    merged = session.get_one(Customer, item.merged_id)
    for one in (kept, merged):
        policies.require(by, "customers.merge", one)
    owner_id = kept.owner_id
    _restore_facts(session, item, now)
    _restore_rows(session, item)
    split = _split_subject(session, item)
    event = CustomersParted(
        item.id, kept.id, merged.id, item.at, _subject_of(session, kept.id), split, now
    )
    publish(session, event)
    stats.recompute(session, [kept.id, merged.id], now=now)
    item.undone_at, item.undone_by_id = now, by.id
    session.flush()
    for customer_id in (kept.id, merged.id):
        session.refresh(session.get_one(Customer, customer_id), ["owner_id", "version"])
    if kept.owner_id != owner_id:
        cause = owners.Cause(batch="", reason=OwnerReason.UNDONE, by=by, at=now)
        owners.write_down(session, kept, owner_id, cause)
    duplicates.settle(session, item, merged=False, by=by, now=now)
    for one, other in ((kept, merged), (merged, kept)):
        timeline.note(session, one.id, "customers.parted", at=now, by=by, name=other.title)
    audit.record(
        session,
        "customers.parted",
        by_id=by.id,
        thing=f"customer:{kept.public_id}",
        now=now,
        merged=merged.public_id,
        merge=item.public_id,
    )


def _refuse(session: Session, item: CustomerMerge, *, by: User, now: datetime) -> None:
    if item.undone_at is not None:
        raise Conflict("merges.already_parted")
    if now - item.at > merges.SPLIT_WITHIN:
        raise Conflict("merges.too_late", days=merges.SPLIT_WITHIN.days)
    later = session.scalar(merges.later(item))
    if later is not None:
        raise Conflict("merges.later_first", at=later.at)
    del by


def _restore_facts(session: Session, item: CustomerMerge, now: datetime) -> None:
    """Each value that the merge gave and nobody has changed since."""
    table = bulk.table(Customer)
    before, after = item.snapshot["kept"], item.snapshot["after"]
    back = _unchanged(before, after, merging.state(session, item.kept_id))
    versions = session.scalars(
        select(Customer.version).where(Customer.id.in_((item.kept_id, item.merged_id)))
    )
    version = max(versions) + 1
    kept, merged = table.c.id == item.kept_id, table.c.id == item.merged_id
    # A number belongs to one record at a time: first nobody has it.
    if "external_id" in back:
        session.execute(update(table).where(kept).values(external_id=None, source=""))
    own = _own_facts(session, item)
    session.execute(
        update(table).where(merged).values(own | {"merged_into_id": None, "version": version})
    )
    values = unpack(table, back) | {"version": version, "updated_at": now}
    session.execute(update(table).where(kept).values(values))
    if "stage" in back:
        session.execute(
            delete(StageChange).where(
                StageChange.customer_id == item.kept_id,
                StageChange.id > item.snapshot["last_stage_change"],
                StageChange.at == item.at,
            )
        )


def _own_facts(session: Session, item: CustomerMerge) -> dict[str, Any]:
    """The merged record's facts; a number that another customer has got since stays with that."""
    own = unpack(bulk.table(Customer), item.snapshot["merged"])
    taken = select(Customer.id).where(
        Customer.source == own["source"],
        Customer.external_id == own["external_id"],
        Customer.id.not_in((item.kept_id, item.merged_id)),
    )
    if own["external_id"] is not None and session.scalar(taken) is not None:
        own["name"] = own["name"] or own["external_id"]
        own["external_id"] = None
    return own


def _unchanged(
    before: dict[str, Any], after: dict[str, Any], now: dict[str, Any]
) -> dict[str, Any]:
    """What to put back; facts that belong together go back together or not at all."""
    held = {name for name in before if name != "custom" and now[name] != after[name]}
    for group in _TOGETHER:
        if held & set(group):
            held |= set(group)
    back = {
        name: value
        for name, value in before.items()
        if name not in held and name != "custom" and value != after[name]
    }
    custom = dict(now["custom"])
    for key in {*before["custom"], *after["custom"]}:
        if custom.get(key) == after["custom"].get(key):
            custom[key] = before["custom"].get(key)
    back["custom"] = {key: value for key, value in custom.items() if value is not None}
    return back


def _restore_rows(session: Session, item: CustomerMerge) -> None:
    there, back = item.kept_id, item.merged_id
    for model in merging.MOVED:
        moving.give_back(session, item.id, model, source=there, to=back)
    moving.give_back(session, item.id, Customer, source=there, to=back, column="merged_into_id")
    mains = item.snapshot["main_persons"]
    if mains:
        persons = bulk.table(ContactPerson)
        session.execute(
            update(persons)
            .where(persons.c.customer_id == back, persons.c.id.in_(mains))
            .values(is_main=True)
        )
    session.execute(
        delete(CustomerTag).where(
            CustomerTag.customer_id == there,
            CustomerTag.tag_id.in_(moving.noted(item.id, merging.TAGS)),
        )
    )
    known = set(session.scalars(select(Tag.id)))
    rows = [
        {"customer_id": back, "tag_id": tag_id, "created_at": datetime.fromisoformat(at)}
        for tag_id, at in item.snapshot["tags"]
        if tag_id in known
    ]
    if rows:
        session.execute(insert(CustomerTag), rows)


def _split_subject(session: Session, item: CustomerMerge) -> int | None:
    """The younger subject gets its records and addresses back, unless it was joined on since."""
    joined_into, split = sorted((item.snapshot["kept_subject"], item.snapshot["merged_subject"]))
    if joined_into == split or _subject_of(session, item.kept_id) != joined_into:
        return None
    for model in (Customer, ContactPoint):
        moving.give_back(session, item.id, model, source=joined_into, to=split, column="subject_id")
    return int(split)


def _subject_of(session: Session, customer_id: int) -> int:
    return session.scalars(select(Customer.subject_id).where(Customer.id == customer_id)).one()
