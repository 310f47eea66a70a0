"""What upper modules show on lower modules' pages, each with one batch loader per page."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

#: (session, ids, viewer, now) → one value per id; ids without a value may be missing.
Loader = Callable[[Session, Sequence[int], Any, datetime], Mapping[int, Any]]


def nothing(
    session: Session, ids: Sequence[int], viewer: object, now: datetime
) -> Mapping[int, Any]:
    """For what carries its values itself, such as an entry of the timeline."""
    del session, ids, viewer, now
    return {}


@dataclass(frozen=True, slots=True)
class Panel:
    """`template` renders one value as `value`, with `thing_id`; `label` is a translatable text.

    The template of a column defines the macro `cell(value, thing_id)` instead: a list imports it
    once for all of its rows.
    """

    name: str
    label: Any
    template: str
    load: Loader = nothing


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that quick search found; `detail` stands behind it."""

    text: str
    url: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finder:
    """What a module adds to quick search: (session, text, viewer) → at most four hits."""

    label: Any
    icon: str
    find: Callable[[Session, str, Any], Sequence[Hit]]


@dataclass(slots=True)
class Panels:
    """By place ("customers.column", "customers.card", "segments.used_by" …), in order of wiring."""

    finders: list[Finder] = field(default_factory=list)
    _by_place: dict[str, list[Panel]] = field(default_factory=lambda: defaultdict(list))

    def offer(self, place: str, *panels: Panel) -> None:
        self._by_place[place].extend(panels)

    def at(self, place: str) -> Sequence[Panel]:
        return tuple(self._by_place.get(place, ()))

    def load(
        self, place: str, session: Session, ids: Sequence[int], *, viewer: object, now: datetime
    ) -> list[tuple[Panel, Mapping[int, Any]]]:
        """One query per panel, whatever the number of ids."""
        return [(panel, panel.load(session, ids, viewer, now)) for panel in self.at(place)]
