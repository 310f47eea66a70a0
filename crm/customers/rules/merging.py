"""Which value survives when two records are made one, field by field."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from crm.customers.rules.stages import LADDER

#: Facts of a record that are chosen one by one, in the order of the page.
FACTS: Final = (
    "name", "kind", "company", "phone", "email", "region", "external_id", "owner_id", "stage",
    "birth_on", "sex", "channel", "interests", "purchasing_power", "member_level", "points",
    "note", "is_internal",
)  # fmt: skip
#: What goes along with a fact, whichever record it is taken from.
ALONG: Final[Mapping[str, tuple[str, ...]]] = {
    "external_id": ("source",),
    "owner_id": ("owner_since",),
    "stage": ("stage_since", "stage_held_until"),
}
#: A surviving record keeps these unless it lacks them: they say whose it is and what it counts for.
KEEPS: Final = frozenset({"owner_id", "is_internal", "external_id"})
LONGEST_NOTE: Final = 5_000


class Choice(enum.Enum):
    """Whose value survives. Two notes can be kept both."""

    KEPT = "kept"
    MERGED = "merged"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Face:
    """A record as the choice sees it; custom values under their keys ("f12")."""

    facts: Mapping[str, Any]
    custom: Mapping[str, Any]
    updated_at: datetime
    stage_since: datetime

    def value(self, name: str) -> object:
        return self.facts[name] if name in self.facts else self.custom.get(name)


def fields(kept: Face, merged: Face) -> list[str]:
    """All that can be chosen: the facts, and the custom values that either has."""
    return [*FACTS, *sorted({*kept.custom, *merged.custom}, key=_by_number)]


def default(name: str, kept: Face, merged: Face) -> Choice:
    """Filled over empty, newer over older; of two notes both; owner and number stay."""
    mine, theirs = kept.value(name), merged.value(name)
    if is_empty(theirs) or mine == theirs:
        return Choice.KEPT
    if is_empty(mine):
        return Choice.MERGED
    if name == "note":
        return Choice.BOTH
    if name in KEEPS:
        return Choice.KEPT
    if name == "stage":
        return _stage(kept, merged)
    return Choice.MERGED if merged.updated_at > kept.updated_at else Choice.KEPT


def chosen(name: str, choice: Choice, kept: Face, merged: Face) -> object:
    """The value that survives."""
    if choice is Choice.BOTH:
        both = dict.fromkeys(str(one.value(name)) for one in (kept, merged) if one.value(name))
        return "\n\n".join(both)[:LONGEST_NOTE]
    return (merged if choice is Choice.MERGED else kept).value(name)


def is_empty(value: object) -> bool:
    """Nothing was said; False is nothing too, and zero points are something."""
    return value is None or value is False or value in ("", [])


def _stage(kept: Face, merged: Face) -> Choice:
    """The one further on; where one has fallen asleep or is lost, what was seen last."""
    mine, theirs = kept.facts["stage"], merged.facts["stage"]
    if mine in LADDER and theirs in LADDER:
        is_further = LADDER.index(theirs) > LADDER.index(mine)
    else:
        is_further = merged.stage_since > kept.stage_since
    return Choice.MERGED if is_further else Choice.KEPT


def _by_number(key: str) -> tuple[int, str]:
    return (int(key[1:]), key) if key[1:].isdecimal() else (0, key)
