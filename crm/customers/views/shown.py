"""What the pages of customers show, made ready here so that templates decide nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.panels import Panel
from crm.customers.forms import opportunities
from crm.customers.forms.customers import TIMELINE
from crm.customers.forms.stages import why
from crm.customers.models import Customer, CustomerKind, Order, names
from crm.customers.queries import lifecycle, listing
from crm.customers.queries import persons as person_queries
from crm.customers.queries.listing import Tab
from crm.customers.queries.timeline import Happening, Kind, Source
from crm.customers.rules.stages import StageTerms
from crm.customers.schemas import answers
from crm.customers.schemas import persons as person_schemas
from crm.users.models import User
from crm.web import context, filters


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline. `panel` belongs to the module that wrote the entry."""

    at: datetime
    icon: str
    tone: str
    title: str
    text: str
    by: str | None
    panel: Panel | None = None
    details: Mapping[str, Any] | None = None


_MARKS = {Source.TARGET: ("target-arrow", "sky"), Source.CONTACT: ("shield-half", "plum")}


def due_tone(session: Session, at: datetime | None, now: datetime) -> str:
    """The class of a due date: red when overdue, bold today, a warning when nothing is planned."""
    if at is None:
        return "u-amber"
    house = company(session)
    due, today = house.day_of(at), house.day_of(now)
    if due < today:
        return "u-red"
    return "u-b" if due == today else ""


def tab_counts(session: Session, viewer: User) -> dict[Tab, str]:
    counts = listing.tab_counts(session, viewer)
    most = listing.COUNTED
    return {tab: f"{most}+" if n > most else filters.number(n) for tab, n in counts.items()}


def persons(session: Session, customer: Customer, *, is_full: bool) -> list[dict[str, Any]] | None:
    """The contact persons with their addresses as the viewer may see them; None: no such card."""
    found = person_queries.of_customer(session, customer.id)
    if not found and customer.kind is CustomerKind.PERSON and not customer.company:
        return None
    return [person_schemas.shown(one, is_full=is_full) | {"key": one.id} for one in found]


def events(happenings: Iterable[Happening], customer: Customer, viewer: User) -> list[Event]:
    """The timeline in words, as far as this viewer may know them."""
    panels = {panel.name: panel for panel in context.panels().at("customers.timeline")}
    shown = list(happenings)
    moves = [one.row for one in shown if one.source is Source.STAGE]
    versions = lifecycle.versions(
        context.session(), sorted({move.rules_id for move in moves if move.rules_id})
    )
    return [
        _stage_event(one, versions)
        if one.source is Source.STAGE
        else _event(one, panels, answers.kind_of(one, customer, viewer))
        for one in shown
    ]


def timeline_chips(customer: Customer, chosen: Kind | None) -> list[tuple[Any, str, str, bool]]:
    """Each kind of event: its name, the record's address with it, the fragment's, and if chosen."""
    return [
        (
            label,
            url_for("customers.show", customer_id=customer.id, kind=kind.value if kind else None),
            url_for(
                "customers.show_timeline",
                customer_id=customer.id,
                kind=kind.value if kind else None,
            ),
            kind is chosen,
        )
        for kind, label in TIMELINE.items()
    ]


def _event(
    one: Happening, panels: Mapping[str, Panel], told: tuple[str, Mapping[str, Any]]
) -> Event:
    if one.source is Source.ORDER:
        return _order_event(one, one.row)
    kind, details = told
    if kind in panels:
        panel = panels[kind]
        icon, tone = _MARKS.get(one.source, ("note", "indigo"))
        return Event(one.at, icon, tone, str(panel.label), "", one.by, panel, details)
    entry = one.row
    if entry.kind == "customers.opportunity":
        title, text = opportunities.happened(entry.details)
        return Event(one.at, "flag", "pine", title, text, one.by)
    titles = {
        "customers.created": gettext("Record made"),
        "customers.claimed": gettext("Taken from the pool"),
        "customers.assigned": gettext("Given to %(owner)s", owner=entry.details.get("owner", "")),
        "customers.returned": gettext("Given back to the pool"),
        "customers.expired": gettext(
            "Back to the pool: no contact for %(days)s days", days=entry.details.get("days", "")
        ),
        "customers.imported": gettext("Came in by import"),
        "customers.merged": gettext("Merged with %(name)s", name=entry.details.get("name", "")),
        "customers.parted": gettext(
            "Split again from %(name)s", name=entry.details.get("name", "")
        ),
    }
    title = titles.get(entry.kind, gettext("Note"))
    return Event(one.at, "user", "amber", title, str(entry.details.get("note", "")), one.by)


def _stage_event(one: Happening, versions: Mapping[int, StageTerms]) -> Event:
    change = one.row
    after = gettext(names.STAGES[change.after])
    title = (
        gettext(
            "Stage: %(before)s → %(after)s",
            before=gettext(names.STAGES[change.before]),
            after=after,
        )
        if change.before
        else gettext("Stage: %(after)s", after=after)
    )
    return Event(one.at, "arrow-up-right", "sky", title, why(change, versions), one.by)


def _order_event(one: Happening, order: Order) -> Event:
    statuses = {
        "draft": gettext("Draft"),
        "unpaid": gettext("Unpaid"),
        "paid": gettext("Paid"),
        "completed": gettext("Completed"),
        "cancelled": gettext("Cancelled"),
        "void": gettext("Void"),
    }
    title = gettext(
        "Order %(number)s · %(amount)s",
        number=order.number,
        amount=filters.money(order.amount_fen, order.currency),
    )
    text = statuses[order.status.value]
    if order.refunded_fen:
        amount = filters.money(order.refunded_fen, order.currency)
        text = gettext("%(status)s, %(amount)s given back", status=text, amount=amount)
    return Event(one.at, "receipt", "pine", title, text, order.source)
