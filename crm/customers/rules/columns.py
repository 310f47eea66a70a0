"""The columns that a list of customers can show and a file of them can hold.

Each has a short name, by which views, addresses and exports remember it. Names beginning with
"custom." are the company's own fields, those with "panel." what an upper module shows.
"""

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from crm.core.messages import N_

PANEL: Final = "panel."
_CUSTOM = re.compile(r"custom\.f[0-9]{1,12}")
MOST: Final = 60  # columns of one list


class ColumnKind(enum.Enum):
    """How a value is written."""

    TEXT = "text"
    WORD = "word"  # one of a few, each with a name
    NUMBER = "number"
    MONEY = "money"
    DAY = "day"
    MOMENT = "moment"
    YES_NO = "yes_no"
    TAGS = "tags"
    PERSON = "person"
    CUSTOM = "custom"
    PANEL = "panel"


@dataclass(frozen=True, slots=True)
class Column:
    """`field` is the name under which an import knows it; without one it is only read."""

    name: str
    label: Any
    kind: ColumnKind
    field: str = ""
    is_sortable: bool = True
    is_listed: bool = True
    is_filed: bool = True


_TEXT, _WORD, _MOMENT = ColumnKind.TEXT, ColumnKind.WORD, ColumnKind.MOMENT

#: The customer itself; it stands first in every list, whatever else is chosen.
NAME: Final = Column("name", N_("Customer"), _TEXT, "name")

OWN: Final = (
    NAME,
    Column("company", N_("Company"), _TEXT, "company"),
    Column("kind", N_("Kind"), _WORD, "kind"),
    Column("phone", N_("Phone"), _TEXT, "phone"),
    Column("email", N_("E-mail address"), _TEXT, "email"),
    Column("stage", N_("Stage"), _WORD, "stage"),
    Column("tags", N_("Tags"), ColumnKind.TAGS, "tags", is_sortable=False),
    Column("owner", N_("Owner"), ColumnKind.PERSON, "owner"),
    Column("region", N_("Region"), _TEXT, "region"),
    Column("source", N_("Source"), _TEXT, "source"),
    Column("external_id", N_("Customer number"), _TEXT, "external_id"),
    Column("note", N_("Note"), _TEXT, "note", is_sortable=False),
    Column("channel", N_("Won through"), _TEXT, "channel"),
    Column("member_level", N_("Member level"), _TEXT, "member_level"),
    Column("points", N_("Member points"), ColumnKind.NUMBER, "points"),
    Column("birth_on", N_("Birthday"), ColumnKind.DAY, "birth_on"),
    Column("sex", N_("Sex"), _WORD, "sex"),
    Column("interests", N_("Interests"), _TEXT, "interests", is_sortable=False),
    Column("purchasing_power", N_("Purchasing power"), _WORD, "purchasing_power"),
    Column("is_internal", N_("Staff or test"), ColumnKind.YES_NO, is_sortable=False),
    Column("last", N_("Last contact"), _MOMENT),
    Column("next", N_("Next follow-up"), _MOMENT),
    Column("amount", N_("Total bought"), ColumnKind.MONEY),
    Column("orders", N_("Orders"), ColumnKind.NUMBER),
    Column("first_order", N_("First order"), _MOMENT),
    Column("last_order", N_("Last order"), _MOMENT),
    Column("stage_since", N_("In this stage since"), _MOMENT),
    Column("created", N_("Record made"), _MOMENT),
    Column("updated", N_("Last changed"), _MOMENT),
)
BY_NAME: Final = {column.name: column for column in OWN}

#: What a list shows until somebody chooses; the panels of upper modules stand behind the owner.
USUAL: Final = ("stage", "tags", "owner", "last", "next", "amount")


def is_sort(name: str) -> bool:
    """Whether a list may be asked to stand in this order; a field may be gone by then."""
    return bool(_CUSTOM.fullmatch(name)) or (name in BY_NAME and BY_NAME[name].is_sortable)


def chosen(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """These names in their order, each once, without those that are gone; the customer is first."""
    offered = {*known} - {NAME.name}
    return list(dict.fromkeys(name for name in names if name in offered))[:MOST]


def moved(names: Sequence[str], name: str, step: int) -> list[str]:
    """The names with one of them a place further left (-1) or right (+1)."""
    found = list(names)
    if name not in found:
        return found
    place = found.index(name)
    target = min(max(place + step, 0), len(found) - 1)
    found.insert(target, found.pop(place))
    return found
