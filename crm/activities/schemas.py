"""What people and programs may say about activities, and what programs are told."""

from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, fields, validate

from crm.activities.models import GoalKind, LoopStage, TargetState
from crm.activities.rules import METRICS
from crm.activities.services.planning import Draft, GoalDraft, PlanDraft
from crm.web.schemas import InputSchema, at_most, between, no_controls, not_blank, one_of

LARGEST = 10**11


@dataclass(frozen=True, slots=True)
class Return:
    """Back to which stage, and why."""

    stage: LoopStage
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TargetsAsked:
    """Which targets of an activity, and where the page begins."""

    step: int | None = None
    state: TargetState | None = None
    scope: str = ""
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a page of the list begins."""

    cursor: str | None = None


class ActivitiesIn(InputSchema[Listed]):
    command: ClassVar[type[Listed]] = Listed

    cursor = fields.String(load_default=None, validate=at_most(1_000))


class ActivityIn(InputSchema[Draft]):
    command: ClassVar[type[Draft]] = Draft

    title = fields.String(required=True, validate=not_blank(120))
    purpose = fields.String(load_default="", validate=[no_controls, at_most(2_000)])
    owner_id = fields.Integer(load_default=None, allow_none=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    version = fields.Integer(load_default=None, allow_none=True)


def _figure(**options: Any) -> fields.Decimal:
    return fields.Decimal(
        places=4,
        validate=validate.Range(-LARGEST, LARGEST, error=_l("Too large.")),
        **options,
    )


class GoalIn(InputSchema[GoalDraft]):
    command: ClassVar[type[GoalDraft]] = GoalDraft

    metric = fields.String(required=True, validate=one_of(tuple(METRICS)))
    target = _figure(required=True)
    kind = fields.Enum(GoalKind, by_value=True, load_default=GoalKind.MAIN)
    label = fields.String(load_default="", validate=[no_controls, at_most(120)])
    baseline = _figure(load_default=None, allow_none=True)
    unit = fields.String(load_default="", validate=[no_controls, at_most(20)])
    parent_id = fields.Integer(load_default=None, allow_none=True)
    period_starts_on = fields.Date(load_default=None, allow_none=True)
    period_ends_on = fields.Date(load_default=None, allow_none=True)


class ActivityPlanIn(InputSchema[PlanDraft]):
    command: ClassVar[type[PlanDraft]] = PlanDraft

    segment_id = fields.Integer(required=True)
    priority = fields.Integer(load_default=1, validate=between(1, 99))


class ReturnIn(InputSchema[Return]):
    command: ClassVar[type[Return]] = Return

    stage = fields.Enum(LoopStage, by_value=True, required=True)
    reason = fields.String(required=True, validate=not_blank(500))


class TargetsIn(InputSchema[TargetsAsked]):
    command: ClassVar[type[TargetsAsked]] = TargetsAsked

    step = fields.Integer(load_default=None, validate=between(0, 4))
    state = fields.Enum(TargetState, by_value=True, load_default=None)
    scope = fields.String(load_default="", validate=one_of(("", "mine", "all")))
    cursor = fields.String(load_default=None, validate=at_most(1_000))


class SalesActivityOut(Schema):
    id = fields.String(attribute="public_id")
    title = fields.String()
    purpose = fields.String()
    stage = fields.Enum(LoopStage, by_value=True)
    starts_on = fields.Date()
    ends_on = fields.Date()
    owner = fields.Function(lambda activity: activity.owner.name)
    launched_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer()


class ActivitiesOut(Schema):
    items = fields.List(fields.Nested(SalesActivityOut))
    next_cursor = fields.String(allow_none=True)


class GoalOut(Schema):
    id = fields.Integer()
    parent_id = fields.Integer(allow_none=True)
    kind = fields.Enum(GoalKind, by_value=True)
    metric = fields.String()
    label = fields.String()
    baseline = fields.Decimal(as_string=True, allow_none=True)
    target = fields.Decimal(as_string=True)
    unit = fields.String()
    period_starts_on = fields.Date()
    period_ends_on = fields.Date()


class ActivityPlanOut(Schema):
    id = fields.Integer()
    segment_id = fields.Integer()
    priority = fields.Integer()


class GoalsOut(Schema):
    items = fields.List(fields.Nested(GoalOut))


class ActivityPlansOut(Schema):
    items = fields.List(fields.Nested(ActivityPlanOut))


class TargetOut(Schema):
    id = fields.Integer()
    customer = fields.Function(lambda target: target.customer.public_id)
    name = fields.Function(lambda target: target.customer.title)
    state = fields.Enum(TargetState, by_value=True)
    held_reason = fields.String(allow_none=True)
    held_until = fields.AwareDateTime(allow_none=True)
    furthest_step = fields.Integer()


class TargetsOut(Schema):
    items = fields.List(fields.Nested(TargetOut))
    next_cursor = fields.String(allow_none=True)
