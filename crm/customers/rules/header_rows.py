"""Which row of a sheet names its columns: below a title, below a blank line, mostly the first."""

from collections.abc import Sequence
from functools import cache

from crm.core.spreadsheet import plain_header
from crm.customers.rules.headers import HEADERS

DEEPEST = 20
ENOUGH = 2


def find(rows: Sequence[Sequence[str]], kind: str) -> int:
    """The number of the row: the first of those with the most known names, else the first full one.

    A row is full when at least half as many of its cells are filled as in the usual row. Of a
    header that is repeated the last one counts.
    """
    number = _first(rows, kind)
    while rows[number - 1 : number] == rows[number : number + 1] != []:
        number += 1
    return number


def _first(rows: Sequence[Sequence[str]], kind: str) -> int:
    first = rows[:DEEPEST]
    known = [_known(row, kind) for row in first]
    if known and max(known) >= ENOUGH:
        return known.index(max(known)) + 1
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    counts = [count for count in filled if count]
    usual = max(set(counts), key=counts.count) if counts else 0
    for number, count in enumerate(filled[:DEEPEST], 1):
        if count and count * 2 >= usual:
            return number
    return 1


def looks_like_values(columns: Sequence[str]) -> bool:
    """Whether what should be names are values: the file has no header."""
    return any("@" in name or name.replace("-", "").replace(" ", "").isdigit() for name in columns)


def _known(row: Sequence[str], kind: str) -> int:
    names = _names(kind)
    return len({plain for cell in row if (plain := plain_header(cell)) in names})


@cache
def _names(kind: str) -> frozenset[str]:
    return frozenset(plain_header(name) for names in HEADERS[kind].values() for name in names)
