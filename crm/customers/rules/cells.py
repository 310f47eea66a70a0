"""The cells of a row under the names of fields, and the refusal of a row that cannot be taken."""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeAlias, TypeVar

from crm.core import spreadsheet
from crm.core.errors import Invalid
from crm.customers.rules.mappings import Mapping

LIMITS = {
    "external_id": 100, "name": 120, "given_name": 60, "family_name": 59, "company": 160,
    "phone": 60, "email": 400, "region": 80,
    "source": 80, "note": 20_000, "tags": 1_000, "owner": 254, "number": 100, "channel": 80,
    "customer_external_id": 100, "customer_name": 120, "customer_region": 80,
    "product_code": 100, "product_name": 200, "interests": 300, "member_level": 60,
}  # fmt: skip
LONGEST_CELL = 400
LONGEST_OWN = 2_000  # of the company's own fields

#: What a spreadsheet shows where it has no value.
ERRORS = frozenset(
    {
        "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!",
        "#FORMULA!", "#ERROR!",
    }
)  # fmt: skip

_MARKED = "'=#"
_NUMBER_AS_TEXT = re.compile(r'="(\d+)"')
_SHORTENED = re.compile(r"\d(?:\.\d+)?[eE]\+\d+")
_AS_FLOAT = re.compile(r"(-?\d+)\.0+")

E = TypeVar("E", bound=Enum)
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Refused(Exception):
    """One row is not taken; the others are."""

    def __init__(self, code: str, *, field: str = "", value: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.value = value


#: The row's number, why it is refused, and its cells.
Refusal: TypeAlias = tuple[int, Refused, list[str]]


class Reader(Protocol[R_co]):
    """Makes something of a row, or raises Refused."""

    def read(self, row: int, cells: Sequence[str]) -> R_co: ...


class Cells:
    """Finds the mapped cells of a row: trimmed, blanks left out, defaults filled in."""

    def __init__(self, mapping: Mapping, places: dict[str, int], names: Iterable[str]) -> None:
        wanted = frozenset(names)
        self.places = {name: place for name, place in places.items() if name in wanted}
        self._plan = [
            (name, place, LIMITS.get(name, LONGEST_OWN if "." in name else LONGEST_CELL))
            for name, place in self.places.items()
        ]
        self._blank = frozenset(mapping.blank)
        self._whole = [name for name in mapping.whole_numbers if name in wanted]
        self._values = [(name, words) for name, words in mapping.values.items() if name in wanted]
        self._defaults = {name: text for name, text in mapping.defaults.items() if name in wanted}

    def read(self, cells: Sequence[str]) -> dict[str, str]:
        found = self._defaults.copy()
        for name, place, limit in self._plan:
            text = cells[place].strip()
            if not text or text in self._blank:
                continue
            if len(text) > limit:
                raise Refused("import.value_too_long", field=name, value=str(limit))
            found[name] = text if text[0] not in _MARKED else _meant(name, text)
        for name in self._whole:
            if (text := found.get(name, "")) and (whole := _AS_FLOAT.fullmatch(text)):
                found[name] = whole[1]
        for name, words in self._values:
            if name in found:
                found[name] = words.get(found[name], found[name])
        return found


def must_be_whole(field: str, text: str | None) -> None:
    """Refuse a number that a spreadsheet has shortened, as in 3.3E+17: its digits are lost."""
    if text and "+" in text and _SHORTENED.fullmatch(text):
        raise Refused("customers.phone_as_number", field=field, value=text)


def must_be_sound(cells: Sequence[str], width: int) -> None:
    """Refuse a row with another number of cells than the header, or with what is no text."""
    if len(cells) != width and (len(cells) < width or any(cells[width:])):
        raise Refused("import.row_shape", value=f"{len(cells)}/{width}")
    if spreadsheet.has_control_characters(cells):
        raise Refused("import.row_control_character")


def _meant(field: str, text: str) -> str:
    """A cell that begins with a mark: our own apostrophe, a shop's ="123", or an error."""
    if text in ERRORS:
        raise Refused("import.cell_error", field=field, value=text)
    if number := _NUMBER_AS_TEXT.fullmatch(text):
        return number[1]
    return spreadsheet.verbatim(text)


def read_all(
    reader: Reader[T], numbered: Iterable[tuple[int, list[str]]]
) -> tuple[list[tuple[T, list[str]]], list[Refusal]]:
    """The rows that can be read, each with its cells, and the others with the reason."""
    rows: list[tuple[T, list[str]]] = []
    refusals: list[Refusal] = []
    for number, cells in numbered:
        try:
            rows.append((reader.read(number, cells), cells))
        except Refused as refused:
            refusals.append((number, refused, cells))
    return rows, refusals


def value_of(field: str, read: Callable[[str], T], text: str | None) -> T | None:
    """What the text means, None for a blank; a refusal says which field it is about."""
    if not text:
        return None
    try:
        return read(text)
    except Invalid as wrong:
        raise Refused(wrong.code, field=field, value=text[:200]) from wrong


def word(field: str, words: dict[str, E], text: str | None) -> E | None:
    """One of the known values, None for a blank."""
    if not text:
        return None
    found = words.get(text) or words.get(text.casefold())
    if found is None:
        raise Refused("import.value_unknown", field=field, value=text[:200])
    return found
