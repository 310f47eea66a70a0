"""What may be asked of reports, and how they look to programs."""

from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError, fields

from crm.core.errors import Invalid
from crm.reports.models import ReportKind, RunState
from crm.reports.rules import conversion
from crm.reports.services import Wanted
from crm.web.schemas import InputSchema


class Month(fields.Field[date]):
    """A month such as 2026-11, as its first day."""

    def _serialize(self, value: date | None, *_args: Any, **_kwargs: Any) -> str | None:
        return None if value is None else f"{value:%Y-%m}"

    def _deserialize(self, value: object, *_args: Any, **_kwargs: Any) -> date:
        try:
            return conversion.parse_month(value)
        except Invalid:
            raise ValidationError(_l("Not a month (write 2026-11).")) from None


class MonthIn(InputSchema[Wanted]):
    command = Wanted

    month = Month(load_default=None, metadata={"example": "2026-11"})


class RateOut(Schema):
    """`share`, `low` and `high` are fractions; null where there is nothing to divide by."""

    count = fields.Integer()
    of = fields.Integer()
    share = fields.Float(allow_none=True)
    low = fields.Float(allow_none=True)
    high = fields.Float(allow_none=True)
    reading = fields.String()


class StepOut(Schema):
    step = fields.String()
    count = fields.Integer()
    conversion = fields.Nested(RateOut, allow_none=True)


class ActivityOut(Schema):
    public_id = fields.String()
    title = fields.String()
    steps = fields.List(fields.Nested(StepOut))
    overall = fields.Nested(RateOut)


class DefinitionOut(Schema):
    id = fields.String()
    version = fields.Integer()
    name = fields.String()
    formula = fields.String()
    window = fields.String()
    inclusion = fields.List(fields.String())


class ConversionOut(Schema):
    metric = fields.Nested(DefinitionOut)
    month = Month()
    as_of = fields.Date()
    scope = fields.String()
    is_whole_month = fields.Boolean()
    steps = fields.List(fields.Nested(StepOut))
    overall = fields.Nested(RateOut)
    internal_count = fields.Integer()
    activities = fields.List(fields.Nested(ActivityOut))


class RunOut(Schema):
    public_id = fields.String()
    kind = fields.Enum(ReportKind, by_value=True)
    month = Month()
    as_of = fields.Date()
    scope = fields.String()
    locale = fields.String()
    state = fields.Enum(RunState, by_value=True)
    definition_version = fields.Integer()
    error_code = fields.String(allow_none=True)
    file_sha256 = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)


class RunsOut(Schema):
    items = fields.List(fields.Nested(RunOut))
