"""What pages and programs may say about tags and their groups."""

from dataclasses import dataclass
from typing import ClassVar

from marshmallow import Schema, fields

from crm.customers.models import TagColour
from crm.customers.services.tag_settings import DescribeGroup, ReviseTag
from crm.web.schemas import InputSchema, at_most, not_blank

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class MergeInto:
    into_id: int


@dataclass(frozen=True, slots=True)
class TagsAsked:
    q: str = ""
    group: int | None = None
    cursor: str | None = None


class TagEditIn(InputSchema[ReviseTag]):
    command: ClassVar[type[ReviseTag]] = ReviseTag

    name = fields.String(required=True, validate=not_blank(LONGEST_NAME))
    group_id = fields.Integer(load_default=None, allow_none=True)


class TagMergeIn(InputSchema[MergeInto]):
    command: ClassVar[type[MergeInto]] = MergeInto

    into_id = fields.Integer(required=True)


class TagGroupIn(InputSchema[DescribeGroup]):
    command: ClassVar[type[DescribeGroup]] = DescribeGroup

    name = fields.String(required=True, validate=not_blank(LONGEST_NAME))
    colour = fields.Enum(TagColour, by_value=True, load_default=TagColour.GREY)
    version = fields.Integer(load_default=None, allow_none=True)


class TagsIn(InputSchema[TagsAsked]):
    command: ClassVar[type[TagsAsked]] = TagsAsked

    q = fields.String(load_default="", validate=at_most(LONGEST_NAME))
    group = fields.Integer(load_default=None)
    cursor = fields.String(load_default=None, validate=at_most(1_000))


class TagGroupOut(Schema):
    id = fields.Integer()
    name = fields.String()
    colour = fields.Enum(TagColour, by_value=True)
    version = fields.Integer()


class TagGroupsOut(Schema):
    items = fields.List(fields.Nested(TagGroupOut))


class TagWithGroupOut(Schema):
    id = fields.Integer()
    name = fields.String()
    group = fields.Nested(TagGroupOut, allow_none=True)


class RemovalOut(Schema):
    """What a merge or a deletion took away; its id brings it back."""

    id = fields.Integer()
    name = fields.String()
    customer_count = fields.Integer()
