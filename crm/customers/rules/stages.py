"""Lifecycle stages: which one the number of orders leads to."""

from typing import Final

from crm.customers.models import Stage

#: Valid orders from which a customer is at least in this stage, highest first.
BY_ORDERS: Final[tuple[tuple[int, Stage], ...]] = (
    (5, Stage.LOYAL),
    (2, Stage.REGULAR),
    (1, Stage.NEW),
)

#: The stages that orders move a customer up through. Dormant and lost stand beside them: out of
#: these two only an order later than the move leads back.
LADDER: Final = (Stage.PROSPECT, Stage.INTERESTED, Stage.NEW, Stage.REGULAR, Stage.LOYAL)


def by_orders(stage: Stage, order_count: int, *, ordered_since: bool = False) -> Stage:
    """Where that many valid orders lead from here; never down the ladder.

    `ordered_since` tells whether the last order is later than the move into the present stage.
    """
    reached = next((to for least, to in BY_ORDERS if order_count >= least), None)
    if reached is None:
        return stage
    if stage not in LADDER:
        return reached if ordered_since else stage
    return max(stage, reached, key=LADDER.index)
