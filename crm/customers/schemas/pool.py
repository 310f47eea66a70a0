"""What pages and programs say about the pool."""

from dataclasses import dataclass
from typing import ClassVar

from marshmallow import Schema, fields

from crm.customers.services.pool import PoolRules
from crm.web.schemas import InputSchema, at_most, between, no_controls, not_blank

MOST = 10**6
LONGEST = 3_650


@dataclass(frozen=True, slots=True)
class Release:
    note: str


class PoolRulesIn(InputSchema[PoolRules]):
    """What is left out has no limit."""

    command: ClassVar[type[PoolRules]] = PoolRules

    most_owned = fields.Integer(load_default=None, allow_none=True, validate=between(1, MOST))
    claims_a_day = fields.Integer(load_default=None, allow_none=True, validate=between(1, MOST))
    return_after_days = fields.Integer(
        load_default=None, allow_none=True, validate=between(1, LONGEST)
    )
    cool_down_days = fields.Integer(load_default=0, validate=between(0, LONGEST))


class ReleaseIn(InputSchema[Release]):
    command = Release

    note = fields.String(required=True, validate=not_blank(200))


class PoolRulesOut(Schema):
    most_owned = fields.Integer(allow_none=True)
    claims_a_day = fields.Integer(allow_none=True)
    return_after_days = fields.Integer(allow_none=True)
    cool_down_days = fields.Integer()


@dataclass(frozen=True, slots=True)
class HandOver:
    """To whom, by public id; None is the pool."""

    owner: str | None
    note: str


class HandOverIn(InputSchema[HandOver]):
    command = HandOver

    owner = fields.String(load_default=None, allow_none=True, validate=at_most(32))
    note = fields.String(load_default="", validate=[no_controls, at_most(200)])
