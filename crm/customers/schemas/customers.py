"""What pages and programs may say about customers, and what programs are told."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from flask_babel import gettext
from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate

from crm.customers.models import CustomerKind, OrderStatus, PurchasingPower, Sex, Stage
from crm.customers.models.fields import PREFIX
from crm.customers.queries.listing import Filters, Next, Tab
from crm.customers.queries.timeline import Kind
from crm.customers.rules import columns
from crm.customers.services.customers import AssignCustomer, CustomerFacts, EditCustomer
from crm.customers.services.orders import PutOrder
from crm.customers.services.stages import ChangeStage
from crm.customers.services.tags import PutTag
from crm.web.schemas import InputSchema, at_most, between, no_controls, not_blank

LARGEST_FEN = 10**15
EARLIEST_BIRTH = 1900
MOST_POINTS = 10**12


@dataclass(frozen=True, slots=True)
class PatchCustomer:
    """What a program changes; `version` may come as If-Match instead."""

    version: int | None
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list: which customers, and where the page begins."""

    filters: Filters
    cursor: str | None


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=[no_controls, at_most(length)])


def _optional(length: int) -> fields.String:
    return fields.String(
        load_default=None, allow_none=True, validate=[no_controls, at_most(length)]
    )


def _born(day: date) -> None:
    if day.year < EARLIEST_BIRTH:
        raise ValidationError(gettext("Not a date (write 2026-11-19)."))


class CustomerIn(InputSchema[CustomerFacts]):
    command: ClassVar[type[CustomerFacts]] = CustomerFacts

    name = _text(120)
    kind = fields.Enum(CustomerKind, by_value=True, load_default=CustomerKind.PERSON)
    company = _text(160)
    phone = _optional(40)
    email = _optional(254)
    region = _text(80)
    source = _text(80)
    external_id = _optional(100)
    note = _text(5_000)
    is_internal = fields.Boolean(load_default=False)
    birth_on = fields.Date(load_default=None, allow_none=True, validate=_born)
    sex = fields.Enum(Sex, by_value=True, load_default=None, allow_none=True)
    channel = _text(80)
    interests = _text(300)
    purchasing_power = fields.Enum(
        PurchasingPower, by_value=True, load_default=None, allow_none=True
    )
    member_level = _text(60)
    points = fields.Integer(
        load_default=None, allow_none=True, strict=False, validate=between(0, MOST_POINTS)
    )
    custom = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "Values of custom fields by key; null empties one."},
    )


class CustomerEditIn(CustomerIn):
    command = EditCustomer

    version = fields.Integer(required=True)


class CustomerPatchIn(CustomerIn):
    """Only what is sent is changed."""

    version = fields.Integer()

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> PatchCustomer:
        return PatchCustomer(data.pop("version", None), data)


class StageIn(InputSchema[ChangeStage]):
    command = ChangeStage

    stage = fields.Enum(Stage, by_value=True, required=True)
    held_days = fields.Integer(load_default=None, allow_none=True, validate=between(0, 3_650))


class AssignIn(InputSchema[AssignCustomer]):
    command = AssignCustomer

    owner_id = fields.Integer(load_default=None, allow_none=True)


class TagIn(InputSchema[PutTag]):
    command = PutTag

    name = fields.String(required=True, validate=not_blank(60))


def _sort(name: str) -> None:
    if not columns.is_sort(name):
        raise ValidationError(gettext("Choose one of the list."))


def _own_field(name: str) -> None:
    if not (name.startswith(PREFIX) and columns.is_sort(name)):
        raise ValidationError(gettext("Choose one of the list."))


class FiltersIn(InputSchema[Filters]):
    """The list's address: every filter stands in it, so that a view can be kept as a link."""

    command = Filters

    tab = fields.Enum(Tab, by_value=True, load_default=Tab.ALL)
    q = _text(80)
    stage = fields.List(fields.Enum(Stage, by_value=True), load_default=())
    tag = _text(60)
    region = _text(80)
    source = _text(80)
    owner = fields.Integer(load_default=None, validate=validate.Range(1, 2**63 - 1))
    next = fields.Enum(Next, by_value=True, load_default=None)
    segment = fields.Integer(load_default=None, validate=validate.Range(1, 2**63 - 1))
    custom = fields.Dict(
        keys=fields.String(validate=_own_field),
        values=fields.String(validate=[no_controls, at_most(200)]),
        load_default=dict,
        metadata={"description": "Own fields by name: custom.f12"},
    )
    sort = fields.String(load_default="next", validate=_sort)
    down = fields.Boolean(load_default=False)

    @pre_load
    def gather(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """In an address each own field stands by itself; a form names one and its value."""
        found = {name: data[name] for name in data if name.startswith(PREFIX)}
        rest = {name: value for name, value in data.items() if name not in found}
        name, value = rest.pop("own_field", ""), rest.pop("own_value", "")
        if name and value:
            found[name] = value
        return rest | {"custom": found} if found else rest


class CustomersIn(FiltersIn):
    cursor = fields.String(load_default=None, validate=at_most(1_000))

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> Listed:
        cursor = data.pop("cursor")
        return Listed(Filters(**data), cursor)


class PageIn(InputSchema[Listed]):
    """A list without filters."""

    cursor = fields.String(load_default=None, validate=at_most(1_000))

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> Listed:
        return Listed(Filters(), data["cursor"])


@dataclass(frozen=True, slots=True)
class TimelineAsked:
    """A page of a customer's timeline, of one kind of event if asked."""

    kind: Kind | None
    cursor: str | None


class TimelineIn(InputSchema[TimelineAsked]):
    command = TimelineAsked

    kind = fields.Enum(Kind, by_value=True, load_default=None)
    cursor = fields.String(load_default=None, validate=at_most(1_000))


class OrderIn(InputSchema[PutOrder]):
    command = PutOrder

    source = fields.String(required=True, validate=not_blank(80))
    number = fields.String(required=True, validate=not_blank(100))
    customer = fields.String(load_default=None, allow_none=True, validate=at_most(32))
    status = fields.Enum(OrderStatus, by_value=True, load_default=OrderStatus.PAID)
    amount_fen = fields.Integer(
        required=True, strict=True, validate=validate.Range(-LARGEST_FEN, LARGEST_FEN)
    )
    refunded_fen = fields.Integer(
        load_default=0, strict=True, validate=validate.Range(0, LARGEST_FEN)
    )
    currency = fields.String(
        load_default=None, allow_none=True, validate=validate.Regexp(r"[A-Z]{3}\Z")
    )
    channel = _text(80)
    ordered_at = fields.AwareDateTime(required=True)
    paid_at = fields.AwareDateTime(load_default=None, allow_none=True)


class TagOut(Schema):
    id = fields.Integer()
    name = fields.String()


class TagsOut(Schema):
    items = fields.List(fields.Nested(TagOut))


class CustomerOut(Schema):
    """`phone` and `email` are masked for those who may not see them."""

    id = fields.String(attribute="public_id")
    kind = fields.Enum(CustomerKind, by_value=True)
    name = fields.String()
    company = fields.String()
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    region = fields.String()
    source = fields.String()
    external_id = fields.String(allow_none=True)
    note = fields.String()
    is_internal = fields.Boolean()
    birth_on = fields.Date(allow_none=True)
    sex = fields.Enum(Sex, by_value=True, allow_none=True)
    channel = fields.String()
    interests = fields.String()
    purchasing_power = fields.Enum(PurchasingPower, by_value=True, allow_none=True)
    member_level = fields.String()
    points = fields.Integer(allow_none=True)
    custom = fields.Dict(keys=fields.String())
    stage = fields.Enum(Stage, by_value=True)
    stage_since = fields.AwareDateTime()
    owner = fields.String(attribute="owner.public_id", allow_none=True)
    tags = fields.Pluck(TagOut, "name", many=True)
    last_contact_at = fields.AwareDateTime(allow_none=True)
    next_followup_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()
    version = fields.Integer()


class CustomersOut(Schema):
    items = fields.List(fields.Nested(CustomerOut))
    next_cursor = fields.String(allow_none=True)


class HappeningOut(Schema):
    at = fields.AwareDateTime()
    kind = fields.String()
    by = fields.String(allow_none=True)
    details = fields.Dict()


class TimelineOut(Schema):
    items = fields.List(fields.Nested(HappeningOut))
    next_cursor = fields.String(allow_none=True)


class OrderOut(Schema):
    source = fields.String()
    number = fields.String()
    customer = fields.String(attribute="customer.public_id", allow_none=True)
    status = fields.Enum(OrderStatus, by_value=True)
    amount_fen = fields.Integer()
    refunded_fen = fields.Integer()
    currency = fields.String()
    channel = fields.String()
    ordered_at = fields.AwareDateTime()
    paid_at = fields.AwareDateTime(allow_none=True)


class OrdersOut(Schema):
    items = fields.List(fields.Nested(OrderOut))
    next_cursor = fields.String(allow_none=True)
