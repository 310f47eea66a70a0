"""What orders say about a customer beside all others: RFM scores and the usual rhythm."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model


class CustomerScores(Model):
    """A customer's RFM scores (metrics.md) and usual rhythm, computed by a daily job.

    A score is a place among everybody, so one customer's order moves others too; within a day
    nothing changes. Customers without a valid order have no row.

    `recency`, `frequency`, `monetary` go from 1 to 5; empty without an order in the last twelve
    months, and with fewer than 50 customers to compare. `gap_days` is the mean number of days
    between orders (empty with one), `next_order_at` the last order plus that.
    """

    __tablename__ = "customer_scores"

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    recency: Mapped[int | None]
    frequency: Mapped[int | None]
    monetary: Mapped[int | None]
    gap_days: Mapped[int | None]
    next_order_at: Mapped[datetime | None]
    computed_at: Mapped[datetime]
