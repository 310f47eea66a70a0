"""A chunk of an orders file: whole orders, orders line by line, or lines of known orders.

An order is known by its source and number, a line by its place among the order's lines in the
file, so that the same file gives the same rows however often, and two equal lines stay two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.company import company
from crm.customers.models import Import, ImportedOrder, Order, OrderLine, OrderStatus
from crm.customers.rules.cells import Refused, read_all
from crm.customers.rules.customer_rows import CustomerRow
from crm.customers.rules.mappings import Mapping
from crm.customers.rules.order_rows import Head, Line, OrderRow, OrderRows
from crm.customers.services import importing_people
from crm.customers.services.importing_customers import Taken
from crm.customers.services.importing_people import People, Person
from crm.users.models import User

_HEADER = ("status", "currency", "refunded_fen", "channel", "ordered_at", "paid_at", "customer_id")
_LINE = Line._fields
_MILLI_PER_FEN = 10


@dataclass(slots=True, eq=False)
class Known:
    """An order while a chunk is worked on; `header` is what it will be, `was` what is stored."""

    number: str
    row: int
    id: int = 0
    header: dict[str, Any] = field(default_factory=dict)
    was: dict[str, Any] = field(default_factory=dict)
    amount_fen: int = 0
    stored_fen: int = 0
    lines: list[Line] = field(default_factory=list)
    lines_before: int = 0
    is_met: bool = False
    first_row: int = 0
    is_changed: bool = False
    buyer: Person | None = None
    head: Head | None = None

    @property
    def is_other_than_stored(self) -> bool:
        return self.header != self.was or self.amount_fen != self.stored_fen


def take(
    session: Session,
    item: Import,
    numbered: Iterable[tuple[int, list[str]]],
    reader: OrderRows,
    *,
    by: User,
    now: datetime,
) -> Taken:
    """Write a chunk's orders and lines. A row that cannot be taken is handed back."""
    rows, refused = read_all(reader, numbered)
    taken = Taken(refused=refused)
    mapping = reader.mapping
    orders = known_orders(session, mapping.source, {row.head.number for row, _ in rows}, item.id)
    buyers = {row.head.customer for row, _ in rows if row.head.customer}
    people = importing_people.load(session, buyers, import_id=item.id, by=by)
    for row, cells in rows:
        try:
            take_one(row, orders, people, mapping)
        except Refused as reason:
            taken.refused.append((row.row, reason, cells))

    importing_people.save_made(session, people, by=by, now=now)
    met = [order for order in orders.values() if order.row]
    _name_buyers(session, met, people, item.id)
    fresh = [order for order in met if not order.id]
    _insert_orders(session, fresh, mapping, now=now)
    known = [order for order in met if order.was]
    if mapping.has_orders:
        _update_orders(session, known, now=now)
    _save_lines(session, met)
    if mapping.sums_lines:
        changed = sum_lines(session, [order.id for order in known], now=now)
        for order in known:
            order.is_changed = order.is_changed or order.id in changed
    _remember(session, met, item.id)
    first = [order for order in known if not order.is_met]
    taken.created = len(fresh)
    taken.updated = sum(order.is_changed for order in first)
    taken.unchanged = len(first) - taken.updated
    return taken


def drop_surplus_lines(session: Session, import_id: int, order_ids: Sequence[int]) -> set[int]:
    """Remove lines that the file no longer has, of orders read to their end. The orders' ids."""
    surplus = (
        select(OrderLine.id, OrderLine.order_id)
        .join(ImportedOrder, ImportedOrder.order_id == OrderLine.order_id)
        .where(
            ImportedOrder.import_id == import_id,
            bulk.among(session, ImportedOrder.order_id, order_ids),
            # Said twice: without it, and before it has counted, PostgreSQL reads every line.
            bulk.among(session, OrderLine.order_id, order_ids),
            OrderLine.line_no > ImportedOrder.line_count,
        )
    )
    found = session.execute(surplus).all()
    if found:
        lines = delete(OrderLine).where(OrderLine.id.in_([line_id for line_id, _ in found]))
        session.execute(lines, execution_options={"synchronize_session": False})
    return {order_id for _, order_id in found}


def sum_lines(session: Session, order_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Make these orders' amounts the sums of their lines, rounded once. Those that changed."""
    if not order_ids:
        return set()
    sums = (
        select(Order.id, Order.amount_fen, func.sum(OrderLine.amount_milli))
        .outerjoin(OrderLine, OrderLine.order_id == Order.id)
        .where(bulk.among(session, Order.id, order_ids))
        .group_by(Order.id, Order.amount_fen)
    )
    changed = [
        {"key": order_id, "new_amount": fen, "at": now}
        for order_id, stored, milli in session.execute(sums)
        if (fen := _fen(int(milli or 0))) != stored
    ]
    if changed:
        orders = bulk.table(Order)
        statement = (
            update(orders)
            .where(orders.c.id == bindparam("key"))
            .values(amount_fen=bindparam("new_amount"), updated_at=bindparam("at"))
        )
        session.connection().execute(statement, changed)
    return {int(row["key"]) for row in changed}  # type: ignore[call-overload]  # it is an id


def known_orders(
    session: Session, source: str, numbers: set[str], import_id: int
) -> dict[str, Known]:
    """Stored orders with these numbers, and how far this import has read each of them."""
    columns = (Order.number, Order.id, Order.amount_fen, *(getattr(Order, n) for n in _HEADER))
    stored = select(*columns).where(
        Order.source == source, bulk.among(session, Order.number, numbers)
    )
    orders = {}
    for number, order_id, amount_fen, *values in session.execute(stored):
        was = dict(zip(_HEADER, values, strict=True))
        orders[number] = Known(
            number, 0, order_id, dict(was), was, amount_fen=amount_fen, stored_fen=amount_fen
        )
    by_id = {order.id: order for order in orders.values()}
    read = select(ImportedOrder.order_id, ImportedOrder.line, ImportedOrder.line_count).where(
        ImportedOrder.import_id == import_id, bulk.among(session, ImportedOrder.order_id, by_id)
    )
    if by_id:
        for order_id, line, line_count in session.execute(read):
            order = by_id[order_id]
            order.is_met, order.first_row, order.lines_before = True, line, line_count
    return orders


def take_one(row: OrderRow, orders: dict[str, Known], people: People, mapping: Mapping) -> None:
    head = row.head
    order = orders.get(head.number)
    if order is None and not mapping.has_orders:
        raise Refused("import.order_unknown", field="number", value=head.number)
    if order is not None and not mapping.has_lines and (order.row or order.is_met):
        raise Refused("import.repeated", value=str(order.row or order.first_row))
    if order is None or order.head is not head:
        buyer = _buyer(head.customer, order, people)
        if order is None:
            order = orders[head.number] = Known(head.number, row.row)
        if buyer is not None:
            buyer.met_in_row = buyer.met_in_row or row.row
            order.buyer = buyer
        if mapping.has_orders:
            _describe(order, head, mapping)
        order.head = head
        order.row = order.row or row.row
    if row.line is not None:
        order.lines.append(row.line)


def _buyer(row: CustomerRow | None, order: Known | None, people: People) -> Person | None:
    """Who ordered. An order without a customer may get one; it never changes hands."""
    if row is None:
        return None
    person = people.find(row)
    if person is not None and not person.is_visible:
        raise Refused("import.not_yours")
    if order is not None:
        stored = order.was.get("customer_id")
        is_other = order.buyer is not None and order.buyer is not person
        if is_other or (stored and (person is None or stored != person.id)):
            raise Refused("import.order_of_another", field="number", value=order.number)
    return person or people.make(row)


def _describe(order: Known, head: Head, mapping: Mapping) -> None:
    """What a row says about the order as a whole; of several times the earliest counts."""
    header = order.header
    for name in ("status", "paid_at", "channel", "currency", "refunded_fen"):
        value = getattr(head, name)
        if value is not None:
            header[name] = value
    known = header.get("ordered_at")
    if head.ordered_at is not None:
        if known is not None and mapping.has_lines:
            header["ordered_at"] = min(head.ordered_at, known)
        else:
            header["ordered_at"] = head.ordered_at
    if head.amount_fen is not None:
        order.amount_fen = head.amount_fen


def _name_buyers(session: Session, met: Sequence[Known], people: People, import_id: int) -> None:
    rows: dict[int, int] = {}
    for order in met:
        if order.buyer is not None:
            order.header["customer_id"] = order.buyer.id
        if customer_id := order.header.get("customer_id"):
            rows.setdefault(customer_id, order.row)
    importing_people.remember(session, rows, import_id=import_id, made=people.made)


def _insert_orders(
    session: Session, fresh: Sequence[Known], mapping: Mapping, *, now: datetime
) -> None:
    if not fresh:
        return
    rows = []
    blank = {
        "status": OrderStatus.PAID,
        "currency": company(session).currency,
        "refunded_fen": 0,
        "channel": "",
    }
    for order, new_id in zip(fresh, bulk.new_ids(session, Order, len(fresh)), strict=True):
        order.id = new_id
        if mapping.sums_lines:
            order.amount_fen = _fen(sum(line.amount_milli for line in order.lines))
        header = [order.header.get(name, blank.get(name)) for name in _HEADER]
        rows.append((new_id, mapping.source, order.number, order.amount_fen, *header, now, now))
    columns = ("id", "source", "number", "amount_fen", *_HEADER, "created_at", "updated_at")
    bulk.insert_rows(session, Order, columns, rows)


def _update_orders(session: Session, known: Sequence[Known], *, now: datetime) -> None:
    changed = []
    for order in known:
        if order.is_other_than_stored:
            order.is_changed = True
            values = {f"new_{name}": order.header[name] for name in _HEADER}
            changed.append(values | {"new_amount": order.amount_fen, "key": order.id, "at": now})
    if not changed:
        return
    orders = bulk.table(Order)
    statement = (
        update(orders)
        .where(orders.c.id == bindparam("key"))
        .values(
            {name: bindparam(f"new_{name}") for name in _HEADER}
            | {"amount_fen": bindparam("new_amount"), "updated_at": bindparam("at")}
        )
    )
    session.connection().execute(statement, changed)


def _save_lines(session: Session, met: Sequence[Known]) -> None:
    """Insert lines that are new, update those that differ, leave equal ones alone."""
    stored = _stored_lines(session, [order for order in met if order.was and order.lines])
    added: list[tuple[Any, ...]] = []
    changed: list[dict[str, Any]] = []
    for order in met:
        for line_no, line in enumerate(order.lines, order.lines_before + 1):
            known = stored.get((order.id, line_no))
            if known is None:
                added.append((order.id, line_no, *line))
            elif known[1:] != line:
                new = {f"new_{name}": value for name, value in zip(_LINE, line, strict=True)}
                changed.append(new | {"key": known[0]})
            else:
                continue
            order.is_changed = True
    bulk.insert_rows(session, OrderLine, ("order_id", "line_no", *_LINE), added)
    if changed:
        lines = bulk.table(OrderLine)
        statement = update(lines).where(lines.c.id == bindparam("key"))
        given: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _LINE}
        session.connection().execute(statement.values(given), changed)


def _stored_lines(session: Session, orders: Sequence[Known]) -> dict[tuple[int, int], Any]:
    """The stored lines at the places that this chunk fills."""
    if not orders:
        return {}
    first = min(order.lines_before for order in orders) + 1
    last = max(order.lines_before + len(order.lines) for order in orders)
    columns = (getattr(OrderLine, name) for name in _LINE)
    found = select(OrderLine.order_id, OrderLine.line_no, OrderLine.id, *columns).where(
        bulk.among(session, OrderLine.order_id, [order.id for order in orders]),
        OrderLine.line_no.between(first, last),
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in session.execute(found)}


def _remember(session: Session, met: Sequence[Known], import_id: int) -> None:
    """Write down how far each order has been read."""
    first = [
        (import_id, order.id, order.row, order.lines_before + len(order.lines))
        for order in met
        if not order.is_met
    ]
    bulk.insert_rows(session, ImportedOrder, ("import_id", "order_id", "line", "line_count"), first)
    further = [
        {"key": order.id, "read": order.lines_before + len(order.lines)}
        for order in met
        if order.is_met and order.lines
    ]
    if further:
        table = bulk.table(ImportedOrder)
        known = (table.c.import_id == import_id, table.c.order_id == bindparam("key"))
        statement = update(table).where(*known).values(line_count=bindparam("read"))
        session.connection().execute(statement, further)


def _fen(milli: int) -> int:
    """Thousandths to fen, rounded half away from zero."""
    fen = (abs(milli) + _MILLI_PER_FEN // 2) // _MILLI_PER_FEN
    return fen if milli >= 0 else -fen
