"""What the list is asked for now: by its address, by a saved view, or by what somebody prefers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from crm.core.errors import Invalid, NotFound
from crm.customers.forms.customers import NEXTS, TABS
from crm.customers.forms.lists import AskedListForm, as_sent
from crm.customers.models import CustomerView, Segment, names
from crm.customers.queries import list_columns, listing, saved_views
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
    preferred = (choice.columns if choice else None) or usual()
    view = None
    if wanted.view is not None:
        view = saved_views.get(session, wanted.view, viewer=viewer)
    elif wanted.is_bare and choice and choice.default_view_id:
        view = _if_there(session, choice.default_view_id, viewer)
    if view is None:
        return ListState(wanted.filters, _known(session, wanted.columns or preferred))
    own = _known(session, view.columns or usual())
    if not wanted.edited:
        return ListState(saved_views.filters_of(view), own, view)
    columns = _known(session, wanted.columns) if wanted.columns else own
    is_edited = not _same(wanted.filters, saved_views.filters_of(view)) or columns != own
    return ListState(wanted.filters, columns, view, is_edited)


def offered(session: Session) -> list[Column]:
    """All columns that the list can show, the upper modules' among them."""
    panels = context.panels().at("customers.column")
    shown = [
        Column(rules.PANEL + panel.name, panel.label, ColumnKind.PANEL, is_sortable=False)
        for panel in panels
    ]
    return [*list_columns.offered(session), *shown]


def usual() -> list[str]:
    """The columns of the house; panels stand behind the owner."""
    panels = [rules.PANEL + panel.name for panel in context.panels().at("customers.column")]
    place = rules.USUAL.index("owner") + 1
    return [*rules.USUAL[:place], *panels, *rules.USUAL[place:]]


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
    kept = {"view", "edited", "columns", "tab", "q", "segment", "sort", "down"}
    return [(name, value) for name, value in _pairs(state, {}) if name in kept]


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
    )
    return [
        Chip(label, value, address(state, **{name: None})) for label, value, name in found if value
    ]


def sort_links(state: ListState) -> dict[str, tuple[str, str]]:
    """For each sortable column: the address that sorts by it, and its aria-sort now."""
    wanted = state.filters
    found = {}
    for name in listing.SORTS:
        is_on = name == wanted.sort
        direction = ("descending" if wanted.down else "ascending") if is_on else "none"
        down = not wanted.down if is_on else name in listing.LARGEST_FIRST
        found[name] = (address(state, sort=name, down="true" if down else None), direction)
    return found


def sortable() -> list[tuple[str, str]]:
    """What the list can be sorted by, in words; a phone has no column heads to press."""
    return [(column.name, gettext(column.label)) for column in rules.OWN if column.is_sortable]


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


def _known(session: Session, chosen: Sequence[str]) -> list[str]:
    return rules.chosen(chosen, [column.name for column in offered(session) if column.is_listed])


def _if_there(session: Session, view_id: int, viewer: User) -> CustomerView | None:
    try:
        return saved_views.get(session, view_id, viewer=viewer)
    except NotFound:
        return None  # deleted, or no longer shared with this person
