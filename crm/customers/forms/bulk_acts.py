"""How acts on many customers meet HTML."""

from flask_babel import lazy_gettext as _l

from crm.customers.models import BulkKind
from crm.customers.schemas.bulk_acts import AskMany, BulkFormIn
from crm.web.forms import Form

KINDS = {
    BulkKind.TAG_ON: _l("Put a tag on"),
    BulkKind.TAG_OFF: _l("Take a tag off"),
    BulkKind.OWNER: _l("Hand over"),
    BulkKind.STAGE: _l("Change stage"),
}


class BulkForm(Form[AskMany]):
    schema = BulkFormIn
