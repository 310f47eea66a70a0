"""What pages and programs may say about acts on many customers, and what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from marshmallow import Schema, fields, validate

from crm.customers.models import BulkKind, Stage
from crm.customers.queries.listing import Filters
from crm.customers.schemas.customers import FiltersIn
from crm.customers.services.bulk_acts import MOST_TICKED
from crm.web.schemas import InputSchema, at_most, no_controls

POOL = "pool"


@dataclass(frozen=True, slots=True)
class AskMany:
    """A form's or a program's wish; `owner` is an id, or "pool"."""

    kind: BulkKind
    tag: str = ""
    owner: str = ""
    stage: Stage | None = None
    expected: int | None = None
    customer_ids: Sequence[int] = ()
    list: str = ""
    whole: bool = False
    customers: Sequence[str] = ()
    filters: Filters | None = None


class _Act(InputSchema[AskMany]):
    command: ClassVar[type[AskMany]] = AskMany

    kind = fields.Enum(BulkKind, by_value=True, required=True)
    tag = fields.String(load_default="", validate=[no_controls, at_most(60)])
    owner = fields.String(load_default="", validate=at_most(32))
    stage = fields.Enum(Stage, by_value=True, load_default=None, allow_none=True)
    expected = fields.Integer(load_default=None, allow_none=True)


class BulkFormIn(_Act):
    customer_ids = fields.List(
        fields.Integer(), load_default=(), validate=validate.Length(max=MOST_TICKED)
    )
    list = fields.String(load_default="", validate=at_most(8_000))
    whole = fields.Boolean(load_default=False)


class BulkIn(_Act):
    """`customers` by id, or `filters` for everybody they mean; `owner` an id or "pool"."""

    customers = fields.List(
        fields.String(validate=at_most(32)),
        load_default=(),
        validate=validate.Length(max=MOST_TICKED),
    )
    filters = fields.Nested(FiltersIn, load_default=None)


class BulkPreviewOut(Schema):
    meant = fields.Integer()
    allowed = fields.Integer()
    changing = fields.Integer()


class BulkOut(Schema):
    id = fields.String(attribute="public_id")
    kind = fields.Enum(BulkKind, by_value=True)
    customer_count = fields.Integer()
    created_at = fields.AwareDateTime()
    undone_at = fields.AwareDateTime(allow_none=True)
    undone_count = fields.Integer(allow_none=True)
