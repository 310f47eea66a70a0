"""What the list is asked for now: by its address, by a saved view, or by what somebody prefers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from crm.core.errors import Invalid, NotFound
from crm.core.panels import Panel
from crm.customers.forms.customers import NEXTS, TABS
from crm.customers.forms.lists import AskedListForm, as_sent
from crm.customers.models import CustomerView, Segment, names
from crm.customers.models.fields import PREFIX
from crm.customers.queries import (
    custom_fields,
    custom_filters,
    list_columns,
    listing,
    saved_views,
)
from crm.customers.queries.listing import Filters, Tab
from crm.customers.rules import columns as rules
from crm.customers.rules.columns import Column, ColumnKind
from crm.customers.schemas.lists import AskedList
from crm.users.models import User
from crm.web import context
from crm.web.forms import Form

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ListState:
    """`columns` are shown; `view` is open, and `is_edited` when the list differs from it."""

    filters: Filters
    columns: Sequence[str]
    view: CustomerView | None = None
    is_edited: bool = False
    is_default: bool = False  # the list opens with this view
    known: Mapping[str, Column] = field(default_factory=dict)  # what can be shown, by name


@dataclass(frozen=True, slots=True)
class Chip:
    """A condition in force, and the address of the list without it."""

    label: str
    value: str
    remove_url: str


def asked(sent: "MultiDict[str, str]") -> AskedList:
    """What an address asks for. Raises Invalid for one that makes no sense."""
    found = parsed(AskedListForm(sent))
    return replace(found, is_bare=not set(sent) - {"cursor"})


def asked_in(question: str) -> AskedList:
    """The same for a question that a form carries along."""
    return asked(as_sent(question))


def parsed(form: Form[C]) -> C:
    """The command of a form that has no page of its own; what is wrong is a refusal."""
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    return wanted


def state_of(session: Session, wanted: AskedList, viewer: User) -> ListState:
    """The list that is meant. Raises NotFound for a view that is gone or somebody else's."""
    choice = saved_views.choice(session, viewer)
    known = {column.name: column for column in offered(session)}
    view = None
    if wanted.view is not None:
        view = saved_views.get(session, wanted.view, viewer=viewer)
    elif wanted.is_bare and choice and choice.default_view_id:
        view = _if_there(session, choice.default_view_id, viewer)
    if view is None:
        preferred = (choice.columns if choice else None) or usual()
        columns = rules.chosen(wanted.columns or preferred, known)
        return ListState(wanted.filters, columns, known=known)
    is_default = choice is not None and choice.default_view_id == view.id
    own = rules.chosen(view.columns or usual(), known)
    kept = _sound(saved_views.filters_of(view), known)
    if not wanted.edited:
        return ListState(kept, own, view, is_default=is_default, known=known)
    columns = rules.chosen(wanted.columns, known) if wanted.columns else own
    is_edited = not _same(wanted.filters, kept) or columns != own
    return ListState(wanted.filters, columns, view, is_edited, is_default, known)


def offered(session: Session) -> list[Column]:
    """All columns that the list can show, the upper modules' among them."""
    shown = [
        Column(rules.PANEL + panel.name, panel.label, ColumnKind.PANEL, is_sortable=False)
        for panel in panels()
    ]
    return [*list_columns.offered(session), *shown]


def usual() -> list[str]:
    """The columns of the house; panels stand behind the owner."""
    place = rules.USUAL.index("owner") + 1
    shown = [rules.PANEL + panel.name for panel in panels()]
    return [*rules.USUAL[:place], *shown, *rules.USUAL[place:]]


def address(state: ListState, **changed: Any) -> str:
    """The address of this list, some of it changed; it starts at the first page."""
    return url_for("customers.index") + "?" + question(state, **changed)


def question(state: ListState, **changed: Any) -> str:
    """The same as a question alone. A view as it was kept is asked for by its number only."""
    if state.view is not None and not state.is_edited and not changed:
        return urlencode({"view": state.view.id})
    found = _pairs(state, changed)
    return urlencode(found or [("tab", Tab.ALL.value)])


def hidden_fields(state: ListState) -> list[tuple[str, str]]:
    """What the search box must carry along."""
    return [(name, value) for name, value in _pairs(state, {}) if name != "q"]


def carried(state: ListState) -> list[tuple[str, str]]:
    """What the form of conditions carries along: it asks for the rest itself."""
    kept = {"view", "edited", "columns", "tab", "q", "sort", "down"}
    return [
        (name, value)
        for name, value in _pairs(state, {})
        if name in kept or name.startswith(PREFIX)
    ]


def chips(session: Session, state: ListState) -> list[Chip]:
    """The conditions in force, in the words of the page."""
    wanted = state.filters
    stages = gettext(", ").join(gettext(names.STAGES[stage]) for stage in wanted.stage)
    owner = session.get(User, wanted.owner) if wanted.owner is not None else None
    segment = session.get(Segment, wanted.segment) if wanted.segment is not None else None
    whose = str(TABS[wanted.tab]) if state.view and wanted.tab is not Tab.ALL else ""
    found = (
        (gettext("Whose"), whose, "tab"),
        (gettext("Segment"), segment.name if segment else _gone(wanted.segment), "segment"),
        (gettext("Stage"), stages, "stage"),
        (gettext("Tag"), wanted.tag, "tag"),
        (gettext("Region"), wanted.region, "region"),
        (gettext("Source"), wanted.source, "source"),
        (gettext("Owner"), owner.name if owner else _gone(wanted.owner), "owner"),
        (gettext("Next follow-up"), str(NEXTS[wanted.next]) if wanted.next else "", "next"),
        *(_own_chip(session, name, value) for name, value in wanted.custom.items()),
    )
    return [
        Chip(label, value, address(state, **{name: None})) for label, value, name in found if value
    ]


def sort_links(state: ListState) -> dict[str, tuple[str, str]]:
    """For each column that sorts: the address that sorts by it, and its aria-sort now."""
    wanted = state.filters
    found = {}
    for name, _label in sortable(state):
        is_on = name == wanted.sort
        direction = ("descending" if wanted.down else "ascending") if is_on else "none"
        down = not wanted.down if is_on else name in listing.LARGEST_FIRST
        found[name] = (address(state, sort=name, down="true" if down else None), direction)
    return found


def panels() -> Sequence[Panel]:
    return context.panels().at("customers.column")


def label_of(column: Column) -> str:
    """What the column is called; the company's own fields as the company calls them."""
    if column.kind is ColumnKind.CUSTOM:
        return str(column.label)
    return gettext(column.label) if isinstance(column.label, str) else str(column.label)


def sortable(state: ListState) -> list[tuple[str, str]]:
    """What the list can be sorted by, in words: the record's own columns and the own fields shown.

    A phone has no column heads to press.
    """
    shown = {*state.columns, state.filters.sort}
    return [
        (name, label_of(column))
        for name, column in state.known.items()
        if column.is_sortable and (column.kind is not ColumnKind.CUSTOM or name in shown)
    ]


def _own_chip(session: Session, name: str, value: str) -> tuple[str, str, str]:
    own = custom_fields.find(session, name)
    if own is None:
        return name, _gone(0), name
    return own.label, custom_filters.words(own, value), name


def _pairs(state: ListState, changed: dict[str, Any]) -> list[tuple[str, str]]:
    wanted, view = state.filters, state.view
    values: dict[str, Any] = {}
    if view is not None:
        values = {"view": view.id, "edited": "true"}
        if list(state.columns) != (view.columns or usual()):
            values["columns"] = ",".join(state.columns)
    values |= saved_views.as_json(wanted)
    values |= {
        "sort": wanted.sort if wanted.sort != "next" else None,
        "down": "true" if wanted.down else None,
    }
    found: list[tuple[str, str]] = []
    for name, value in (values | changed).items():
        if value:
            found += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    return found


def _gone(value: int | None) -> str:
    return "" if value is None else gettext("no longer there")


def _same(one: Filters, other: Filters) -> bool:
    return (saved_views.as_json(one), saved_views.sort_of(one)) == (
        saved_views.as_json(other),
        saved_views.sort_of(other),
    )


def _sound(filters: Filters, known: Mapping[str, Column]) -> Filters:
    """A view may have been kept when a field was there that is gone now: the usual sort, then."""
    if filters.sort.startswith(PREFIX) and filters.sort not in known:
        return replace(filters, sort="next", down=False)
    return filters


def _if_there(session: Session, view_id: int, viewer: User) -> CustomerView | None:
    try:
        return saved_views.get(session, view_id, viewer=viewer)
    except NotFound:
        return None  # deleted, or no longer shared with this person
