"""Lifecycle stages: the numbers in every rule, and which stages orders lead through."""

from dataclasses import dataclass
from typing import Final

from crm.customers.models import Stage

#: The stages that orders move a customer up through. Dormant and lost stand beside them: out of
#: these two only an order later than the move leads back.
LADDER: Final = (Stage.PROSPECT, Stage.INTERESTED, Stage.NEW, Stage.REGULAR, Stage.LOYAL)
#: Those that a number of orders leads to, highest first.
BY_ORDERS: Final = (Stage.LOYAL, Stage.REGULAR, Stage.NEW)
#: Those that silence moves out of; a prospect was never heard of, so silence says nothing.
AWAKE: Final = (Stage.INTERESTED, Stage.NEW, Stage.REGULAR, Stage.LOYAL)
ASLEEP: Final = (Stage.DORMANT, Stage.LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTerms:
    """One version of the rules. `id` is its row; None are the rules that we start with."""

    interested_by_contact: bool
    regular_orders: int
    loyal_orders: int
    loyal_amount_fen: int | None
    dormant_days: int
    lost_days: int
    held_days: int
    id: int | None = None


DEFAULTS: Final = StageTerms(
    interested_by_contact=True,
    regular_orders=2,
    loyal_orders=5,
    loyal_amount_fen=None,
    dormant_days=180,
    lost_days=365,
    held_days=90,
)
