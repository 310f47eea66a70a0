"""What pages and programs say about deals, and what programs are told."""

from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load, validate

from crm.customers.models import OpportunityStage
from crm.customers.queries.opportunities import SORTS, Wanted, Which
from crm.customers.schemas.stages import LARGEST_FEN, Yuan
from crm.customers.services.opportunities import Close, Deal, EditDeal, PutDeal
from crm.web.schemas import InputSchema, at_most, between, no_controls, not_blank, one_of


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=[no_controls, at_most(length)])


class DealIn(InputSchema[Deal]):
    """From a page: the amount in yuan."""

    command: ClassVar[type[Deal]] = Deal

    title = fields.String(required=True, validate=not_blank(160))
    stage = fields.Enum(OpportunityStage, by_value=True, load_default=OpportunityStage.CONTACT)
    amount_fen: Any = Yuan(load_default=0, data_key="amount")
    product = _text(200)
    entered_on = fields.Date(load_default=None, allow_none=True)
    expected_on = fields.Date(load_default=None, allow_none=True)
    closed_on = fields.Date(load_default=None, allow_none=True)
    lost_reason = _text(200)


class DealEditIn(DealIn):
    command = EditDeal

    version = fields.Integer(required=True)


class DealPutIn(DealIn):
    """From a program: the amount in fen, known by source and number."""

    command = PutDeal

    source = fields.String(required=True, validate=not_blank(80))
    number = fields.String(required=True, validate=not_blank(100))
    customer = fields.String(required=True, validate=at_most(32))
    amount_fen = fields.Integer(load_default=0, strict=True, validate=between(0, LARGEST_FEN))


class CloseIn(InputSchema[Close]):
    command = Close

    is_won = fields.Boolean(required=True)
    lost_reason = _text(200)


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of the list."""

    wanted: Wanted
    cursor: str | None


class DealsIn(InputSchema[Asked]):
    which = fields.Enum(Which, by_value=True, load_default=Which.OPEN)
    stage = fields.Enum(OpportunityStage, by_value=True, load_default=None)
    owner = fields.Integer(load_default=None, validate=validate.Range(1, 2**63 - 1))
    q = _text(80)
    sort = fields.String(load_default="expected", validate=one_of(SORTS))
    down = fields.Boolean(load_default=False)
    cursor = fields.String(load_default=None, validate=at_most(1_000))

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> Asked:
        cursor = data.pop("cursor")
        return Asked(Wanted(**data), cursor)


class DealOut(Schema):
    id = fields.String(attribute="public_id")
    customer = fields.String(attribute="customer.public_id")
    owner = fields.String(attribute="owner.public_id", allow_none=True)
    title = fields.String()
    stage = fields.Enum(OpportunityStage, by_value=True)
    amount_fen = fields.Integer()
    product = fields.String()
    source = fields.String(allow_none=True)
    number = fields.String(allow_none=True)
    entered_on = fields.Date(allow_none=True)
    expected_on = fields.Date(allow_none=True)
    closed_on = fields.Date(allow_none=True)
    lost_reason = fields.String()
    version = fields.Integer()


class DealsOut(Schema):
    items = fields.List(fields.Nested(DealOut))
    next_cursor = fields.String(allow_none=True)
