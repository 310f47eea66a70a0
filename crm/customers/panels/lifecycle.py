"""Why a customer stands in its stage: a card on the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.core.panels import Panel
from crm.customers.forms import stages as forms
from crm.customers.models import Customer, Stage, names
from crm.customers.queries import lifecycle as queries
from crm.customers.queries import listing, pool
from crm.customers.rules.stages import AWAKE, StageTerms
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Card:
    """The stage, the rule that led there, how long it is held, and what comes next."""

    customer: Customer
    name: str
    why: str
    by: str | None
    held_until: datetime | None
    held_days: int
    goes_to: str
    stages: Sequence[tuple[str, str]]
    may_edit: bool


def cards(session: Session, ids: Sequence[int], viewer: User, now: datetime) -> Mapping[int, Card]:
    terms = queries.terms(session)
    choices = [(stage.value, _(names.STAGES[stage])) for stage in Stage]
    totals = listing.totals(session, ids)
    found: dict[int, Card] = {}
    for customer in pool.customers(session, ids):
        last = queries.last_change(session, customer.id)
        known = queries.versions(session, [last[0].rules_id] if last and last[0].rules_id else [])
        held = customer.stage_held_until
        bought = totals.get(customer.id)
        found[customer.id] = Card(
            customer,
            _(names.STAGES[customer.stage]),
            forms.why(last[0], known) if last else "",
            last[1] if last else None,
            held if held and held > now else None,
            terms.held_days,
            _next(session, customer, bought.last_order_at if bought else None, terms, now),
            choices,
            policies.may(viewer, "customers.edit", customer),
        )
    return found


def _next(
    session: Session,
    customer: Customer,
    ordered_at: datetime | None,
    terms: StageTerms,
    now: datetime,
) -> str:
    """When silence will move this customer on, if it goes on as it is."""
    is_dormant = customer.stage is Stage.DORMANT
    if customer.stage not in AWAKE and not is_dormant:
        return ""
    house = company(session)
    heard = max((at for at in (customer.last_contact_at, ordered_at) if at), default=None)
    silent = (house.day_of(now) - house.day_of(heard or customer.created_at)).days
    left = max((terms.lost_days if is_dormant else terms.dormant_days) + 1 - silent, 0)
    text = (
        ngettext("Lost in %(num)d day of silence", "Lost in %(num)d days of silence", left)
        if is_dormant
        else ngettext(
            "Dormant in %(num)d day of silence", "Dormant in %(num)d days of silence", left
        )
    )
    return str(text)


CARD = Panel("lifecycle", _l("Lifecycle stage"), "stages/_card.html", cards)
