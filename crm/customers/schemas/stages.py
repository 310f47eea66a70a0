"""What pages and programs say about the stage rules."""

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError, fields

from crm.core import money
from crm.core.errors import Invalid
from crm.customers.models import Stage
from crm.customers.services.lifecycle import NewRules
from crm.web.schemas import InputSchema, between

MOST_ORDERS = 100_000
LONGEST = 3_650
LARGEST_FEN = 10**15


class Yuan(fields.Field[int]):
    """An amount as people write it (“1,280.00”); fen inside."""

    default_error_messages = {"invalid": _l("Not an amount of money.")}  # noqa: RUF012 - as marshmallow has it

    def _deserialize(self, value: object, *_args: Any, **_options: Any) -> int:
        try:
            fen = money.parse_fen(str(value))
        except Invalid as refusal:
            raise self.make_error("invalid") from refusal
        if fen > LARGEST_FEN:
            raise ValidationError(str(_l("Too large.")))
        return fen


class RulesIn(InputSchema[NewRules]):
    """The whole of a version, from a page: the amount in yuan."""

    command: ClassVar[type[NewRules]] = NewRules

    interested_by_contact = fields.Boolean(load_default=False)
    regular_orders = fields.Integer(required=True, validate=between(2, MOST_ORDERS))
    loyal_orders = fields.Integer(required=True, validate=between(3, MOST_ORDERS))
    loyal_amount_fen = Yuan(load_default=None, allow_none=True, data_key="loyal_amount")
    dormant_days = fields.Integer(required=True, validate=between(1, LONGEST))
    lost_days = fields.Integer(required=True, validate=between(2, LONGEST))
    held_days = fields.Integer(required=True, validate=between(0, LONGEST))


class RulesByProgramIn(RulesIn):
    """The same from a program: the amount in fen."""

    loyal_amount_fen = fields.Integer(  # type: ignore[assignment]  # the same amount, written otherwise
        load_default=None, allow_none=True, strict=True, validate=between(1, LARGEST_FEN)
    )


class RulesOut(Schema):
    interested_by_contact = fields.Boolean()
    regular_orders = fields.Integer()
    loyal_orders = fields.Integer()
    loyal_amount_fen = fields.Integer(allow_none=True)
    dormant_days = fields.Integer()
    lost_days = fields.Integer()
    held_days = fields.Integer()


class StageMoveOut(Schema):
    stage = fields.Enum(Stage, by_value=True)
    count = fields.Integer()


class StageMovesOut(Schema):
    total = fields.Integer()
    moves = fields.List(fields.Nested(StageMoveOut))
