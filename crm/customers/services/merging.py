"""Making two records one: values chosen field by field, everything else brought together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from crm.core import audit, bulk
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import publish
from crm.core.packing import pack
from crm.customers import queries
from crm.customers.events import CustomersMerged
from crm.customers.models import (
    ContactPerson,
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerMerge,
    CustomerScores,
    CustomerTag,
    Import,
    ImportedCustomer,
    ImportState,
    Opportunity,
    Order,
    OwnerChange,
    OwnerReason,
    StageChange,
    StageReason,
    TimelineEntry,
)
from crm.customers.queries import merges
from crm.customers.rules import merging as rules
from crm.customers.rules import normalise
from crm.customers.rules.merging import Choice, Face
from crm.customers.services import contacts, duplicates, moving, owners, stages, stats, timeline
from crm.users import policies
from crm.users.models import User

#: Tables whose rows simply go along. `tests/customers/test_merging.py` holds the list to the
#: metadata: every table that names a customer is here, or named there with a reason.
MOVED = (TimelineEntry, StageChange, Order, OwnerChange, Opportunity, ContactPerson)
#: How long after a merge late rows are looked for; no request lasts as long.
SWEPT = timedelta(hours=1)
#: Columns that a merge may change; the snapshot keeps them.
KEPT_COLUMNS = (
    *rules.FACTS, *(name for names in rules.ALONG.values() for name in names),
    "name_pinyin", "name_initials", "last_contact_at", "custom",
)  # fmt: skip
TAGS = "customer_tags"


@dataclass(frozen=True, slots=True)
class MergeCustomers:
    """`choices` name only what the person chose; `versions` are those that were seen."""

    kept_id: int
    merged_id: int
    choices: Mapping[str, Choice] = field(default_factory=dict)
    versions: tuple[int, int] | None = None


def merge(session: Session, wanted: MergeCustomers, *, by: User, now: datetime) -> CustomerMerge:
    """The record `merged` gives all it has to `kept` and is listed nowhere from then on.

    Both must be in sight and in the user's reach. Raises Conflict when somebody merged one of
    them, or changed it since it was looked at. Do-not-contact and used-up contacts of both hold.
    """
    kept, merged = _locked(session, wanted, by)
    for one in (kept, merged):
        policies.require(by, "customers.merge", one)
    if wanted.versions not in {None, (kept.version, merged.version)}:
        raise Conflict("merges.changed_meanwhile")
    item = _begin(session, kept, merged, by=by, now=now)
    values = _values(session, kept, merged, wanted.choices)
    _carry(session, item, now)
    _write(session, item, kept, merged, values, now)
    subjects = tuple(sorted({kept.subject_id, merged.subject_id}))
    _note_subjects(session, item, subjects)
    publish(session, CustomersMerged(item.id, kept.id, merged.id, subjects, now))
    contacts.join(session, subjects, now=now)
    _bring_up_to_date(session, item, kept, by=by, now=now)
    duplicates.settle(session, item, merged=True, by=by, now=now)
    timeline.note(
        session, kept.id, "customers.merged", at=now, by=by, name=merged.title, merge_id=item.id
    )
    audit.record(
        session,
        "customers.merged",
        by_id=by.id,
        thing=f"customer:{kept.public_id}",
        now=now,
        merged=merged.public_id,
        merge=item.public_id,
    )
    return item


def sweep(session: Session, now: datetime) -> bool:
    """Bring along rows that came to a merged record while it was being merged.

    Whoever contacts, sells or imports waits for a merge; a note that somebody writes at the very
    moment may not, and stands under a record that nobody opens.
    """
    recent = select(CustomerMerge).where(
        CustomerMerge.undone_at.is_(None), CustomerMerge.at >= now - SWEPT
    )
    for item in session.scalars(recent.order_by(CustomerMerge.id)).all():
        survivor = select(Customer.merged_into_id).where(Customer.id == item.merged_id)
        kept_id = session.scalar(survivor)
        if kept_id is None or not _has_late_rows(session, item.merged_id):
            continue
        for model in MOVED:
            moving.carry(session, item.id, model, source=item.merged_id, to=kept_id)
        stats.recompute(session, [kept_id, item.merged_id], now=now)
        stages.move_by_orders(session, [kept_id], now=now)
    return False


def _has_late_rows(session: Session, customer_id: int) -> bool:
    late = (exists().where(bulk.table(model).c.customer_id == customer_id) for model in MOVED)
    return bool(session.scalar(select(or_(*late))))


def state(session: Session, customer_id: int) -> dict[str, Any]:
    """The columns that a merge may change, as they are stored now."""
    table = bulk.table(Customer)
    columns = [table.c[name] for name in KEPT_COLUMNS]
    row = session.execute(select(*columns).where(table.c.id == customer_id)).one()
    return pack(dict(row._mapping))  # noqa: SLF001 - SQLAlchemy's documented name


def _locked(session: Session, wanted: MergeCustomers, by: User) -> tuple[Customer, Customer]:
    """Both records, and the persons behind them, still until the transaction ends."""
    if wanted.kept_id == wanted.merged_id:
        raise Invalid("merges.same_record")
    ids = sorted((wanted.kept_id, wanted.merged_id))
    lock(session, ids)
    found = []
    for customer_id in (wanted.kept_id, wanted.merged_id):
        customer = queries.get(session, customer_id, visible_to=by)
        if customer.id != customer_id:  # its survivor came in its place
            raise Conflict("merges.already_merged")
        found.append(customer)
    kept, merged = found
    return kept, merged


def lock(session: Session, customer_ids: list[int]) -> None:
    """The subjects first, as whoever contacts somebody does; each kind in the order of its ids."""
    session.flush()
    for _ in range(3):
        subjects = _subjects(session, customer_ids)
        persons = select(ContactSubject.id).where(ContactSubject.id.in_(subjects))
        session.execute(persons.order_by(ContactSubject.id).with_for_update()).all()
        records = select(Customer.id).where(Customer.id.in_(customer_ids)).order_by(Customer.id)
        session.execute(records.with_for_update()).all()
        if _subjects(session, customer_ids) == subjects:
            return
    raise NotFound("core.not_found")


def _subjects(session: Session, customer_ids: list[int]) -> set[int]:
    return set(session.scalars(select(Customer.subject_id).where(Customer.id.in_(customer_ids))))


def _begin(
    session: Session, kept: Customer, merged: Customer, *, by: User, now: datetime
) -> CustomerMerge:
    tags = session.execute(
        select(CustomerTag.tag_id, CustomerTag.created_at).where(
            CustomerTag.customer_id == merged.id
        )
    )
    main = select(ContactPerson.id).where(
        ContactPerson.customer_id == merged.id, ContactPerson.is_main
    )
    item = CustomerMerge(
        kept_id=kept.id,
        merged_id=merged.id,
        by_id=by.id,
        at=now,
        snapshot={
            "kept": state(session, kept.id),
            "merged": state(session, merged.id),
            "kept_subject": kept.subject_id,
            "merged_subject": merged.subject_id,
            "tags": [[tag_id, at.isoformat()] for tag_id, at in tags],
            "main_persons": list(session.scalars(main)),
            "last_stage_change": session.scalar(select(func.max(StageChange.id))) or 0,
        },
    )
    session.add(item)
    session.flush()
    return item


def _values(
    session: Session, kept: Customer, merged: Customer, choices: Mapping[str, Choice]
) -> dict[str, Any]:
    """The columns of the surviving record, by choice or by rule."""
    faces = merges.face(session, kept), merges.face(session, merged)
    names = rules.fields(*faces)
    if set(choices) - set(names) or any(
        choice is Choice.BOTH and name != "note" for name, choice in choices.items()
    ):
        raise Invalid("core.invalid")
    made = {name: choices.get(name) or rules.default(name, *faces) for name in names}
    values = {name: rules.chosen(name, made[name], *faces) for name in rules.FACTS}
    values["custom"] = _custom(made, faces)
    for name, along in rules.ALONG.items():
        source = merged if made[name] is Choice.MERGED else kept
        values |= {one: getattr(source, one) for one in along}
    if not values["external_id"]:
        values["source"] = kept.source or merged.source
    spelling = normalise.pinyin(str(values["name"] or values["company"]))
    values["name_pinyin"] = spelling.full[:200]
    values["name_initials"] = spelling.initials[:40]
    contacted = [one.last_contact_at for one in (kept, merged) if one.last_contact_at]
    values["last_contact_at"] = max(contacted, default=None)
    return values


def _custom(made: Mapping[str, Choice], faces: tuple[Face, Face]) -> dict[str, Any]:
    kept, merged = faces
    found = {
        name: rules.chosen(name, made[name], kept, merged)
        for name in {*kept.custom, *merged.custom}
    }
    return {name: value for name, value in found.items() if not rules.is_empty(value)}


def _carry(session: Session, item: CustomerMerge, now: datetime) -> None:
    """Rows of the merged record go to the other; tags become the union of both."""
    kept_id, merged_id = item.kept_id, item.merged_id
    has_main = select(ContactPerson.id).where(
        ContactPerson.customer_id == kept_id, ContactPerson.is_main
    )
    if session.scalar(has_main.limit(1)) is not None:
        persons = bulk.table(ContactPerson)
        session.execute(
            update(persons).where(persons.c.customer_id == merged_id).values(is_main=False)
        )
    for model in MOVED:
        moving.carry(session, item.id, model, source=merged_id, to=kept_id)
    moving.carry(session, item.id, Customer, source=merged_id, to=kept_id, column="merged_into_id")
    _unite_tags(session, item, now)
    session.execute(delete(CustomerScores).where(CustomerScores.customer_id == merged_id))
    _tell_running_imports(session, item)


def _unite_tags(session: Session, item: CustomerMerge, now: datetime) -> None:
    mine = select(CustomerTag.tag_id).where(CustomerTag.customer_id == item.kept_id)
    added = session.scalars(
        select(CustomerTag.tag_id).where(
            CustomerTag.customer_id == item.merged_id, CustomerTag.tag_id.not_in(mine)
        )
    ).all()
    moving.note_ids(session, item.id, TAGS, added)
    session.execute(delete(CustomerTag).where(CustomerTag.customer_id == item.merged_id))
    rows = [{"customer_id": item.kept_id, "tag_id": one, "created_at": now} for one in added]
    if rows:
        session.execute(insert(CustomerTag), rows)


def _tell_running_imports(session: Session, item: CustomerMerge) -> None:
    """An import that met the merged record sums the totals of the other at its end."""
    met = bulk.table(ImportedCustomer)
    running = select(Import.id).where(Import.state == ImportState.RUNNING)
    rows = select(met.c.import_id, literal(item.kept_id), met.c.line).where(
        met.c.customer_id == item.merged_id, met.c.import_id.in_(running)
    )
    session.execute(
        bulk.insert(session, ImportedCustomer)
        .from_select(["import_id", "customer_id", "line"], rows)
        .on_conflict_do_nothing()
    )


def _write(
    session: Session,
    item: CustomerMerge,
    kept: Customer,
    merged: Customer,
    values: dict[str, Any],
    now: datetime,
) -> None:
    """Both rows. No version that anybody holds of either fits afterwards."""
    table = bulk.table(Customer)
    version = max(kept.version, merged.version) + 1
    gone: dict[str, Any] = {"merged_into_id": kept.id, "version": version}
    takes_number = values["external_id"] and values["external_id"] != kept.external_id
    if takes_number:
        # A source's number belongs to one record: the other one gets what this one had, so that
        # a file with either number finds its way here.
        gone |= {"external_id": None, "name": merged.name or str(merged.external_id)}
    session.execute(update(table).where(table.c.id == merged.id).values(gone))
    session.execute(
        update(table)
        .where(table.c.id == kept.id)
        .values(values | {"version": version, "updated_at": now})
    )
    if takes_number and kept.external_id:
        number = {"source": kept.source, "external_id": kept.external_id}
        session.execute(update(table).where(table.c.id == merged.id).values(number))
    if values["stage"] is not kept.stage:
        change = StageChange(customer_id=kept.id, before=kept.stage, after=values["stage"])
        change.reason, change.by_id, change.at = StageReason.MERGE, item.by_id, now
        session.add(change)
    session.flush()


def _note_subjects(session: Session, item: CustomerMerge, subjects: tuple[int, ...]) -> None:
    """Which records and addresses the younger subject had: it may come back with them."""
    for joined in subjects[1:]:
        for model in (Customer, ContactPoint):
            table = bulk.table(model)
            what = moving.label(model, "subject_id")
            moving.note(session, item.id, what, table, table.c.subject_id == joined)


def _bring_up_to_date(
    session: Session, item: CustomerMerge, kept: Customer, *, by: User, now: datetime
) -> None:
    """Totals and stage of what both bought; the snapshot learns how the merge left the record."""
    before_id = kept.owner_id
    stats.recompute(session, [item.kept_id, item.merged_id], now=now)
    stages.move_by_orders(session, [item.kept_id], now=now)
    queries.get(session, kept.id, visible_to=by)  # the loaded record follows what was written
    if kept.owner_id != before_id:
        cause = owners.Cause(batch="", reason=OwnerReason.ASSIGNED, by=by, at=now)
        owners.write_down(session, kept, before_id, cause)
    moving.remember(session, item.id, "after", state(session, item.kept_id))
