"""How follow-ups' schemas meet HTML."""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from crm.activities.models import Step
from crm.customers.models import Channel
from crm.followups.models import Outcome
from crm.followups.schemas import LogIn, PlanIn
from crm.followups.services import Log, Plan
from crm.web.forms import Form

CHANNELS: Sequence[tuple[str, Any, str]] = (
    (Channel.PHONE.value, _l("Call"), "phone"),
    (Channel.WECHAT.value, _l("WeChat"), "brand-wechat"),
    (Channel.VISIT.value, _l("Visit"), "map-pin"),
    (Channel.EMAIL.value, _l("E-mail"), "mail"),
    (Channel.SMS.value, _l("Text message"), "message"),
)
OUTCOMES: Sequence[tuple[str, Any]] = (
    (Outcome.REACHED.value, _l("Talked")),
    (Outcome.INTERESTED.value, _l("Interested")),
    (Outcome.INVITED.value, _l("Invited")),
    (Outcome.REVISITED.value, _l("Revisited")),
    (Outcome.DEAL.value, _l("Deal")),
    (Outcome.NO_ANSWER.value, _l("No answer")),
    (Outcome.REFUSED.value, _l("Refused")),
)
STEP_LABELS: dict[Step, Any] = {
    Step.TALK: _l("Talk"),
    Step.INVITE: _l("Invite"),
    Step.REVISIT: _l("Revisit"),
    Step.DEAL: _l("Deal"),
}
CHANNEL_LABELS = {value: label for value, label, _icon in CHANNELS}
OUTCOME_LABELS = dict(OUTCOMES)


class LogForm(Form[Log]):
    schema = LogIn


class PlanForm(Form[Plan]):
    schema = PlanIn
