"""The one description of follow-ups' input and output, for browser and program."""

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError, fields, validates_schema

from crm.activities.models import Step
from crm.customers.models import Channel
from crm.followups.models import Outcome
from crm.followups.services import Log, Plan
from crm.web.schemas import CompanyDateTime, InputSchema, at_most, between, no_controls

NOTE, PURPOSE, REASON = 5_000, 200, 500
MOST = 200  # of a list's page


class PlanIn(InputSchema[Plan]):
    command = Plan

    customer_id = fields.Integer(required=True)
    due_at = CompanyDateTime(required=True)
    purpose = fields.String(load_default="", validate=[at_most(PURPOSE), no_controls])
    activity_id = fields.Integer(load_default=None, allow_none=True)
    override_reason = fields.String(load_default="", validate=[at_most(REASON), no_controls])


class LogIn(InputSchema[Log]):
    command = Log

    customer_id = fields.Integer(required=True)
    followup_id = fields.Integer(load_default=None, allow_none=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    outcome = fields.Enum(Outcome, by_value=True, required=True)
    note = fields.String(load_default="", validate=[at_most(NOTE), no_controls])
    contacted_at = CompanyDateTime(load_default=None, allow_none=True)
    next_at = CompanyDateTime(load_default=None, allow_none=True)
    next_purpose = fields.String(load_default="", validate=[at_most(PURPOSE), no_controls])
    is_inbound = fields.Boolean(load_default=False)
    override_reason = fields.String(load_default="", validate=[at_most(REASON), no_controls])

    @validates_schema
    def next_needs_a_date(self, data: dict[str, object], **_options: object) -> None:
        if data.get("next_purpose") and not data.get("next_at"):
            raise ValidationError(_l("Say when, or leave the next step empty."), "next_at")


class DueIn(Schema):
    due_at = CompanyDateTime(required=True)
    version = fields.Integer(load_default=None, allow_none=True)


class OwnerIn(Schema):
    owner_id = fields.Integer(required=True)


class FollowUpOut(Schema):
    id = fields.Integer()
    customer_id = fields.Integer()
    owner_id = fields.Integer()
    activity_id = fields.Integer(allow_none=True)
    step = fields.Enum(Step, by_value=True, allow_none=True)
    due_at = fields.AwareDateTime()
    purpose = fields.String()
    channel = fields.Enum(Channel, by_value=True, allow_none=True)
    outcome = fields.Enum(Outcome, by_value=True, allow_none=True)
    note = fields.String()
    contacted_at = fields.AwareDateTime(allow_none=True)
    completed_at = fields.AwareDateTime(allow_none=True)
    cancelled_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer()


class ListQuery(Schema):
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=50, validate=between(1, MOST))
    customer_id = fields.Integer(load_default=None)
    is_open = fields.Boolean(load_default=None)
