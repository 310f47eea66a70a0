"""How a deal meets HTML."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm.core import money
from crm.customers.models import Opportunity, OpportunityStage, names
from crm.customers.queries.opportunities import Which
from crm.customers.schemas.opportunities import Asked, CloseIn, DealEditIn, DealIn, DealsIn
from crm.customers.services.opportunities import Close, Deal
from crm.web.forms import Form

STAGES: Mapping[OpportunityStage, Any] = {
    stage: _l(name) for stage, name in names.OPPORTUNITY_STAGES.items()
}
TONES = {OpportunityStage.WON: "pine", OpportunityStage.LOST: "red"}
TABS = {
    Which.OPEN: _l("Open"),
    Which.WON: _l("Won"),
    Which.LOST: _l("Lost"),
    Which.ALL: _l("All"),
}
SORTS = {
    "expected": _l("Expected close"),
    "entered": _l("Entered"),
    "amount": _l("Amount"),
    "created": _l("Record made"),
}


class DealForm(Form[Deal]):
    schema = DealIn
    labels: ClassVar[Mapping[str, Any]] = {
        "title": _l("What it is about"),
        "stage": _l("Deal stage"),
        "amount": _l("Amount"),
        "product": _l("Product"),
        "entered_on": _l("Entered"),
        "expected_on": _l("Expected close"),
        "closed_on": _l("Closed"),
        "lost_reason": _l("Why it was lost"),
    }


class DealEditForm(DealForm):
    schema = DealEditIn


class CloseForm(Form[Close]):
    schema = CloseIn


class DealsForm(Form[Asked]):
    schema = DealsIn


def stage_choices() -> list[tuple[str, Any]]:
    return [(stage.value, label) for stage, label in STAGES.items()]


def starting_values(deal: Opportunity) -> dict[str, Any]:
    kept = ("title", "product", "entered_on", "expected_on", "closed_on", "lost_reason", "version")
    return {name: getattr(deal, name) for name in kept} | {
        "stage": deal.stage.value,
        "amount": money.plain_text(deal.amount_fen),
    }


def happened(details: Mapping[str, Any]) -> tuple[str, str]:
    """A line of the timeline: the title, and what became of it."""
    stage = OpportunityStage(str(details["stage"]))
    title = _("Opportunity: %(title)s", title=details.get("title", ""))
    text = _("New, %(stage)s", stage=STAGES[stage]) if details.get("is_new") else str(STAGES[stage])
    reason = str(details.get("reason", ""))
    return title, f"{text}: {reason}" if reason else text
