"""All that happened to one customer, newest first: what each source knows, merged by time.

Entries, stage changes and orders are the customers' own; modules above add what they keep in
tables of their own through `Teller`s, wired in `crm.app`.
"""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, null, or_, select, tuple_
from sqlalchemy.orm import Session

from crm.core import paging
from crm.customers.models import Order, StageChange, TimelineEntry
from crm.users.models import User

PAGE = 20
NAME = "timeline"
Told = Select[*tuple[Any, ...]]  # an entity, when, by whom
TELLERS = "timeline"  # where a session carries what the modules above tell


class Source(enum.IntEnum):
    """Where an event is kept; the last two belong to modules above."""

    ENTRY = 0
    STAGE = 1
    ORDER = 2
    TARGET = 3
    CONTACT = 4


class Kind(enum.Enum):
    """What the timeline can be narrowed to."""

    FOLLOWUPS = "followups"
    ORDERS = "orders"
    ACTIVITIES = "activities"
    CONTACTS = "contacts"
    HELD = "held"
    STAGES = "stages"
    OWNERS = "owners"
    MERGES = "merges"


STRIDE = len(Source)
#: Which entries each kind means, by how their own kind begins.
_ENTRIES: Mapping[Kind, tuple[str, ...]] = {
    Kind.FOLLOWUPS: ("followups.",),
    Kind.ACTIVITIES: ("activities.",),
    Kind.CONTACTS: ("outreach.",),
    Kind.OWNERS: (
        "customers.claimed",
        "customers.assigned",
        "customers.returned",
        "customers.expired",
    ),
    Kind.MERGES: ("customers.merged", "customers.parted"),
}


@dataclass(frozen=True, slots=True)
class Teller:
    """What a module above knows of a customer.

    `select` gives rows of (entity with an id, when, by whom); `kinds` the kinds it belongs to,
    each with a condition where only some rows do; `details` make the event `name`.
    """

    source: Source
    name: str
    select: Callable[[int], Told]
    at: SQLColumnExpression[datetime]
    id: SQLColumnExpression[int]
    kinds: Mapping[Kind, ColumnElement[bool] | None]
    details: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: where it is kept, when it was, its row, and the name of who did it."""

    source: Source
    at: datetime
    row: Any
    by: str | None
    teller: Teller | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        """A total order: the ids of all sources are woven into one line of numbers."""
        return self.at, self.row.id * STRIDE + self.source


def page(
    session: Session,
    customer_id: int,
    *,
    kind: Kind | None = None,
    cursor: str | None = None,
    size: int = PAGE,
) -> paging.Page[Happening]:
    """What happened, newest first; one statement per source. There is only a way forward."""
    place = paging.decode(cursor, NAME, datetime) if cursor else None
    merged = [
        Happening(source, at, row, by, teller)
        for source, statement, (at_column, id_column), teller in _sources(
            session, customer_id, kind
        )
        for row, at, by in session.execute(
            _older(statement, at_column, id_column, source, place).limit(size + 1)
        )
    ]
    merged.sort(key=lambda one: one.place, reverse=True)
    shown = merged[:size]
    more = paging.encode(NAME, *shown[-1].place) if len(merged) > size else None
    return paging.Page(shown, more)


_Asked = tuple[Source, Told, tuple[Any, Any], Teller | None]


def _sources(session: Session, customer_id: int, kind: Kind | None) -> Iterator[_Asked]:
    """The sources that know of this kind, narrowed to it."""
    if kind is None or kind in _ENTRIES:
        yield Source.ENTRY, _entries(customer_id, kind), (TimelineEntry.at, TimelineEntry.id), None
    if kind in {None, Kind.STAGES}:
        changes = (
            select(StageChange, StageChange.at, User.name)
            .outerjoin(User, User.id == StageChange.by_id)
            .where(StageChange.customer_id == customer_id)
        )
        yield Source.STAGE, changes, (StageChange.at, StageChange.id), None
    if kind in {None, Kind.ORDERS}:
        orders = select(Order, Order.ordered_at, null()).where(Order.customer_id == customer_id)
        yield Source.ORDER, orders, (Order.ordered_at, Order.id), None
    tellers: Sequence[Teller] = session.info.get(TELLERS, ())
    for teller in tellers:
        if kind is None or kind in teller.kinds:
            narrowed = teller.kinds[kind] if kind is not None else None
            told = teller.select(customer_id)
            told = told if narrowed is None else told.where(narrowed)
            yield teller.source, told, (teller.at, teller.id), teller


def _entries(customer_id: int, kind: Kind | None) -> Told:
    entries = (
        select(TimelineEntry, TimelineEntry.at, User.name)
        .outerjoin(User, User.id == TimelineEntry.by_id)
        .where(TimelineEntry.customer_id == customer_id)
    )
    if kind is None:
        return entries
    beginnings = (TimelineEntry.kind.startswith(one, autoescape=True) for one in _ENTRIES[kind])
    return entries.where(or_(*beginnings))


def _older(
    statement: Told,
    at: SQLColumnExpression[datetime],
    row_id: SQLColumnExpression[int],
    source: Source,
    place: paging.Place | None,
) -> Told:
    statement = statement.order_by(at.desc(), row_id.desc())
    if place is None:
        return statement
    # id × STRIDE + source < place.id, solved for this source's own id
    first = -((source - place.id) // STRIDE)
    return statement.where(tuple_(at, row_id) < (place.value, first))
