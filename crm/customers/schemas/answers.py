"""What pages and programs are told alike, so that neither shows more than the other."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request

from crm.customers.models import Customer
from crm.customers.queries.timeline import Happening, Source
from crm.customers.rules.masking import mask_email
from crm.users import policies
from crm.users.models import User
from crm.web import filters

CONTACTS = "followups."
#: What the guard would tell of a contact anyway.
GUARDED = frozenset({"channel", "followup_id", "over_cap"})


@dataclass(frozen=True, slots=True)
class Reached:
    """Phone and e-mail as this viewer may see them."""

    phone: str
    email: str
    is_full: bool


def reached(customer: Customer, viewer: User) -> Reached:
    """Whole addresses for those who may contact the customer, masked ones for others."""
    if policies.may(viewer, "customers.see_contacts", customer):
        return Reached(filters.phone(customer.phone), customer.email or "", is_full=True)
    email = mask_email(customer.email) if customer.email else ""
    return Reached(filters.mask_phone(customer.phone), email, is_full=False)


def kind_of(one: Happening, customer: Customer, viewer: User) -> tuple[str, dict[str, Any]]:
    """What is told of an event: its kind, and its details as far as this viewer may know them.

    Who may not reach the customer (a rep who looks into the pool) learns of others' contacts what
    the guard would tell: when, how and by whom, but not how it went and what was said.
    """
    if one.teller is not None:
        return one.teller.name, dict(one.teller.details(one.row))
    if one.source is Source.STAGE:
        before = one.row.before.value if one.row.before else None
        return "customers.stage_changed", {"before": before, "after": one.row.after.value}
    if one.source is Source.ORDER:
        return "customers.ordered", {
            "number": one.row.number,
            "status": one.row.status.value,
            "amount_fen": one.row.amount_fen,
            "currency": one.row.currency,
        }
    is_others = one.row.kind.startswith(CONTACTS) and one.row.by_id != viewer.id
    if is_others and not policies.may(viewer, "customers.see_contacts", customer):
        return one.row.kind, {key: one.row.details[key] for key in GUARDED & set(one.row.details)}
    return one.row.kind, one.row.details


def page_url(cursor: str | None) -> str:
    """The list as it is asked for now, at another page; empty where there is none."""
    if cursor is None:
        return ""
    values = {name: request.args.getlist(name) for name in request.args if name != "cursor"}
    return f"{request.path}?{urlencode(values | {'cursor': cursor}, doseq=True)}"
