"""All that happened to one customer, newest first: entries, stage changes and orders merged."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, SQLColumnExpression, null, select, tuple_
from sqlalchemy.orm import Session

from crm.core import paging
from crm.customers.models import Order, StageChange, TimelineEntry
from crm.users.models import User

PAGE = 20
NAME = "timeline"


class Source(enum.IntEnum):
    ENTRY = 0
    STAGE = 1
    ORDER = 2


STRIDE = len(Source)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: where it is kept, when it was, its row, and the name of who did it."""

    source: Source
    at: datetime
    row: Any
    by: str | None

    @property
    def place(self) -> tuple[datetime, int]:
        """A total order: the ids of all sources are woven into one line of numbers."""
        return self.at, self.row.id * STRIDE + self.source


def page(
    session: Session, customer_id: int, *, cursor: str | None = None, size: int = PAGE
) -> paging.Page[Happening]:
    """What happened, newest first; one statement per source. There is only a way forward."""
    place = paging.decode(cursor, NAME, datetime) if cursor else None
    merged = [
        Happening(source, at, row, by)
        for source, statement, at_column, id_column in _sources(customer_id)
        for row, at, by in session.execute(
            _older(statement, at_column, id_column, source, place).limit(size + 1)
        )
    ]
    merged.sort(key=lambda one: one.place, reverse=True)
    shown = merged[:size]
    more = paging.encode(NAME, *shown[-1].place) if len(merged) > size else None
    return paging.Page(shown, more)


def _sources(customer_id: int) -> Sequence[tuple[Source, Any, Any, Any]]:
    entries = (
        select(TimelineEntry, TimelineEntry.at, User.name)
        .outerjoin(User, User.id == TimelineEntry.by_id)
        .where(TimelineEntry.customer_id == customer_id)
    )
    changes = (
        select(StageChange, StageChange.at, User.name)
        .outerjoin(User, User.id == StageChange.by_id)
        .where(StageChange.customer_id == customer_id)
    )
    orders = select(Order, Order.ordered_at, null()).where(Order.customer_id == customer_id)
    return (
        (Source.ENTRY, entries, TimelineEntry.at, TimelineEntry.id),
        (Source.STAGE, changes, StageChange.at, StageChange.id),
        (Source.ORDER, orders, Order.ordered_at, Order.id),
    )


def _older(
    statement: Select[Any],
    at: SQLColumnExpression[datetime],
    row_id: SQLColumnExpression[int],
    source: Source,
    place: paging.Place | None,
) -> Select[Any]:
    statement = statement.order_by(at.desc(), row_id.desc())
    if place is None:
        return statement
    # id × STRIDE + source < place.id, solved for this source's own id
    first = -((source - place.id) // STRIDE)
    return statement.where(tuple_(at, row_id) < (place.value, first))
