"""The lines of the list: one page of customers, with what its columns show of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from sqlalchemy.orm import Session

from crm.customers.models import Customer, CustomerStats, CustomField, names
from crm.customers.queries import custom_fields, listing
from crm.customers.rules import columns as rules
from crm.customers.rules.columns import Column, ColumnKind
from crm.customers.rules.masking import mask_email
from crm.customers.schemas.custom_fields import display
from crm.customers.views import list_state, shown
from crm.customers.views.list_state import ListState
from crm.users import policies
from crm.users.models import User
from crm.web import context, filters

LONGEST_CELL = 60
TOTALS = frozenset({"amount", "orders", "first_order", "last_order"})
#: Columns that are drawn in a way of their own; the others show a text.
DRAWN = frozenset({"name", "stage", "tags", "owner", "last", "next", "amount"})
#: What is changed where it stands, beside the own fields (those of one value).
EDITABLE = frozenset(
    {
        "name", "company", "kind", "phone", "email", "stage", "owner", "region", "source",
        "external_id", "channel", "member_level", "points", "birth_on", "sex", "interests",
        "purchasing_power",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """A column of the page: `drawn` names its macro, `sort` leads to its order."""

    name: str
    label: str
    drawn: str
    sort: tuple[str, str] | None
    is_right: bool
    template: str = ""
    is_editable: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `cells` hold the texts and the panels' values by the column's name."""

    customer: Customer
    stage: str
    phone: str
    next_tone: str
    totals: CustomerStats | None
    cells: Mapping[str, Any]
    may_edit: bool
    may_assign: bool


def heads(state: ListState) -> list[Head]:
    """The columns in their order, behind the customer itself."""
    known = state.known
    panels = {rules.PANEL + panel.name: panel for panel in list_state.panels()}
    sorts = list_state.sort_links(state)
    return [
        Head(
            name,
            list_state.label_of(known[name]),
            drawn_as(known[name]),
            sorts.get(name),
            known[name].kind in {ColumnKind.NUMBER, ColumnKind.MONEY},
            panels[name].template if name in panels else "",
            is_editable(known[name]),
        )
        for name in state.columns
    ]


def told(heads_of_page: Sequence[Head], rows_of_page: Sequence[Row]) -> list[Head]:
    """Without the columns of upper modules that have nothing to say about anybody here."""
    return [
        head
        for head in heads_of_page
        if not head.template or any(row.cells[head.name] is not None for row in rows_of_page)
    ]


def rows(
    session: Session, customers: Sequence[Customer], columns: Sequence[str], viewer: User
) -> list[Row]:
    """The lines of one page: a query for the totals and one for each panel, where they show."""
    ids = [customer.id for customer in customers]
    now = context.now_once()
    totals = listing.totals(session, ids) if TOTALS & {*columns} else {}
    texts = _texts(session, columns)
    panels = [
        (rules.PANEL + panel.name, panel.load(session, ids, viewer, now))
        for panel in list_state.panels()
        if rules.PANEL + panel.name in columns
    ]
    if "next" in columns:
        panels += [
            ("next", panel.load(session, ids, viewer, now))
            for panel in context.panels().at("customers.next")
        ]
    stages = {stage: gettext(label) for stage, label in names.STAGES.items()}

    may_edit, may_assign = _may(viewer, "customers.edit"), _may(viewer, "customers.assign")

    def cells(customer: Customer) -> dict[str, Any]:
        sums = totals.get(customer.id)
        found: dict[str, Any] = {name: text(customer, sums) for name, text in texts}
        for name, values in panels:
            found[name] = values.get(customer.id)
        return found

    return [
        Row(
            customer,
            stages[customer.stage],
            filters.mask_phone(customer.phone),
            shown.due_tone(session, customer.next_followup_at, now),
            totals.get(customer.id),
            cells(customer),
            may_edit(customer),
            may_assign(customer),
        )
        for customer in customers
    ]


def _may(viewer: User, action: str) -> Callable[[Customer], bool]:
    """Of those whom he sees, a rep changes his own, a lead the team's and the pool's: no query."""
    far = policies.reach(viewer, action)
    if far is policies.OWN:
        return lambda customer: customer.owner_id == viewer.id
    return lambda _customer: far is not policies.NONE


_Text = Callable[[Customer, CustomerStats | None], str]


def _texts(session: Session, columns: Sequence[str]) -> list[tuple[str, _Text]]:
    """For each plain column what makes its text."""
    found: list[tuple[str, _Text]] = []
    for name in columns:
        own = custom_fields.find(session, name)
        if own is not None:
            found.append((name, _own_text(own)))
        elif name in rules.BY_NAME and name not in DRAWN:
            found.append((name, _TEXTS.get(name) or _plain(rules.BY_NAME[name])))
    return found


def _plain(column: Column) -> _Text:
    """By kind; lists show a phone or an address only so far that it is recognised."""

    def text(customer: Customer, _sums: CustomerStats | None) -> str:
        return str(getattr(customer, column.name) or "")[:LONGEST_CELL]

    def day(customer: Customer, _sums: CustomerStats | None) -> str:
        value = getattr(customer, column.name)
        return filters.day(value) if value else ""

    return day if column.kind is ColumnKind.DAY else text


def _own_text(own: CustomField) -> _Text:
    def text(customer: Customer, _sums: CustomerStats | None) -> str:
        value = customer.custom.get(own.key)
        return display(own, value, is_full=False)[:LONGEST_CELL] if value is not None else ""

    return text


_TEXTS: dict[str, _Text] = {
    "kind": lambda one, _sums: gettext(names.KINDS[one.kind]),
    "sex": lambda one, _sums: gettext(names.SEXES[one.sex]) if one.sex else "",
    "purchasing_power": lambda one, _sums: (
        gettext(names.POWERS[one.purchasing_power]) if one.purchasing_power else ""
    ),
    "phone": lambda one, _sums: filters.mask_phone(one.phone),
    "email": lambda one, _sums: mask_email(one.email) if one.email else "",
    "points": lambda one, _sums: "" if one.points is None else filters.number(one.points),
    "is_internal": lambda one, _sums: gettext("Yes") if one.is_internal else "",
    "orders": lambda _one, sums: filters.number(sums.order_count) if sums else "",
    "first_order": lambda _one, sums: (
        filters.day(sums.first_order_at) if sums and sums.first_order_at else ""
    ),
    "last_order": lambda _one, sums: (
        filters.day(sums.last_order_at) if sums and sums.last_order_at else ""
    ),
    "stage_since": lambda one, _sums: filters.day(one.stage_since),
    "created": lambda one, _sums: filters.day(one.created_at),
    "updated": lambda one, _sums: filters.day(one.updated_at),
}


def is_editable(column: Column) -> bool:
    return column.name in EDITABLE or column.kind is ColumnKind.CUSTOM


def drawn_as(column: Column) -> str:
    """The macro that draws it."""
    if column.name in DRAWN:
        return column.name
    return "number" if column.kind in {ColumnKind.NUMBER, ColumnKind.MONEY} else "plain"
