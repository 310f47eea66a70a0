"""How the stage rules meet HTML, and read in words."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm.core import money
from crm.customers.models import Stage, StageChange, StageReason, names
from crm.customers.rules.stages import DEFAULTS, StageTerms
from crm.customers.schemas.stages import RulesIn
from crm.customers.services.lifecycle import NewRules
from crm.web import filters
from crm.web.forms import Form

REASONS: Mapping[StageReason, Any] = {
    StageReason.IMPORT: _l("By import"),
    StageReason.ORDERS: _l("By orders"),
    StageReason.BY_HAND: _l("By hand"),
    StageReason.SILENCE: _l("After a long silence"),
    StageReason.CONTACT: _l("By a contact"),
    StageReason.RULES: _l("The rules were changed"),
    StageReason.MERGE: _l("By a merge"),
}


class RulesForm(Form[NewRules]):
    schema = RulesIn
    labels: ClassVar[Mapping[str, Any]] = {
        "interested_by_contact": _l(
            "A contact in which the customer answers makes a prospect interested"
        ),
        "regular_orders": _l("Regular customer from this many orders on"),
        "loyal_orders": _l("Loyal customer from this many orders on"),
        "loyal_amount": _l("Or from this amount bought on"),
        "dormant_days": _l("Dormant after so many days of silence"),
        "lost_days": _l("Lost after so many days of silence"),
        "held_days": _l("A stage chosen by hand stands for so many days"),
    }


def starting_values(terms: StageTerms) -> dict[str, Any]:
    values = {name: getattr(terms, name) for name in NewRules.__dataclass_fields__}
    amount = values.pop("loyal_amount_fen")
    return values | {
        "loyal_amount": "" if amount is None else money.plain_text(amount),
        "interested_by_contact": "true" if terms.interested_by_contact else "",
    }


def in_words(terms: StageTerms) -> Sequence[tuple[Stage, str, str]]:
    """Each stage with its name and its rule as a sentence that anybody can read."""
    return [(stage, _(names.STAGES[stage]), sentence(stage, terms)) for stage in Stage]


def sentence(stage: Stage, terms: StageTerms) -> str:
    """What leads to this stage."""
    silence = _(
        "Neither an order nor a real contact for more than %(days)s days.",
        days=terms.lost_days if stage is Stage.LOST else terms.dormant_days,
    )
    return {
        Stage.PROSPECT: _("Everybody who is new here and has not bought yet."),
        Stage.INTERESTED: _("A prospect who has answered in a contact.")
        if terms.interested_by_contact
        else _("Only by hand."),
        Stage.NEW: _("The first valid order."),
        Stage.REGULAR: _("%(num)s valid orders or more.", num=terms.regular_orders),
        Stage.LOYAL: _loyal(terms),
        Stage.DORMANT: silence,
        Stage.LOST: silence,
    }[stage]


def why(change: StageChange, versions: Mapping[int, StageTerms]) -> str:
    """The reason of a move, with the rule as it read then."""
    reason = str(REASONS[change.reason])
    if change.reason in {StageReason.IMPORT, StageReason.BY_HAND} or change.before is None:
        return reason
    terms = versions.get(change.rules_id or 0, DEFAULTS)
    if change.after is Stage.PROSPECT:
        return _("%(reason)s: the contact was taken back", reason=reason)
    return _("%(reason)s: %(rule)s", reason=reason, rule=sentence(change.after, terms))


def _loyal(terms: StageTerms) -> str:
    orders = ngettext(
        "%(num)d valid order or more", "%(num)d valid orders or more", terms.loyal_orders
    )
    if terms.loyal_amount_fen is None:
        return _("%(orders)s.", orders=orders)
    amount = filters.money(terms.loyal_amount_fen)
    return _("%(orders)s, or %(amount)s bought in all.", orders=orders, amount=amount)
