"""Rows as plain JSON and back: what a snapshot of a row is kept as."""

import enum
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, Enum, Numeric, Table

from crm.core.db import UtcDateTime


def pack(values: Mapping[str, Any]) -> dict[str, Any]:
    """Each value as JSON can hold it."""
    return {name: _packed(value) for name, value in values.items()}


def unpack(table: Table, packed: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the table's columns take them."""
    return {name: _unpacked(table.c[name].type, value) for name, value in packed.items()}


def _packed(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _unpacked(kind: object, value: Any) -> object:  # noqa: ANN401 - whatever JSON held
    if value is None:
        return None
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return kind.enum_class(value)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return Decimal(value) if isinstance(kind, Numeric) else value
