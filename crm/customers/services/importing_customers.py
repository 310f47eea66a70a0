"""A chunk of a customers file: who is new, who is known and what the file adds to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.events import publish
from crm.customers.events import CustomerAssigned
from crm.customers.models import (
    Customer,
    CustomerTag,
    Import,
    ImportChange,
    OwnerChange,
    OwnerReason,
    Stage,
    StageChange,
    StageReason,
    Tag,
)
from crm.customers.rules.cells import Refusal, Refused, read_all
from crm.customers.rules.customer_rows import CustomerRow, CustomerRows, search_spelling
from crm.customers.rules.mappings import FILL, MERGE, REPLACE, SKIP
from crm.customers.services import importing_more, importing_people
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
class Work:
    """Known customers that the chunk changes."""

    changed: list[Person] = field(default_factory=list)
    moves: list[tuple[Person, Stage]] = field(default_factory=list)
    handed_over: list[tuple[Person, int | None]] = field(default_factory=list)
    tagged: list[tuple[Person, tuple[str, ...]]] = field(default_factory=list)
    met: list[Person] = field(default_factory=list)
    before: dict[int, dict[str, Any]] = field(default_factory=dict)
    #: Blanks alone are filled: whoever has a tag keeps to it.
    only_untagged: bool = False
    has_more: bool = False  # see `People.has_more`

    def new_tags(self, had: dict[int, set[str]]) -> dict[int, list[str]]:
        """Which tags the known customers would get, by what they have."""
        found = {}
        for person, tags in self.tagged:
            has = had.get(person.id, set())
            new = [] if has and self.only_untagged else [tag for tag in tags if tag not in has]
            if new:
                found[person.id] = new
        return found


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
    owners = owners_of(session, drafts, by=by)
    work = Work(has_more=people.has_more)
    for row, cells in rows:
        try:
            take_one(row, people, work, existing=reader.existing, owners=owners)
        except Refused as reason:
            taken.refused.append((row.row, reason, cells))

    importing_people.save_made(session, people, by=by, now=now)
    touched = _save_changes(session, work, by=by, now=now)
    put_on = _save_tags(session, people, work, now=now)
    touched |= put_on.keys()
    _keep_before(session, item, work, put_on)
    met = {person.id: person.met_in_row for person in (*people.made, *work.met)}
    importing_people.remember(session, met, import_id=item.id, made=people.made)
    taken.created = len(people.made)
    taken.updated = len(touched)
    taken.unchanged = len(work.met) - taken.updated
    return taken


def take_one(
    row: CustomerRow,
    people: People,
    work: Work,
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
    work.only_untagged = existing == FILL
    _note_changes(person, row, people, work, _changes(person, row, owner_id, existing=existing))


def _note_changes(
    person: Person, row: CustomerRow, people: People, work: Work, changes: dict[str, Any]
) -> None:
    if changes:
        work.changed.append(person)
        work.before[person.id] = {name: getattr(person, name) for name in changes}
    if "stage" in changes:
        work.moves.append((person, person.stage))
    if "owner_id" in changes:
        work.handed_over.append((person, person.owner_id))
    if row.tags:
        work.tagged.append((person, row.tags))
    people.change(person, changes)


def _changes(
    person: Person, row: CustomerRow, owner_id: int | None, *, existing: str
) -> dict[str, Any]:
    """What the row adds to a known customer; an empty cell never takes anything away."""
    replace = existing == REPLACE
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
    if existing == MERGE and row.note and person.note and row.note not in person.note:
        changes["note"] = f"{person.note}\n{row.note}"
    if not person.source and row.source:
        changes["source"] = row.source
    if row.external_id and not person.external_id and person.source in {"", row.source}:
        changes["external_id"] = row.external_id
    if row.more:
        changes |= importing_more.changes(person, row, replace=replace)
    return changes


def tags_of(session: Session, customer_ids: Sequence[int]) -> dict[int, set[str]]:
    """The names of the tags that these customers have."""
    found: dict[int, set[str]] = {}
    if customer_ids:
        have = select(CustomerTag.customer_id, Tag.name).join(Tag, Tag.id == CustomerTag.tag_id)
        among = bulk.among(session, CustomerTag.customer_id, customer_ids)
        for customer_id, name in session.execute(have.where(among)):
            found.setdefault(customer_id, set()).add(name)
    return found


def owners_of(session: Session, rows: Sequence[CustomerRow], *, by: User) -> dict[str, int | None]:
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


def _save_changes(session: Session, work: Work, *, by: User, now: datetime) -> set[int]:
    """Update the changed ones, keep the history of their stages, and add their new addresses."""
    if not work.changed:
        return set()
    updated = (*_UPDATED, *importing_more.COLUMNS) if work.has_more else _UPDATED
    rows = []
    for person in work.changed:
        full, initials = search_spelling(person.name, person.company)
        values = {f"new_{name}": getattr(person, name) for name in updated}
        values |= {"new_pinyin": full, "new_initials": initials, "at": now, "key": person.id}
        rows.append(values)
    customers = bulk.table(Customer)
    statement = (
        update(customers)
        .where(customers.c.id == bindparam("key"))
        .values(
            {name: bindparam(f"new_{name}") for name in updated}
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
    _hand_over(session, work.handed_over, by=by, now=now)
    return {person.id for person in work.changed}


def _hand_over(
    session: Session, handed_over: Sequence[tuple[Person, int | None]], *, by: User, now: datetime
) -> None:
    """Write down whose each was and is, and tell whoever follows the owner."""
    if not handed_over:
        return
    rows = [
        (person.id, before_id, person.owner_id, by.id, OwnerReason.ASSIGNED, "", None, now)
        for person, before_id in handed_over
    ]
    columns = ("customer_id", "before_id", "after_id", "by_id", "reason", "note", "batch", "at")
    bulk.insert_rows(session, OwnerChange, columns, rows)
    given = bulk.among(session, Customer.id, [person.id for person, _ in handed_over])
    since = update(Customer).where(given).values(owner_since=now)
    session.execute(since, execution_options={"synchronize_session": False})
    for person, before_id in handed_over:
        publish(session, CustomerAssigned(person.id, before_id, person.owner_id, now))


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


def _keep_before(session: Session, item: Import, work: Work, put_on: dict[int, list[int]]) -> None:
    """What the known ones were before, for an undo."""
    changed = {person.id: person for person in work.changed}
    touched = [*changed.values(), *(one for one, _ in work.tagged if one.id not in changed)]
    rows = []
    for person in touched:
        before = work.before.get(person.id, {})
        if not before and person.id not in put_on:
            continue
        after = {name: _plain(getattr(person, name)) for name in before}
        was = {name: _plain(value) for name, value in before.items()}
        version = person.version + (1 if before else 0)
        rows.append((item.id, person.id, version, was, after, put_on.get(person.id, [])))
    columns = ("import_id", "customer_id", "version", "before", "after", "tag_ids")
    bulk.insert_rows(session, ImportChange, columns, rows)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a customer's column holds
    """As JSON can keep it."""
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value


def _save_tags(
    session: Session, people: People, work: Work, *, now: datetime
) -> dict[int, list[int]]:
    """Put the tags on. Of the known customers, those each of them did not have yet."""
    tagged = [person.id for person, _ in work.tagged]
    had = tags_of(session, tagged)
    wanted = [(person.id, tag) for person in people.made for tag in person.tags]
    wanted += [(one, tag) for one, tags in work.new_tags(had).items() for tag in tags]
    if not wanted:
        return {}
    names = {tag for _, tag in wanted}
    session.execute(
        bulk.insert(session, Tag).on_conflict_do_nothing(index_elements=["name"]),
        [{"name": name, "created_at": now} for name in sorted(names)],
    )
    known = select(Tag.name, Tag.id).where(Tag.name.in_(names))
    ids = {found.name: found.id for found in session.execute(known)}
    rows = [(customer_id, ids[tag], now) for customer_id, tag in wanted]
    bulk.insert_rows(session, CustomerTag, ("customer_id", "tag_id", "created_at"), rows)
    put_on: dict[int, list[int]] = {customer_id: [] for customer_id in tagged}
    for customer_id, tag_id, _ in rows:
        if customer_id in put_on:
            put_on[customer_id].append(tag_id)
    return {customer_id: tag_ids for customer_id, tag_ids in put_on.items() if tag_ids}
