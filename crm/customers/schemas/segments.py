"""What pages and programs may say about segments, and what programs are told."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from marshmallow import Schema, fields
from marshmallow.validate import Range

from crm.customers.models import Stage
from crm.customers.services.segments import Describe, Revise
from crm.web.schemas import InputSchema, at_most, no_controls, not_blank

LONGEST_DESCRIPTION = 500


@dataclass(frozen=True, slots=True)
class Ask:
    """A rule to try without keeping it."""

    rule: Any


@dataclass(frozen=True, slots=True)
class PageOf:
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class SinceDay:
    since: date


class SegmentIn(InputSchema[Describe]):
    command: ClassVar[type[Describe]] = Describe

    name = fields.String(required=True, validate=not_blank(120))
    description = fields.String(
        load_default="", validate=[no_controls, at_most(LONGEST_DESCRIPTION)]
    )
    rule = fields.Raw(required=True, metadata={"type": "object"})


@dataclass(frozen=True, slots=True)
class Patch:
    """What a program changes; `version` may come as If-Match instead."""

    version: int | None = None
    name: str | None = None
    description: str | None = None
    rule: Any = None
    even_in_use: bool = False

    def of_version(self, version: int) -> Revise:
        return Revise(version, self.name, self.rule, self.description, self.even_in_use)


class SegmentEditIn(InputSchema[Revise]):
    command: ClassVar[type[Revise]] = Revise

    version = fields.Integer(required=True)
    name = fields.String(validate=not_blank(120))
    description = fields.String(validate=[no_controls, at_most(LONGEST_DESCRIPTION)])
    rule = fields.Raw(metadata={"type": "object"})
    even_in_use = fields.Boolean(load_default=False)


class SegmentPatchIn(InputSchema[Patch]):
    """Only what is sent is changed."""

    command: ClassVar[type[Patch]] = Patch

    version = fields.Integer()
    name = fields.String(validate=not_blank(120))
    description = fields.String(validate=[no_controls, at_most(LONGEST_DESCRIPTION)])
    rule = fields.Raw(metadata={"type": "object"})
    even_in_use = fields.Boolean(load_default=False)


class RuleIn(InputSchema[Ask]):
    command: ClassVar[type[Ask]] = Ask

    rule = fields.Raw(required=True, metadata={"type": "object"})


class MembersIn(InputSchema[PageOf]):
    command: ClassVar[type[PageOf]] = PageOf

    cursor = fields.String(load_default=None, validate=at_most(500))


class SegmentMovesIn(InputSchema[SinceDay]):
    command: ClassVar[type[SinceDay]] = SinceDay

    since = fields.Date(required=True, validate=Range(min=date(2000, 1, 1), max=date(2199, 1, 1)))


class SegmentOut(Schema):
    id = fields.String(attribute="public_id")
    name = fields.String()
    description = fields.String()
    rule = fields.Raw()
    version = fields.Integer()
    counted_at = fields.AwareDateTime(allow_none=True)
    tracked_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


class SegmentsOut(Schema):
    items = fields.List(fields.Nested(SegmentOut))
    next_cursor = fields.String(allow_none=True)


class CountOut(Schema):
    """Within what the token's owner may see."""

    count = fields.Integer(attribute="total")
    everybody = fields.Integer()
    stages = fields.Function(
        lambda counted: [{"stage": one.value, "count": n} for one, n in counted.by_stage]
    )


class SegmentMovesOut(Schema):
    """Counts; `tracked_at` of the segment is when it was last looked at."""

    came = fields.Integer()
    left = fields.Integer()


class MemberOut(Schema):
    id = fields.String(attribute="public_id")
    title = fields.String()
    stage = fields.Enum(Stage, by_value=True)


class MembersOut(Schema):
    items = fields.List(fields.Nested(MemberOut))
    next_cursor = fields.String(allow_none=True)
