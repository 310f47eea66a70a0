"""How parting customers meets HTML."""

from typing import Any

from flask_babel import lazy_gettext as _l

from crm.customers.models import Way
from crm.customers.schemas.assignments import ShareIn
from crm.customers.services.assignments import Share
from crm.web.forms import Form

#: Value, label, and what it means in a sentence.
WAYS: list[tuple[Way, Any, Any]] = [
    (
        Way.EVEN,
        _l("Evenly"),
        _l("Everybody gets the same number. Who has some of them keeps them."),
    ),
    (
        Way.REGION,
        _l("By region"),
        _l("Each region goes to one person: whoever has most customers there already."),
    ),
    (
        Way.OWNER,
        _l("Keep the owners"),
        _l("Owners keep theirs; those without an owner, or whose owner has left, are handed out."),
    ),
    (
        Way.LOAD,
        _l("By customers owned"),
        _l("Whoever has fewest customers gets most, until all have the same."),
    ),
    (
        Way.CONTACTS,
        _l("By planned contacts"),
        _l("Whoever has fewest planned contacts gets most."),
    ),
]


class ShareForm(Form[Share]):
    schema = ShareIn
