"""How the pool's rules meet HTML, and read in words."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm.customers.rules.pool import WARNED_DAYS, PoolTerms
from crm.customers.schemas.pool import PoolRulesIn, Release, ReleaseIn
from crm.customers.services.pool import PoolRules
from crm.web.forms import Form


class PoolRulesForm(Form[PoolRules]):
    schema = PoolRulesIn
    labels: ClassVar[Mapping[str, Any]] = {
        "most_owned": _l("At most this many customers for one rep"),
        "claims_a_day": _l("At most this many taken from the pool in one day"),
        "return_after_days": _l("Back to the pool after so many days without a contact"),
        "cool_down_days": _l("Days before the same rep may take it again"),
    }


class ReleaseForm(Form[Release]):
    schema = ReleaseIn


def starting_values(terms: PoolTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in PoolRules.__dataclass_fields__}


def in_words(terms: PoolTerms) -> Sequence[str]:
    """Each rule as a sentence that anybody can read."""
    found = [
        ngettext(
            "A rep takes customers from the pool as long as he has fewer than %(num)d.",
            "A rep takes customers from the pool as long as he has fewer than %(num)d.",
            terms.most_owned,
        )
        if terms.most_owned
        else _("A rep may have any number of customers."),
        ngettext(
            "A rep takes at most %(num)d customer a day.",
            "A rep takes at most %(num)d customers a day.",
            terms.claims_a_day,
        )
        if terms.claims_a_day
        else _("A rep takes any number of customers a day."),
        ngettext(
            "After %(num)d day without a real contact a customer goes back to the pool by itself;"
            " the owner sees the days left from %(warned)s days on.",
            "After %(num)d days without a real contact a customer goes back to the pool by itself;"
            " the owner sees the days left from %(warned)s days on.",
            terms.return_after_days,
            warned=WARNED_DAYS,
        )
        if terms.return_after_days
        else _("No customer goes back to the pool by itself."),
    ]
    if terms.cool_down_days:
        found.append(
            ngettext(
                "Who let a customer go may take it again after %(num)d day; others at once.",
                "Who let a customer go may take it again after %(num)d days; others at once.",
                terms.cool_down_days,
            )
        )
    return found
