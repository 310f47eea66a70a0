"""The fields that the company has added, and how they are asked for in SQL."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    cast,
    false,
    func,
    inspect,
    or_,
    select,
)
from sqlalchemy.orm import Session, undefer
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.interfaces import ORMOption

from crm.core.errors import NotFound
from crm.core.messages import N_
from crm.core.phones import mask_phone
from crm.customers.models import Customer, CustomField, FieldKind
from crm.customers.models.fields import PREFIX
from crm.customers.rules import custom_values
from crm.customers.rules.masking import mask_email
from crm.customers.segment_fields import Kind
from crm.customers.segment_fields.typed import TypedField

MOST = 200
COUNTED = 1_000
#: What heads them among the fields of a rule.
GROUP = N_("Fields of your own")
_REMEMBERED = "custom_fields"

_KINDS = {
    FieldKind.TEXT: Kind.TEXT,
    FieldKind.NUMBER: Kind.NUMBER,
    FieldKind.MONEY: Kind.MONEY,
    FieldKind.DATE: Kind.DAY,
    FieldKind.CHOICE: Kind.CHOICE,
    FieldKind.MULTI_CHOICE: Kind.SET,
    FieldKind.YES_NO: Kind.FLAG,
    FieldKind.PHONE: Kind.TEXT,
    FieldKind.EMAIL: Kind.TEXT,
    FieldKind.LINK: Kind.TEXT,
}


def every(session: Session) -> Sequence[CustomField]:
    """All of them, archived ones too, in their order; one query in a transaction."""
    known = session.info.get(_REMEMBERED)
    transaction = session.get_transaction()
    if known is not None and known[0] is transaction and transaction is not None:
        found: Sequence[CustomField] = known[1]
        return found
    ordered = select(CustomField).order_by(CustomField.position, CustomField.id)
    found = session.scalars(ordered).all()
    session.info[_REMEMBERED] = (session.get_transaction(), found)
    return found


def forget(session: Session) -> None:
    """Look again: a definition has changed."""
    session.info.pop(_REMEMBERED, None)


def shown(session: Session) -> list[CustomField]:
    """Those in use, in their order: for the form, the record, the columns and the files."""
    return [field for field in every(session) if not field.is_archived]


def by_key(session: Session) -> dict[str, CustomField]:
    return {field.key: field for field in every(session)}


def get(session: Session, field_id: int) -> CustomField:
    """Raises NotFound."""
    found = session.get(CustomField, field_id)
    if found is None:
        raise NotFound("core.not_found")
    return found


def find(session: Session, name: str) -> CustomField | None:
    """By its name everywhere: "custom.f12"."""
    if not name.startswith(PREFIX):
        return None
    return by_key(session).get(name.removeprefix(PREFIX))


def headers(session: Session) -> dict[str, tuple[str, ...]]:
    """Under which heading of a file each is understood: its label."""
    return {field.name: (field.label,) for field in shown(session)}


def loaded() -> ORMOption:
    """The option with which a list of customers brings the values along."""
    return undefer(Customer.custom)


def bring(session: Session, customers: Sequence[Customer]) -> None:
    """Load the values of customers that came without them; one query for all."""
    lacking = [one.id for one in customers if "custom" in inspect(one).unloaded]
    if not lacking:
        return
    rows = session.execute(select(Customer.id, Customer.custom).where(Customer.id.in_(lacking)))
    values = {row.id: row.custom for row in rows}
    for one in customers:
        if one.id in values:
            set_committed_value(one, "custom", values[one.id])


def expression(field: CustomField) -> ColumnElement[Any]:
    """The value in SQL, of a type that is compared and sorted rightly; empty is NULL."""
    held: Any = Customer.custom[field.key]
    found: ColumnElement[Any] = held.as_string()
    if field.kind is FieldKind.YES_NO:
        found = held.as_boolean()
    if field.kind is FieldKind.MONEY:
        found = cast(held.as_string(), BigInteger)
    if field.kind is FieldKind.NUMBER:
        found = cast(held.as_string(), Numeric(30, custom_values.MOST_DECIMALS))
    return found


def filled(session: Session, field: CustomField) -> int:
    """How many customers have a value, at most COUNTED + 1: all of them may have to be read."""
    held = select(Customer.id).where(Customer.custom[field.key].as_string().is_not(None))
    some = held.limit(COUNTED + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def as_segment_fields(session: Session) -> list[TypedField]:
    """What rules may ask: the fields in use."""
    return [_as_segment_field(field) for field in shown(session)]


def _as_segment_field(field: CustomField) -> TypedField:
    offered = custom_values.choices(field)
    return TypedField(
        name=field.name,
        label=field.label,
        kind=_KINDS[field.kind],
        column=expression(field),
        stored=None if _teller(field) else _stored(field),
        tells=_teller(field),
        may_be_empty=True,
        options=lambda _session: offered,
        holds=_holder(field) if field.kind is FieldKind.MULTI_CHOICE else None,
        value=_reader(field),
        group=GROUP,
    )


def _stored(field: CustomField) -> ColumnElement[Any]:
    """What is shown of it beside a condition; decimals do not pass through a float."""
    if field.kind is FieldKind.NUMBER:
        held: ColumnElement[Any] = Customer.custom[field.key].as_string()
        return held
    return expression(field)


def _teller(
    field: CustomField,
) -> Callable[[Session, Sequence[int]], Mapping[int, Sequence[str]]] | None:
    """Values that are no plain column: several choices, and addresses, which a reason masks."""
    ways: dict[FieldKind, Callable[[Any], Sequence[str]]] = {
        FieldKind.MULTI_CHOICE: lambda value: value,
        FieldKind.PHONE: lambda value: [mask_phone(value)],
        FieldKind.EMAIL: lambda value: [mask_email(value)],
    }
    way = ways.get(field.kind)
    if way is None:
        return None

    def tells(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        held = select(Customer.id, Customer.custom).where(Customer.id.in_(customer_ids))
        return {
            customer_id: way(custom[field.key]) if field.key in custom else []
            for customer_id, custom in session.execute(held)
        }

    return tells


def _reader(field: CustomField) -> Callable[[object], Any]:
    """A rule may go on naming a choice that is not offered any more."""
    kept = frozenset(choice["key"] for choice in field.choices)
    if field.kind is FieldKind.MULTI_CHOICE:
        return lambda value: (custom_values.read(field, [value], kept=kept) or [""])[0]  # type: ignore[index]  # a list of keys
    return lambda value: custom_values.read(field, value, kept=kept)


def _holder(field: CustomField) -> Callable[[Sequence[Any] | None], ColumnElement[bool]]:
    held: ColumnElement[str] = Customer.custom[field.key].as_string()

    def holds(keys: Sequence[Any] | None) -> ColumnElement[bool]:
        """Customers with any of these choices: keys are plain, so their quotes find them."""
        if keys is None:
            return held.is_not(None)
        ways = [func.coalesce(held.contains(f'"{key}"', autoescape=True), false()) for key in keys]
        return or_(*ways)

    return holds
