"""Trying a file without writing: the same rows, the same rules, and what would come of each.

Nothing is made, so later rows cannot find an earlier row's customer. Hashes of whom the check has
met stand in for them, and are forgotten at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.models import Import, ImportSighting
from crm.customers.rules.cells import Refused, read_all
from crm.customers.rules.customer_rows import CustomerRow, CustomerRows
from crm.customers.rules.opportunity_rows import OpportunityRow, OpportunityRows
from crm.customers.rules.order_rows import OrderRow, OrderRows
from crm.customers.services import importing_customers, importing_orders, importing_people
from crm.customers.services.importing_customers import Taken, Work
from crm.users.models import User

Numbered = Iterable[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Tried:
    """One row as it would be read, or why it cannot be."""

    number: int
    cells: list[str]
    row: CustomerRow | OrderRow | OpportunityRow | None
    refused: Refused | None


def try_out(
    session: Session,
    rows: Sequence[list[str]],
    reader: CustomerRows | OrderRows | OpportunityRows,
    *,
    first: int,
    by: User,
) -> list[Tried]:
    """A few rows by their own, without asking which customers are known."""
    tried = []
    for number, cells in enumerate(rows, first):
        try:
            tried.append(Tried(number, cells, reader.read(number, cells), None))
        except Refused as refused:
            tried.append(Tried(number, cells, None, refused))
    drafts = [one.row for one in tried if isinstance(one.row, CustomerRow)]
    owners = importing_customers.owners_of(session, drafts, by=by)
    return [_with_known_owner(one, owners) for one in tried]


def _with_known_owner(one: Tried, owners: dict[str, int | None]) -> Tried:
    row = one.row
    if not isinstance(row, CustomerRow) or not row.owner or owners.get(row.owner):
        return one
    refused = Refused("import.owner_unknown", field="owner", value=row.owner)
    return Tried(one.number, one.cells, row, refused)


def look(
    session: Session,
    item: Import,
    numbered: Numbered,
    reader: CustomerRows | OrderRows,
    *,
    by: User,
) -> Taken:
    """What would become of these rows."""
    if isinstance(reader, CustomerRows):
        return _look_at_customers(session, item, numbered, reader, by=by)
    return _look_at_orders(session, item, numbered, reader, by=by)


def forget(session: Session, item: Import) -> None:
    session.execute(delete(ImportSighting).where(ImportSighting.import_id == item.id))


def _look_at_customers(
    session: Session, item: Import, numbered: Numbered, reader: CustomerRows, *, by: User
) -> Taken:
    rows, refused = read_all(reader, numbered)
    taken = Taken(refused=refused)
    drafts = [row for row, _ in rows]
    people = importing_people.load(session, drafts, import_id=item.id, by=by)
    owners = importing_customers.owners_of(session, drafts, by=by)
    seen = _seen(session, item, [*map(_of_known, people.by_id), *_keys_of(drafts)])
    for person in people.by_id.values():
        person.met_in_row = seen.get(_of_known(person.id), 0)
    work, fresh = Work(), dict[int, int]()
    for row, cells in rows:
        try:
            _must_be_new(row, seen)
            importing_customers.take_one(row, people, work, existing=reader.existing, owners=owners)
        except Refused as reason:
            taken.refused.append((row.row, reason, cells))
        else:
            fresh |= dict.fromkeys(_written(row), row.row)
    fresh |= {_of_known(person.id): person.met_in_row for person in work.met}
    _keep(session, item, fresh, seen)
    had = importing_customers.tags_of(session, [person.id for person, _ in work.tagged])
    changed = {person.id for person in work.changed} | work.new_tags(had).keys()
    taken.created = len(people.made)
    taken.updated = len(changed)
    taken.unchanged = len(work.met) - taken.updated
    return taken


def _look_at_orders(
    session: Session, item: Import, numbered: Numbered, reader: OrderRows, *, by: User
) -> Taken:
    rows, refused = read_all(reader, numbered)
    taken, mapping = Taken(refused=refused), reader.mapping
    numbers = {row.head.number for row, _ in rows}
    orders = importing_orders.known_orders(session, mapping.source, numbers, item.id)
    known = set(orders)
    buyers = {row.head.customer for row, _ in rows if row.head.customer}
    people = importing_people.load(session, buyers, import_id=item.id, by=by)
    seen = _seen(session, item, map(_of_order, numbers))
    for row, cells in rows:
        try:
            if _is_counted(row, seen, has_lines=mapping.has_lines):
                continue
            importing_orders.take_one(row, orders, people, mapping)
        except Refused as reason:
            taken.refused.append((row.row, reason, cells))
    met = [order for order in orders.values() if order.row]
    _keep(session, item, {_of_order(order.number): order.row for order in met}, seen)
    again = [order for order in met if order.number in known]
    taken.created = len(met) - len(again)
    taken.updated = sum(order.is_other_than_stored for order in again)
    taken.unchanged = len(again) - taken.updated
    return taken


def _is_counted(row: OrderRow, seen: dict[int, int], *, has_lines: bool) -> bool:
    """Whether the row is a further line of an order that an earlier chunk has counted."""
    earlier = seen.get(_of_order(row.head.number))
    if earlier and not has_lines:
        raise Refused("import.repeated", value=str(earlier))
    return earlier is not None


def _must_be_new(row: CustomerRow, seen: dict[int, int]) -> None:
    for key in _asked(row):
        if key in seen:
            raise Refused("import.repeated", value=str(seen[key]))


def _asked(row: CustomerRow) -> list[int]:
    """Under which keys an earlier row would be the same customer; see `People.find`."""
    keys = []
    if row.external_id:
        keys.append(_key("number", row.source, row.external_id))
    for kind, address in (("phone", row.phone), ("email", row.email_key)):
        if address:
            keys.append(_key(kind, address, "no number"))
            if not row.external_id:
                keys.append(_key(kind, address, "number"))
    return keys


def _written(row: CustomerRow) -> list[int]:
    """Under which keys later rows find this one."""
    keys = []
    if row.external_id:
        keys.append(_key("number", row.source, row.external_id))
    has = "number" if row.external_id else "no number"
    for kind, address in (("phone", row.phone), ("email", row.email_key)):
        if address:
            keys.append(_key(kind, address, has))
    return keys


def _keys_of(rows: Sequence[CustomerRow]) -> Iterable[int]:
    return (key for row in rows for key in _asked(row))


def _of_known(customer_id: int) -> int:
    return _key("customer", str(customer_id))


def _of_order(number: str) -> int:
    return _key("order", number)


def _key(*parts: str) -> int:
    digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _seen(session: Session, item: Import, keys: Iterable[int]) -> dict[int, int]:
    found = select(ImportSighting.key, ImportSighting.line).where(
        ImportSighting.import_id == item.id, bulk.among(session, ImportSighting.key, list(keys))
    )
    return {row.key: row.line for row in session.execute(found)}


def _keep(session: Session, item: Import, fresh: dict[int, int], seen: dict[int, int]) -> None:
    rows = [(item.id, key, line) for key, line in fresh.items() if key not in seen]
    bulk.insert_rows(session, ImportSighting, ("import_id", "key", "line"), rows)
