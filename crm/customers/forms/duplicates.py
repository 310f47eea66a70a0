"""How suggested duplicates are called on a page."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from crm.customers.models import KeyKind
from crm.customers.rules.duplicates import Confidence, Reason
from crm.customers.schemas.duplicates import Asked, AskedIn, Chosen, ChosenIn
from crm.web.forms import Form

REASONS: Mapping[Reason, Any] = {
    Reason.PHONE: _l("Same phone"),
    Reason.EMAIL: _l("Same e-mail"),
    Reason.PHONE_TAIL: _l("Same phone but for the country"),
    Reason.NAME_COMPANY: _l("Same name and company"),
    Reason.SOUND_COMPANY: _l("Name sounds alike, same company"),
    Reason.NAME_PLACE: _l("Same name and region"),
    Reason.SOUND_PLACE: _l("Name sounds alike, same region"),
    Reason.NAME: _l("Same name"),
}
CONFIDENCES: Mapping[Confidence, tuple[Any, str]] = {
    Confidence.CERTAIN: (_l("Certain"), "red"),
    Confidence.LIKELY: (_l("Likely"), "amber"),
    Confidence.POSSIBLE: (_l("Possible"), ""),
}
CROWDS: Mapping[KeyKind, Any] = {
    KeyKind.PHONE: _l("Phone"),
    KeyKind.EMAIL: _l("E-mail address"),
    KeyKind.NAME_COMPANY: _l("Name and company"),
    KeyKind.NAME_PLACE: _l("Name and region"),
    KeyKind.NAME: _l("Name"),
}


class ListForm(Form[Asked]):
    schema = AskedIn


class ChosenForm(Form[Chosen]):
    schema = ChosenIn
