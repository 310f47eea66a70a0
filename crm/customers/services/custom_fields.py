"""Defining the company's own fields, and writing their values on a customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.errors import Conflict, Invalid
from crm.core.spreadsheet import plain_header
from crm.customers.models import Customer, CustomField, FieldKind
from crm.customers.queries import custom_fields as queries
from crm.customers.queries import rules_in_use
from crm.customers.rules import custom_values
from crm.customers.rules.headers import CUSTOMERS, HEADERS
from crm.users import policies
from crm.users.models import User

CHOSEN = frozenset({FieldKind.CHOICE, FieldKind.MULTI_CHOICE})
MOST_CHOICES = 200
#: What files call the built-in facts, in either language.
RESERVED = frozenset(
    plain_header(name)
    for names in HEADERS[CUSTOMERS].values()
    for name in (names[0], next(filter(str.isascii, names), names[0]))
)


@dataclass(frozen=True, slots=True)
class DefineField:
    label: str
    kind: FieldKind
    choices: Sequence[str] = ()
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class ReviseField:
    """`called` gives choices another name by their key, a blank one puts a choice away."""

    version: int
    label: str
    is_required: bool = False
    called: Mapping[str, str] = field(default_factory=dict)
    choices: Sequence[str] = ()


def create(session: Session, wanted: DefineField, *, by: User, now: datetime) -> CustomField:
    """A new field, at the end; it is in forms, lists, rules and files from this moment on."""
    policies.require(by, "customers.manage_fields")
    if len(queries.shown(session)) >= queries.MOST:
        raise Conflict("customers.too_many_fields", limit=queries.MOST)
    last = session.scalar(select(func.max(CustomField.position))) or 0
    made = CustomField(
        label=_free_label(session, wanted.label, but=0),
        kind=wanted.kind,
        choices=_choices(wanted.kind, [], {}, wanted.choices),
        is_required=wanted.is_required,
        position=last + 1,
        created_at=now,
        updated_at=now,
    )
    session.add(made)
    session.flush()
    _changed(session, "fields.created", made, by=by, now=now)
    return made


def update(
    session: Session, item: CustomField, wanted: ReviseField, *, by: User, now: datetime
) -> None:
    """Call it or its choices otherwise. Raises Conflict when somebody else changed it meanwhile."""
    policies.require(by, "customers.manage_fields")
    if wanted.version != item.version:
        raise Conflict("core.stale")
    item.label = _free_label(session, wanted.label, but=item.id)
    item.is_required = wanted.is_required
    item.choices = _choices(item.kind, item.choices, dict(wanted.called), wanted.choices)
    item.updated_at = now
    session.flush()
    _changed(session, "fields.changed", item, by=by, now=now)


def archive(session: Session, item: CustomField, *, by: User, now: datetime) -> None:
    """Show it nowhere any more; the values stay. Refused while a segment's rule asks for it."""
    policies.require(by, "customers.manage_fields")
    if used_by := rules_in_use.of_field(session, item.name):
        raise Conflict("customers.field_in_use", label=item.label, users=", ".join(used_by))
    item.is_archived = True
    item.updated_at = now
    session.flush()
    _changed(session, "fields.archived", item, by=by, now=now)


def restore(session: Session, item: CustomField, *, by: User, now: datetime) -> None:
    """Show it again, with the values that it had."""
    policies.require(by, "customers.manage_fields")
    if item.is_archived and len(queries.shown(session)) >= queries.MOST:
        raise Conflict("customers.too_many_fields", limit=queries.MOST)
    item.is_archived = False
    item.updated_at = now
    session.flush()
    _changed(session, "fields.restored", item, by=by, now=now)


def move(session: Session, item: CustomField, *, up: bool, by: User, now: datetime) -> None:
    """Change places with the neighbour that is shown before or behind it, if there is one."""
    policies.require(by, "customers.manage_fields")
    shown = queries.shown(session)
    place = next((at for at, one in enumerate(shown) if one.id == item.id), None)
    other = None if place is None else place + (-1 if up else 1)
    if place is None or other is None or not 0 <= other < len(shown):
        return
    shown[place], shown[other] = shown[other], shown[place]
    for number, one in enumerate(shown, 1):
        if one.position != number:
            one.position = number
    session.flush()
    _changed(session, "fields.moved", item, by=by, now=now)


def write(
    session: Session, customer: Customer, sent: Mapping[str, Any], *, is_new: bool = False
) -> None:
    """Take over the values that are sent, by key; None empties one. Raises Invalid naming a field.

    A required field must be filled in a new record, and must not be emptied in an old one.
    """
    if not sent and not is_new:
        return
    fields = {one.key: one for one in queries.shown(session)}
    before: dict[str, Any] = {} if is_new else customer.custom
    after = dict(before)
    for key, value in sent.items():
        if key not in fields:
            raise Invalid("customers.custom_unknown", name=str(key)[:40], field="custom")
        read = custom_values.read(fields[key], value, kept=_kept(before.get(key)))
        if read is None or read == []:
            after.pop(key, None)
        else:
            after[key] = read
    for key, one in fields.items():
        if one.is_required and key not in after and (is_new or key in sent):
            raise custom_values.refused(one, "customers.custom_missing", label=one.label)
    if after != before or is_new:
        customer.custom = after


def _kept(stored: object) -> Sequence[str]:
    if isinstance(stored, list):
        return stored
    return [stored] if isinstance(stored, str) else []


def _choices(
    kind: FieldKind, before: Sequence[dict[str, Any]], called: dict[str, str], added: Sequence[str]
) -> list[dict[str, Any]]:
    if kind not in CHOSEN:
        return []
    found = custom_values.revised_choices(before, called, added)
    if not any(not one["is_archived"] for one in found):
        raise Invalid("customers.choice_missing", field="choices")
    if len(found) > MOST_CHOICES:
        raise Invalid("customers.choices_many", limit=MOST_CHOICES, field="choices")
    return found


def _free_label(session: Session, label: str, *, but: int) -> str:
    """Files are read and written by labels, so each must be told from all other headers."""
    clean = " ".join(label.split())
    plain = plain_header(clean) or clean
    if plain in RESERVED:
        raise Invalid("customers.field_reserved", label=clean, field="label")
    for other in queries.every(session):
        if other.id != but and (plain_header(other.label) or other.label) == plain:
            raise Invalid("customers.field_taken", label=clean, field="label")
    return clean


def _changed(session: Session, action: str, item: CustomField, *, by: User, now: datetime) -> None:
    queries.forget(session)
    audit.record(session, action, by_id=by.id, thing=f"field:{item.id}", now=now, label=item.label)
