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
