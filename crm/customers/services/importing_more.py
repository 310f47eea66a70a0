"""The profile and the company's own fields in an import: loaded and written only when asked for."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.models import Customer

#: The columns, each with what stands there while nobody has said anything.
BLANKS: dict[str, Any] = {
    "birth_on": None, "sex": None, "channel": "", "interests": "", "purchasing_power": None,
    "member_level": "", "points": None, "custom": {},
}  # fmt: skip
COLUMNS = tuple(BLANKS)


class Row(Protocol):
    @property
    def more(self) -> Mapping[str, Any] | None: ...


def load(session: Session, people: Mapping[int, object], rows: Iterable[Row]) -> bool:
    """Bring what the known ones have. False: the rows say nothing of the kind, nothing is asked."""
    if not any(row.more for row in rows):
        return False
    columns = [getattr(Customer, name) for name in COLUMNS]
    held = select(Customer.id, *columns).where(bulk.among(session, Customer.id, list(people)))
    for found in session.execute(held):
        give(people[found.id], dict(zip(COLUMNS, found[1:], strict=True)))
    return True


def give(person: object, more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        setattr(person, name, value)


def changes(person: object, row: Row, *, replace: bool) -> dict[str, Any]:
    """What the row adds to a known customer; an empty cell never takes anything away."""
    found: dict[str, Any] = {}
    for name, value in (row.more or {}).items():
        before = _held(person, name)
        if name == "custom":
            after = {**before, **value} if replace else {**value, **before}
            if after != before:
                found[name] = after
        elif value != before and (replace or before == BLANKS[name]):
            found[name] = value
    return found


def values(person: object) -> tuple[Any, ...]:
    """In the order of `COLUMNS`, for a row to insert."""
    return tuple(_held(person, name) for name in COLUMNS)


def _held(person: object, name: str) -> Any:  # noqa: ANN401 - whatever the column holds
    value = getattr(person, name)
    return BLANKS[name] if value is None else value
