"""Which column of a file means what: guessed from the header, or read from a mapping file.

The JSON form is described in docs/imports.md; examples lie beside it.
"""

import re
from collections.abc import Mapping as Mappable
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crm.core.errors import Invalid
from crm.core.spreadsheet import plain_header
from crm.customers.rules.headers import CUSTOMERS, HEADERS, OPPORTUNITIES, ORDERS

#: What happens to a customer who is known already.
FILL, MERGE, REPLACE, SKIP = "fill", "merge", "replace", "skip"
CHOICES = (FILL, MERGE, REPLACE, SKIP)

#: How the company's own fields are named, see `models.fields`.
OWN_FIELD = re.compile(r"custom\.f[0-9]{1,12}")
LINE_FIELDS = frozenset({"product_code", "product_name", "quantity", "unit_price"})
#: One of these says who a customer is.
NAMING_FIELDS = (
    "external_id", "name", "given_name", "family_name", "company", "phone", "email",
)  # fmt: skip

#: One of these says whose an opportunity is.
CUSTOMER_FIELDS = ("customer", "customer_number", "customer_phone", "customer_email")

_OPTIONS = frozenset(
    {
        "kind", "source", "columns", "values", "defaults", "blank", "whole_numbers",
        "cancelled_prefix", "existing", "header_row", "encoding",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mapping:
    """Field to column, and how the cells are to be read."""

    kind: str
    columns: dict[str, str]
    source: str = ""
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    blank: tuple[str, ...] = ()
    whole_numbers: tuple[str, ...] = ()
    cancelled_prefix: str = ""
    existing: str = FILL
    header_row: int = 1
    encoding: str | None = None

    @property
    def has_lines(self) -> bool:
        """Rows are lines of orders, several of which may share a number."""
        return self.kind == ORDERS and "quantity" in self.columns and "unit_price" in self.columns

    @property
    def has_orders(self) -> bool:
        """Rows describe the order itself; otherwise they only add lines to known orders."""
        return "ordered_at" in self.columns

    @property
    def sums_lines(self) -> bool:
        """The order's amount is the sum of its lines, since the file does not state it."""
        return self.has_lines and self.has_orders and "amount" not in self.columns

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "source": self.source,
            "columns": dict(self.columns),
            "values": {name: dict(words) for name, words in self.values.items()},
            "defaults": dict(self.defaults),
            "blank": list(self.blank),
            "whole_numbers": list(self.whole_numbers),
            "cancelled_prefix": self.cancelled_prefix,
            "existing": self.existing,
            "header_row": self.header_row,
            "encoding": self.encoding,
        }


def from_json(data: object, *, kind: str) -> Mapping:
    """The mapping in a file's content. Refuses what it does not know rather than ignoring it."""
    mapping = read(data, kind=kind)
    check(mapping)
    return mapping


def read(data: object, *, kind: str) -> Mapping:
    """The same without asking whether a row could be read with it."""
    if not isinstance(data, dict):
        raise _wrong("it is not a JSON object")
    if unknown := sorted(set(data) - _OPTIONS):
        raise _wrong(f"unknown entry {unknown[0]}")
    if data.get("kind", kind) != kind:
        raise _wrong(f"it is for {data['kind']}")
    return Mapping(
        kind=kind,
        columns=_texts(data, "columns"),
        source=_text(data, "source"),
        values={name: _texts(data.get("values"), name) for name in _table(data, "values")},
        defaults=_texts(data, "defaults"),
        blank=_list(data, "blank"),
        whole_numbers=_list(data, "whole_numbers"),
        cancelled_prefix=_text(data, "cancelled_prefix"),
        existing=_text(data, "existing") or FILL,
        header_row=_header_row(data),
        encoding=_text(data, "encoding") or None,
    )


def check(mapping: Mapping) -> None:
    """Refuse a mapping with which no row could be read."""
    fields = HEADERS[mapping.kind]
    named = (*mapping.columns, *mapping.values, *mapping.defaults, *mapping.whole_numbers)
    if unknown := [name for name in named if name not in fields and not _is_own(mapping, name)]:
        raise _wrong(f"unknown field {unknown[0]}")
    if mapping.existing not in CHOICES:
        raise _wrong(f"existing must be one of {', '.join(CHOICES)}")
    if missing := _missing(mapping):
        raise Invalid("import.header_missing", fields=", ".join(missing))


def match(mapping: Mapping, columns: Sequence[str]) -> dict[str, int]:
    """Where each mapped field stands in this file. Raises Invalid naming a column it lacks."""
    places = {plain_header(column) or column: place for place, column in enumerate(columns)}
    found = {}
    for name, column in mapping.columns.items():
        place = places.get(plain_header(column) or column)
        if place is None:
            raise Invalid("import.column_unknown", column=column[:80])
        found[name] = place
    return found


def guess(
    kind: str,
    columns: Sequence[str],
    *,
    source: str = "",
    own: Mappable[str, Sequence[str]] | None = None,
) -> Mapping:
    """What the header says by itself; each column is used once. It may lack what `check` asks.

    `own` are the company's own fields with their headers: they count before all others.
    """
    places = {plain_header(column): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for name, headers in {**(own or {}), **HEADERS[kind]}.items():
        for header in headers:
            column = places.get(plain_header(header))
            if column is not None and column not in found.values():
                found[name] = column
                break
    if kind == ORDERS and "unit_price" not in found:
        found = {name: column for name, column in found.items() if name not in LINE_FIELDS}
    return Mapping(kind=kind, columns=found, source=source)


def _is_own(mapping: Mapping, name: str) -> bool:
    """Whether the name is one of an own field; whether there is such a field, the reader asks."""
    return mapping.kind == CUSTOMERS and OWN_FIELD.fullmatch(name) is not None


def _missing(mapping: Mapping) -> list[str]:
    given = mapping.columns
    if mapping.kind == CUSTOMERS:
        return [] if any(name in given for name in NAMING_FIELDS) else ["name"]
    if mapping.kind == OPPORTUNITIES:
        missing = [] if "number" in given else ["number"]
        return missing if any(name in given for name in CUSTOMER_FIELDS) else [*missing, "customer"]
    wanted = ("number", "ordered_at", "amount")
    if LINE_FIELDS & set(given):
        wanted = ("number", "quantity", "unit_price")
    return [name for name in wanted if name not in given]


def _wrong(problem: str) -> Invalid:
    return Invalid("import.mapping_invalid", problem=problem)


def _table(data: Mappable[str, Any], name: str) -> Mappable[str, Any]:
    found = data.get(name) or {}
    if not isinstance(found, dict):
        raise _wrong(f"{name} is not an object")
    return found


def _texts(data: object, name: str) -> dict[str, str]:
    table = _table(data, name) if isinstance(data, dict) else {}
    if not all(isinstance(value, str) for value in table.values()):
        raise _wrong(f"{name} holds something that is not text")
    return dict(table)


def _text(data: Mappable[str, Any], name: str) -> str:
    found = data.get(name) or ""
    if not isinstance(found, str):
        raise _wrong(f"{name} is not text")
    return found


def _list(data: Mappable[str, Any], name: str) -> tuple[str, ...]:
    found = data.get(name) or []
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise _wrong(f"{name} is not a list of texts")
    return tuple(found)


def _header_row(data: Mappable[str, Any]) -> int:
    found = data.get("header_row", 1)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= 100:  # noqa: PLR2004 - a title block
        raise _wrong("header_row is not a row number")
    return found
