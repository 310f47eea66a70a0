"""What people and programs may say about contacts, and what the guard answers."""

from dataclasses import dataclass
from typing import ClassVar

from marshmallow import Schema, fields

from crm.customers.models import Channel
from crm.outreach.rules import LARGEST_LIMIT, MOST_DAYS, Limit
from crm.outreach.services import Mark, NewPolicy
from crm.web.schemas import InputSchema, at_most, between, no_controls, not_blank


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom somebody wants to contact: by public id, on which channel if that is known."""

    customer: str
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Which part of the list of those who must not be contacted."""

    q: str = ""
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """Why a mark is cleared."""

    reason: str


class AskedIn(InputSchema[Asked]):
    command: ClassVar[type[Asked]] = Asked

    customer = fields.String(required=True, validate=at_most(32))
    channel = fields.Enum(Channel, by_value=True, load_default=None)


class ListedIn(InputSchema[Listed]):
    command: ClassVar[type[Listed]] = Listed

    q = fields.String(load_default="", validate=at_most(80))
    cursor = fields.String(load_default=None, validate=at_most(1000))


class MarkIn(InputSchema[Mark]):
    command: ClassVar[type[Mark]] = Mark

    customer_id = fields.Integer(required=True)
    channel = fields.Enum(Channel, by_value=True, load_default=None, allow_none=True)
    evidence = fields.String(load_default="", validate=[no_controls, at_most(500)])


class ClearedIn(InputSchema[Cleared]):
    command: ClassVar[type[Cleared]] = Cleared

    reason = fields.String(required=True, validate=not_blank(500))


class LimitIn(InputSchema[Limit]):
    command: ClassVar[type[Limit]] = Limit

    limit = fields.Integer(required=True, validate=between(1, LARGEST_LIMIT))
    days = fields.Integer(required=True, validate=between(1, MOST_DAYS))
    channel = fields.Enum(Channel, by_value=True, load_default=None, allow_none=True)


class PolicyIn(InputSchema[NewPolicy]):
    command: ClassVar[type[NewPolicy]] = NewPolicy

    version = fields.Integer(required=True)
    cool_down_days = fields.Integer(required=True, validate=between(0, MOST_DAYS))
    limits = fields.List(fields.Nested(LimitIn), required=True)


class MarkOut(Schema):
    channel = fields.Enum(Channel, by_value=True, allow_none=True)
    source = fields.String()
    evidence = fields.String()
    set_at = fields.AwareDateTime()


class SuppressedOut(Schema):
    customer = fields.String()
    marks = fields.List(fields.Nested(MarkOut))


class SuppressedPageOut(Schema):
    items = fields.List(fields.Nested(SuppressedOut))
    next_cursor = fields.String(allow_none=True)


class LimitOut(Schema):
    limit = fields.Integer()
    days = fields.Integer()
    channel = fields.Enum(Channel, by_value=True, allow_none=True)


class PolicyOut(Schema):
    """`version` is 0 while the house still goes by the rules that it came with."""

    version = fields.Integer()
    cool_down_days = fields.Integer()
    limits = fields.List(fields.Nested(LimitOut))
    since = fields.AwareDateTime(allow_none=True)


class EarlierOut(Schema):
    at = fields.AwareDateTime()
    channel = fields.Enum(Channel, by_value=True)
    by = fields.String(attribute="by_name", allow_none=True)


class AnswerOut(Schema):
    verdict = fields.Function(lambda answer: answer.verdict.value)
    reason = fields.Function(lambda answer: answer.reason.name if answer.reason else None)
    next_at = fields.AwareDateTime(allow_none=True)
    earlier = fields.Nested(EarlierOut, allow_none=True)
    holder = fields.String(allow_none=True)
