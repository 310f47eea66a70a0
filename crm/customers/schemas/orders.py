"""Orders by hand, their products and refunds, as pages and programs write them."""

from decimal import Decimal
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError, fields, post_load, validate

from crm.core import money
from crm.core.errors import Invalid
from crm.customers.models import OrderStatus
from crm.customers.schemas.customers import LARGEST_FEN, OrderIn, OrderOut
from crm.customers.schemas.stages import Yuan
from crm.customers.services.ordering import EditOrder, GiveBack, HandOrder, OrderedLine
from crm.web.schemas import CompanyDateTime, InputSchema, at_most, between, no_controls, not_blank

LINES = 4  # of a page's form
MOST_LINES = 1_000
LARGEST = Decimal(10**9)


class Number(fields.Field[Decimal]):
    """A quantity or a price as people write it."""

    default_error_messages = {"invalid": _l("Not a number.")}  # noqa: RUF012 - as marshmallow has it

    def _deserialize(self, value: object, *_args: Any, **_options: Any) -> Decimal:
        try:
            found = money.parse_number(str(value))
        except Invalid as refusal:
            raise self.make_error("invalid") from refusal
        if not 0 <= found <= LARGEST:
            raise self.make_error("invalid")
        return found


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=[no_controls, at_most(length)])


def _lines(data: dict[str, Any]) -> list[OrderedLine]:
    """The products of the form's numbered fields; a line without a name says nothing."""
    found = []
    for place in range(1, LINES + 1):
        name = data.pop(f"product_{place}")
        quantity, price = data.pop(f"quantity_{place}"), data.pop(f"price_{place}")
        if not name and price is None:
            continue
        if price is None:
            raise ValidationError(gettext("Write the price of each product."), f"price_{place}")
        found.append(OrderedLine(product_name=name, quantity=quantity, unit_price=price))
    return found


class HandOrderIn(InputSchema[HandOrder]):
    command: ClassVar[type[HandOrder]] = HandOrder

    ordered_at = CompanyDateTime(required=True)
    amount_fen = Yuan(load_default=None, allow_none=True, data_key="amount")
    status = fields.Enum(OrderStatus, by_value=True, load_default=OrderStatus.PAID)
    channel = _text(80)
    number = _text(100)
    for _place in range(1, LINES + 1):
        locals()[f"product_{_place}"] = _text(200)
        locals()[f"quantity_{_place}"] = Number(load_default=Decimal(1))
        locals()[f"price_{_place}"] = Number(load_default=None, allow_none=True)
    del _place

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> HandOrder:
        lines = _lines(data)
        return self.command(**data, lines=lines)


class EditOrderIn(HandOrderIn):
    command = EditOrder

    version = fields.Integer(required=True)


class GiveBackIn(InputSchema[GiveBack]):
    """From a page: the amount in yuan."""

    command = GiveBack

    amount_fen = Yuan(required=True, data_key="amount", validate=between(1, LARGEST_FEN))


class LineIn(InputSchema[OrderedLine]):
    command = OrderedLine

    product_name = _text(200)
    product_code = _text(100)
    quantity = fields.Decimal(load_default=Decimal(1), validate=validate.Range(-LARGEST, LARGEST))
    unit_price = fields.Decimal(required=True, validate=validate.Range(0, LARGEST))


class OrderWithLinesIn(OrderIn):
    """What is left out of `lines` stays; given, the products are exactly these."""

    lines = fields.List(
        fields.Nested(LineIn),
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=MOST_LINES),
    )


class RefundIn(Schema):
    """A program's refund: the order by source and number, the refund by its own."""

    source = fields.String(required=True, validate=not_blank(80))
    number = fields.String(required=True, validate=not_blank(100))
    refund = fields.String(required=True, validate=not_blank(100))
    amount_fen = fields.Integer(required=True, strict=True, validate=between(1, LARGEST_FEN))
    refunded_at = fields.AwareDateTime(load_default=None, allow_none=True)


class LineOut(Schema):
    product_code = fields.String()
    product_name = fields.String()
    quantity = fields.Decimal(as_string=True)
    unit_price = fields.Decimal(as_string=True)


class OrderWithLinesOut(OrderOut):
    lines = fields.List(fields.Nested(LineOut))
