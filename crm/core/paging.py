"""Keyset paging: a page is found by where the last one ended, so every page costs the same.

Rows without a value in the sorted column come last in both directions. They are fetched by a
statement of their own: each statement walks one index on (column, id), which no single ordering
does on both databases.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, SQLColumnExpression
from sqlalchemy.orm import Session

from crm.core.errors import Invalid

T = TypeVar("T")

LONGEST_CURSOR = 1_000
LARGEST_INTEGER = 2**63 - 1
FORWARD, BACKWARD = "n", "p"
KEYS = 3  # columns that a page adds to the statement


@dataclass(frozen=True, slots=True)
class Order:
    """A way to sort: by a column, then by the id that makes it total.

    `name` is part of every cursor, so that a cursor of another sort is refused. `empty_id` is the
    id column among rows without a value, where it is not `id` (a column of an outer join).
    """

    name: str
    column: SQLColumnExpression[Any]
    id: SQLColumnExpression[int]
    descending: bool = False
    nullable: bool = False
    empty_id: SQLColumnExpression[int] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` and `previous_cursor` are None where there is nothing more."""

    items: Sequence[T]
    next_cursor: str | None = None
    previous_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind (or, backwards, before) the row with this value and id."""

    value: Any
    id: int
    backward: bool = False


@dataclass(slots=True)
class _Walk:
    """One page being gathered, in the direction of travel."""

    order: Order
    place: Place | None
    wanted: int
    rows: list[Row[Any]] = field(default_factory=list)

    @property
    def backward(self) -> bool:
        return self.place is not None and self.place.backward

    @property
    def left(self) -> int:
        return self.wanted - len(self.rows)

    @property
    def down(self) -> bool:
        return self.order.descending != self.backward

    def ahead(self, column: SQLColumnExpression[Any], value: object) -> ColumnElement[bool]:
        return column < value if self.down else column > value

    def sorted(self, column: SQLColumnExpression[Any]) -> ColumnElement[Any]:
        return column.desc() if self.down else column.asc()


def page(
    session: Session, statement: Select[Any], *, order: Order, cursor: str | None, size: int
) -> Page[Any]:
    """The page that the cursor leads to, the first one without. At most three statements.

    Items are rows; a select of one entity gives that entity. Raises Invalid for a cursor that is
    damaged or belongs to another sort.
    """
    place = decode(cursor, order.name, _type_of(order)) if cursor else None
    if place is not None and place.value is None and not order.nullable:
        raise Invalid("core.cursor_invalid")
    walk = _Walk(order, place, size + 1)
    columns = (order.column, order.id, order.empty_id if order.empty_id is not None else order.id)
    keyed = statement.add_columns(*(column.label(f"_key{n}") for n, column in enumerate(columns)))
    for part in _parts(keyed, walk):
        if walk.left > 0:
            walk.rows.extend(session.execute(part.limit(walk.left)).all())
    return _as_page(walk, size)


def encode(order_name: str, value: object, row_id: int, *, backward: bool = False) -> str:
    """A cursor: opaque to its holder, and nothing in it that the page did not show."""
    if isinstance(value, date):
        value = {"at": value.isoformat()}
    content = [order_name, BACKWARD if backward else FORWARD, value, row_id]
    packed = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(cursor: str, order_name: str, kind: type) -> Place:
    """The place a cursor names. Raises Invalid unless it is one of ours, for this very order."""
    try:
        padded = cursor[:LONGEST_CURSOR] + "=" * (-len(cursor) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        name, direction, value, row_id = content
        place = Place(_value(value, kind), _integer(row_id), backward=direction == BACKWARD)
    except (
        ValueError,
        TypeError,
        KeyError,
        RecursionError,
        OverflowError,
        binascii.Error,
    ) as error:
        raise Invalid("core.cursor_invalid") from error
    if name != order_name or direction not in (FORWARD, BACKWARD):
        raise Invalid("core.cursor_invalid")
    return place


def _parts(statement: Select[Any], walk: _Walk) -> Iterator[Select[Any]]:
    """What lies ahead of the place, in the order of travel; each part is one walk along an index.

    Many rows may share a value (an import gives one time to thousands), so those behind the place
    are asked for by their id alone: SQLite would read all of them from the first one on.
    """
    order, place = walk.order, walk.place
    filled, blank = _filled(statement, walk), _blank(statement, walk)
    if place is None:
        yield filled
        if order.nullable:
            yield blank
    elif place.value is None:
        last_id = order.id if order.empty_id is None else order.empty_id
        yield blank.where(walk.ahead(last_id, place.id))
        if walk.backward:
            yield filled
    else:
        ties = filled.where(order.column == place.value)
        yield ties.where(walk.ahead(order.id, place.id))
        yield filled.where(walk.ahead(order.column, place.value))
        if order.nullable and not walk.backward:
            yield blank


def _filled(statement: Select[Any], walk: _Walk) -> Select[Any]:
    order = walk.order
    if order.nullable:
        statement = statement.where(order.column.is_not(None))
    return statement.order_by(walk.sorted(order.column), walk.sorted(order.id))


def _blank(statement: Select[Any], walk: _Walk) -> Select[Any]:
    order = walk.order
    statement = statement.where(order.column.is_(None))
    if order.empty_id is not None:
        return statement.order_by(walk.sorted(order.empty_id))
    # The column stays in the ordering, though it is empty: so PostgreSQL takes the index.
    return statement.order_by(walk.sorted(order.column), walk.sorted(order.id))


def _as_page(walk: _Walk, size: int) -> Page[Any]:
    rows, more = walk.rows[:size], len(walk.rows) > size
    if walk.backward:
        rows.reverse()
    has_next = bool(rows) and (walk.backward or more)
    has_previous = bool(rows) and (more if walk.backward else walk.place is not None)
    return Page(
        [_item(row) for row in rows],
        _cursor(walk.order, rows[-1], backward=False) if has_next else None,
        _cursor(walk.order, rows[0], backward=True) if has_previous else None,
    )


def _cursor(order: Order, row: Row[Any], *, backward: bool) -> str:
    value, row_id, empty_id = tuple(row)[-KEYS:]
    return encode(order.name, value, empty_id if value is None else row_id, backward=backward)


def _item(row: Row[Any]) -> object:
    wanted = tuple(row)[:-KEYS]
    return wanted[0] if len(wanted) == 1 else wanted


def _type_of(order: Order) -> type:
    held: Any = order.column.type  # type: ignore[attr-defined]  # ORM and Core both have it
    kind: type = getattr(held, "impl_instance", held).python_type
    return kind


def _value(value: Any, kind: type) -> object:  # noqa: ANN401 - whatever JSON held
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value["at"]).astimezone(UTC)
    if kind is date:
        return date.fromisoformat(value["at"])
    if kind is int:
        return _integer(value)
    if kind is float:
        return _number(value)
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError
    value.encode()  # a lone surrogate is no text that a database takes
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError
    return float(value)


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_INTEGER:
        raise ValueError
    return value
