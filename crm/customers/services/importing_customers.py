"""A chunk of a customers file: who is new, who is known and what the file adds to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.events import publish
from crm.customers.events import CustomerAssigned
from crm.customers.models import Customer, CustomerTag, Import, Stage, StageChange, StageReason, Tag
from crm.customers.rules.cells import Refusal, Refused, read_all
from crm.customers.rules.customer_rows import CustomerRow, CustomerRows, search_spelling
from crm.customers.rules.mappings import REPLACE, SKIP
from crm.customers.services import importing_people
from crm.customers.services.importing_people import People, Person
from crm.users.models import Role, User

_FILLED = ("name", "company", "region", "note", "phone", "email")
_UPDATED = (*_FILLED, "external_id", "source", "kind", "stage", "owner_id")


@dataclass(slots=True)
class Taken:
    """What became of a chunk's rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(slots=True)
class _Work:
    """Known customers that the chunk changes."""

    changed: list[Person] = field(default_factory=list)
    moves: list[tuple[Person, Stage]] = field(default_factory=list)
    handed_over: list[tuple[Person, int | None]] = field(default_factory=list)
    tagged: list[tuple[Person, tuple[str, ...]]] = field(default_factory=list)
    met: list[Person] = field(default_factory=list)


def take(
    session: Session,
    item: Import,
    numbered: Iterable[tuple[int, list[str]]],
    reader: CustomerRows,
    *,
    by: User,
    now: datetime,
) -> Taken:
    """Write a chunk's customers. A row that cannot be taken is handed back with the reason."""
    rows, refused = read_all(reader, numbered)
    taken = Taken(refused=refused)
    drafts = [row for row, _ in rows]
    people = importing_people.load(session, drafts, import_id=item.id, by=by, lock=True)
    owners = _owners(session, drafts, by=by)
    work = _Work()
    for row, cells in rows:
        try:
            _take_one(row, people, work, existing=reader.existing, owners=owners)
        except Refused as reason:
            taken.refused.append((row.row, reason, cells))

    importing_people.save_made(session, people, by=by, now=now)
    touched = _save_changes(session, work, by=by, now=now)
    touched |= _save_tags(session, people, work, now=now)
    met = {person.id: person.met_in_row for person in (*people.made, *work.met)}
    importing_people.remember(session, met, import_id=item.id)
    taken.created = len(people.made)
    taken.updated = len(touched)
    taken.unchanged = len(work.met) - taken.updated
    return taken


def _take_one(
    row: CustomerRow,
    people: People,
    work: _Work,
    *,
    existing: str,
    owners: dict[str, int | None],
) -> None:
    owner_id = owners.get(row.owner) if row.owner else None
    if row.owner and owner_id is None:
        raise Refused("import.owner_unknown", field="owner", value=row.owner)
    person = people.find(row)
    if person is None:
        people.make(row, owner_id=owner_id)
        return
    if person.met_in_row:
        raise Refused("import.repeated", value=str(person.met_in_row))
    if not person.is_visible:
        raise Refused("import.not_yours")
    person.met_in_row = row.row
    work.met.append(person)
    if existing == SKIP:
        return
    _note_changes(
        person, row, people, work, _changes(person, row, owner_id, replace=existing == REPLACE)
    )


def _note_changes(
    person: Person, row: CustomerRow, people: People, work: _Work, changes: dict[str, Any]
) -> None:
    if changes:
        work.changed.append(person)
    if "stage" in changes:
        work.moves.append((person, person.stage))
    if "owner_id" in changes:
        work.handed_over.append((person, person.owner_id))
    if row.tags:
        work.tagged.append((person, row.tags))
    people.change(person, changes)


def _changes(
    person: Person, row: CustomerRow, owner_id: int | None, *, replace: bool
) -> dict[str, Any]:
    """What the row adds to a known customer; an empty cell never takes anything away."""
    wanted: dict[str, Any] = {name: getattr(row, name) for name in _FILLED}
    wanted["owner_id"] = owner_id
    changes = {
        name: value
        for name, value in wanted.items()
        if value and value != getattr(person, name) and (replace or not getattr(person, name))
    }
    if replace:
        for name in ("kind", "stage"):
            if (value := getattr(row, name)) and value is not getattr(person, name):
                changes[name] = value
    if not person.source and row.source:
        changes["source"] = row.source
    if row.external_id and not person.external_id and person.source in {"", row.source}:
        changes["external_id"] = row.external_id
    return changes


def _owners(session: Session, rows: Sequence[CustomerRow], *, by: User) -> dict[str, int | None]:
    """Colleagues by the names or addresses in the file; None where a name fits several."""
    wanted = {row.owner for row in rows if row.owner}
    if not wanted:
        return {}
    lowered = {name.casefold() for name in wanted}
    people = select(User.id, User.name, User.email).where(
        User.disabled_at.is_(None), or_(User.name.in_(wanted), User.email.in_(lowered))
    )
    if by.role is Role.LEAD:
        people = people.where(User.team_id == by.team_id)
    found: dict[str, int | None] = {}
    for user_id, name, email in session.execute(people):
        found[name] = None if name in found else user_id
        found.update({text: user_id for text in wanted if text.casefold() == email})
    return found


def _save_changes(session: Session, work: _Work, *, by: User, now: datetime) -> set[int]:
    """Update the changed ones, keep the history of their stages, and add their new addresses."""
    if not work.changed:
        return set()
    rows = []
    for person in work.changed:
        full, initials = search_spelling(person.name, person.company)
        values = {f"new_{name}": getattr(person, name) for name in _UPDATED}
        values |= {"new_pinyin": full, "new_initials": initials, "at": now, "key": person.id}
        rows.append(values)
    customers = bulk.table(Customer)
    statement = (
        update(customers)
        .where(customers.c.id == bindparam("key"))
        .values(
            {name: bindparam(f"new_{name}") for name in _UPDATED}
            | {
                "name_pinyin": bindparam("new_pinyin"),
                "name_initials": bindparam("new_initials"),
                "updated_at": bindparam("at"),
                "version": customers.c.version + 1,
            }
        )
    )
    session.connection().execute(statement, rows)
    _save_moves(session, work.moves, by=by, now=now)
    importing_people.save_addresses(session, work.changed, now=now)
    for person, before_id in work.handed_over:
        publish(session, CustomerAssigned(person.id, before_id, person.owner_id, now))
    return {person.id for person in work.changed}


def _save_moves(
    session: Session, moves: Sequence[tuple[Person, Stage]], *, by: User, now: datetime
) -> None:
    rows = [
        {
            "customer_id": person.id,
            "before": before,
            "after": person.stage,
            "reason": StageReason.IMPORT,
            "by_id": by.id,
            "at": now,
        }
        for person, before in moves
    ]
    if rows:
        session.execute(insert(bulk.table(StageChange)), rows)
        moved = [row["customer_id"] for row in rows]
        customers = bulk.table(Customer)
        since = update(customers).where(customers.c.id.in_(moved)).values(stage_since=now)
        session.execute(since)


def _save_tags(session: Session, people: People, work: _Work, *, now: datetime) -> set[int]:
    """Put the tags on. The ids of known customers that did not have theirs yet."""
    wanted = [(person.id, tag) for person in people.made for tag in person.tags]
    wanted += [(person.id, tag) for person, tags in work.tagged for tag in tags]
    if not wanted:
        return set()
    names = {tag for _, tag in wanted}
    session.execute(
        bulk.insert(session, Tag).on_conflict_do_nothing(index_elements=["name"]),
        [{"name": name, "created_at": now} for name in sorted(names)],
    )
    known = select(Tag.name, Tag.id).where(Tag.name.in_(names))
    ids = {found.name: found.id for found in session.execute(known)}
    tagged = [person.id for person, _ in work.tagged]
    have = select(CustomerTag.customer_id, CustomerTag.tag_id).where(
        bulk.among(session, CustomerTag.customer_id, tagged)
    )
    had = {(customer_id, tag_id) for customer_id, tag_id in session.execute(have)}
    fresh = [
        (customer_id, ids[tag]) for customer_id, tag in wanted if (customer_id, ids[tag]) not in had
    ]
    rows = [(customer_id, tag_id, now) for customer_id, tag_id in fresh]
    bulk.insert_rows(session, CustomerTag, ("customer_id", "tag_id", "created_at"), rows)
    return {customer_id for customer_id, _ in fresh} & set(tagged)
