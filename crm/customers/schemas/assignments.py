"""What pages and programs say about parting customers, and what programs are told."""

from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, fields, post_load, validate

from crm.customers.models import Way
from crm.customers.services.assignments import MOST_TICKED, Share
from crm.web.schemas import InputSchema, at_most, between

MOST_REPS = 500
LARGEST = 10**7


def _territory(written: str) -> tuple[str, int] | None:
    """“7:杭州”: the region is the person's; nothing where nobody is named."""
    rep_id, mark, region = written.partition(":")
    if not mark or not rep_id.isdecimal():
        return None
    return region, int(rep_id)


class ShareIn(InputSchema[Share]):
    """A page's form; `territory` holds “person:region”."""

    command: ClassVar[type[Share]] = Share

    way = fields.Enum(Way, by_value=True, load_default=Way.EVEN)
    rep_ids = fields.List(
        fields.Integer(), load_default=(), validate=validate.Length(max=MOST_REPS)
    )
    segment_id = fields.Integer(load_default=None)
    customer_ids = fields.List(
        fields.Integer(),
        load_default=(),
        validate=validate.Length(max=MOST_TICKED, error=_l("At most {max}.")),
    )
    most_owned = fields.Integer(load_default=None, validate=between(1, LARGEST))
    territory = fields.List(fields.String(validate=at_most(100)), load_default=())
    fingerprint = fields.String(load_default="", validate=at_most(64))

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> Share:
        written = [_territory(one) for one in data.pop("territory")]
        return Share(**data, territories=dict(one for one in written if one))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareByName:
    """The same from a program, which knows public ids."""

    way: Way
    reps: list[str]
    segment: str | None
    customers: list[str]
    most_owned: int | None
    territories: dict[str, str]
    fingerprint: str


class ShareByNameIn(InputSchema[ShareByName]):
    command = ShareByName

    way = fields.Enum(Way, by_value=True, load_default=Way.EVEN)
    reps = fields.List(
        fields.String(validate=at_most(32)), required=True, validate=validate.Length(1, MOST_REPS)
    )
    segment = fields.String(load_default=None, allow_none=True, validate=at_most(32))
    customers = fields.List(
        fields.String(validate=at_most(32)),
        load_default=list,
        validate=validate.Length(max=MOST_TICKED),
    )
    most_owned = fields.Integer(load_default=None, allow_none=True, validate=between(1, LARGEST))
    territories = fields.Dict(
        keys=fields.String(validate=at_most(80)),
        values=fields.String(validate=at_most(32)),
        load_default=dict,
    )
    fingerprint = fields.String(load_default="", validate=at_most(64))


class PortionOut(Schema):
    rep = fields.String(attribute="rep.public_id")
    name = fields.String(attribute="rep.name")
    owned = fields.Integer()
    kept = fields.Integer()
    got = fields.Integer()
    after = fields.Integer()
    is_over = fields.Boolean()
    regions = fields.List(fields.String())


class PreviewOut(Schema):
    """Send the fingerprint back to do exactly this."""

    total = fields.Integer()
    moved = fields.Integer()
    kept = fields.Integer()
    left = fields.Integer()
    portions = fields.List(fields.Nested(PortionOut))
    fingerprint = fields.String()


class AssignmentOut(Schema):
    id = fields.String(attribute="public_id")
    segment = fields.String(attribute="segment_name")
    way = fields.Enum(Way, by_value=True)
    most_owned = fields.Integer(allow_none=True)
    customer_count = fields.Integer()
    moved_count = fields.Integer()
    kept_count = fields.Integer()
    left_count = fields.Integer()
    shares = fields.List(fields.Dict())
    created_at = fields.AwareDateTime()
    undone_at = fields.AwareDateTime(allow_none=True)
    undone_count = fields.Integer(allow_none=True)


class AssignmentsOut(Schema):
    items = fields.List(fields.Nested(AssignmentOut))
    next_cursor = fields.String(allow_none=True)
