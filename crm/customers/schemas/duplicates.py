"""What pages and programs may ask about suggested duplicates, and what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, fields, validate

from crm.customers.rules.duplicates import Confidence
from crm.web.schemas import InputSchema, at_most

MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of the suggestions."""

    confidence: Confidence | None
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pairs ticked on the page."""

    pair_ids: Sequence[int]


class AskedIn(InputSchema[Asked]):
    command = Asked

    confidence = fields.Enum(Confidence, by_value=False, load_default=None)
    cursor = fields.String(load_default=None, validate=at_most(1_000))


class ChosenIn(InputSchema[Chosen]):
    command = Chosen

    pair_ids = fields.List(
        fields.Integer(),
        required=True,
        validate=validate.Length(1, MOST_AT_ONCE, error=_l("Between {min} and {max}.")),
    )


class PairOut(Schema):
    """`a` and `b` are the public ids of the two records."""

    id = fields.Integer(attribute="pair.id")
    a = fields.String(attribute="a.public_id")
    b = fields.String(attribute="b.public_id")
    reasons = fields.List(fields.String(), attribute="pair.reasons")
    confidence = fields.Function(lambda one: Confidence(one.pair.strength).name.lower())
    state = fields.Function(lambda one: one.pair.state.value)
    found_at = fields.AwareDateTime(attribute="pair.found_at")


class PairsOut(Schema):
    items = fields.List(fields.Nested(PairOut))
    next_cursor = fields.String(allow_none=True)
