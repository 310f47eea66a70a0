"""The activities' address, and how templates name a step or a target's state."""

from flask import Blueprint
from flask_babel import gettext

from crm.activities import forms, rules
from crm.activities.models import Step, TargetState

bp = Blueprint("activities", __name__, url_prefix="/activities", template_folder="../templates")


@bp.app_template_filter()
def step_name(step: Step | str) -> str:
    return gettext(rules.STEPS[Step(step)])


@bp.app_template_filter()
def target_state_name(state: str) -> str:
    return str(forms.STATES[TargetState(state)])


@bp.app_template_filter()
def held_reason_name(reason: str) -> str:
    return str(forms.HELD_REASONS.get(reason, reason))
