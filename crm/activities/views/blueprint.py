"""The activities' address, and how templates name a step."""

from flask import Blueprint
from flask_babel import gettext

from crm.activities import rules
from crm.activities.models import Step

bp = Blueprint("activities", __name__, url_prefix="/activities", template_folder="../templates")


@bp.app_template_filter()
def step_name(step: Step | str) -> str:
    return gettext(rules.STEPS[Step(step)])
