"""How activities look in forms and figures: labels, choices, starting values."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm.activities import rules
from crm.activities.models import Activity, Goal, GoalKind, LoopStage, Step, TargetState
from crm.activities.schemas import (
    ActivityIn,
    ActivityPlanIn,
    GoalIn,
    Return,
    ReturnIn,
    TargetsAsked,
    TargetsIn,
)
from crm.activities.services.planning import Draft, GoalDraft, PlanDraft
from crm.customers.models import Segment
from crm.outreach.rules import REASONS
from crm.users.models import User
from crm.web import filters
from crm.web.forms import Form

STAGES: dict[LoopStage, tuple[Any, str]] = {
    LoopStage.GOAL: (_l("Goal"), "target"),
    LoopStage.STRATEGY: (_l("Strategy"), "route"),
    LoopStage.RESOURCES: (_l("Resources"), "package"),
    LoopStage.EXECUTION: (_l("Execution"), "player-play"),
    LoopStage.REVIEW: (_l("Review"), "refresh"),
}
STEPS: dict[Step, Any] = {step: _l(name) for step, name in rules.STEPS.items()}
STATES: dict[TargetState, Any] = {
    TargetState.WAITING: _l("Waiting to be planned"),
    TargetState.PLANNED: _l("Contact planned"),
    TargetState.HELD: _l("Held"),
    TargetState.EXCLUDED: _l("Not contacted"),
}
KINDS: dict[GoalKind, Any] = {
    GoalKind.MAIN: _l("Main goal"),
    GoalKind.GUARDRAIL: _l("Guardrail"),
}
#: Why a target is held or left out, by the code that is stored with it.
HELD_REASONS: dict[str, Any] = {
    **{reason.code: _l(name) for reason, name in REASONS.items()},
    "followups.no_owner": _l("No owner"),
    "followups.open_elsewhere": _l("Planned elsewhere"),
}


class ActivityForm(Form[Draft]):
    schema = ActivityIn
    labels: ClassVar[dict[str, Any]] = {
        "title": _l("Title"),
        "purpose": _l("Purpose"),
        "owner_id": _l("Run by"),
        "starts_on": _l("First day"),
        "ends_on": _l("Last day"),
    }


class GoalForm(Form[GoalDraft]):
    schema = GoalIn
    labels: ClassVar[dict[str, Any]] = {
        "metric": _l("Metric"),
        "target": _l("Target"),
        "kind": _l("Kind"),
        "label": _l("Note"),
        "baseline": _l("Baseline"),
        "parent_id": _l("Part of"),
    }


class PlanForm(Form[PlanDraft]):
    schema = ActivityPlanIn
    labels: ClassVar[dict[str, Any]] = {
        "segment_id": _l("Segment"),
        "priority": _l("Priority"),
    }


class ReturnForm(Form[Return]):
    schema = ReturnIn
    labels: ClassVar[dict[str, Any]] = {"stage": _l("Back to"), "reason": _l("Reason")}


class TargetsForm(Form[TargetsAsked]):
    schema = TargetsIn


def activity_choices(people: Sequence[User]) -> dict[str, Sequence[tuple[str, Any]]]:
    return {"owner_id": [(str(person.id), person.name) for person in people]}


def starting_values(activity: Activity) -> dict[str, Any]:
    names = ("title", "purpose", "owner_id", "starts_on", "ends_on", "version")
    return {name: getattr(activity, name) for name in names}


def goal_choices(goals: Sequence[Goal]) -> dict[str, Sequence[tuple[str, Any]]]:
    parents = [(str(goal.id), goal_title(goal)) for goal in goals if goal.parent_id is None]
    return {
        "metric": [(key, _(metric.label)) for key, metric in rules.METRICS.items()],
        "kind": [(kind.value, label) for kind, label in KINDS.items()],
        "parent_id": [("", _("Nothing, it stands alone")), *parents],
    }


def plan_choices(segments: Sequence[Segment]) -> dict[str, Sequence[tuple[str, Any]]]:
    return {"segment_id": [(str(segment.id), segment.name) for segment in segments]}


def goal_title(goal: Goal) -> str:
    """The metric, or the name that people gave it."""
    metric = rules.METRICS.get(goal.metric)
    return goal.label or (_(metric.label) if metric else goal.metric)


def figure(value: Decimal | None, unit: str) -> str:
    """A goal's figure with its unit: ¥600,000, 24%, 140."""
    if value is None:
        return filters.DASH
    plain = value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
    if unit == "yuan":
        return filters.money(int((value * 100).to_integral_value()))
    if unit == "percent":
        return f"{filters.number(round(plain, 2))}%"
    shown = filters.number(plain)
    return shown if unit in {"", "count"} else f"{shown} {unit}"
