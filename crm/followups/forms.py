"""How follow-ups' schemas meet HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from crm.customers.models import Channel, names
from crm.followups import models
from crm.followups.schemas import LogIn, PlanIn
from crm.followups.services import Log, Plan
from crm.web.forms import Form

_ICONS: Mapping[Channel, str] = {
    Channel.PHONE: "phone",
    Channel.WECHAT: "brand-wechat",
    Channel.VISIT: "map-pin",
    Channel.EMAIL: "mail",
    Channel.SMS: "message",
}
#: (value, name, icon) and (value, name), as the drawer offers them.
CHANNELS: Sequence[tuple[str, Any, str]] = [
    (channel.value, _l(name), _ICONS[channel]) for channel, name in names.CHANNELS.items()
]
OUTCOMES: Sequence[tuple[str, Any]] = [
    (outcome.value, _l(name)) for outcome, name in models.OUTCOMES.items()
]


class LogForm(Form[Log]):
    schema = LogIn


class PlanForm(Form[Plan]):
    schema = PlanIn
