"""What customers bought, and the totals kept beside their records."""

import enum
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Fen, Model, PrimaryKey, enum_type
from crm.customers.models.customer import Customer


class OrderStatus(enum.Enum):
    """Only `paid` (and `completed`) orders are valid orders in the metrics (metrics.md G4)."""

    DRAFT = "draft"
    UNPAID = "unpaid"
    PAID = "paid"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    VOID = "void"


class Order(Model):
    """An order, known by its source and number. The customer may be unknown.

    `amount_fen` is the sum before refunds, `refunded_fen` what was given back since.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("source", "number"),
        Index(None, "customer_id", "ordered_at"),
        Index(None, "ordered_at", "id"),
        CheckConstraint("refunded_fen >= 0", name="refunded_not_negative"),
    )

    id: Mapped[PrimaryKey]
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    source: Mapped[str] = mapped_column(String(80))
    number: Mapped[str] = mapped_column(String(100))
    status: Mapped[OrderStatus] = mapped_column(enum_type(OrderStatus))
    currency: Mapped[str] = mapped_column(String(3))
    amount_fen: Mapped[Fen]
    refunded_fen: Mapped[Fen] = mapped_column(default=0)
    channel: Mapped[str] = mapped_column(String(80), default="")
    ordered_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    customer: Mapped[Customer | None] = relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class OrderLine(Model):
    """One line as the source had it; `unit_price` keeps more digits than money has.

    Every line of the source is kept; the order's amount is the sum of its lines (docs/imports.md).
    """

    __tablename__ = "order_lines"
    __table_args__ = (UniqueConstraint("order_id", "line_no"), Index(None, "product_code"))

    id: Mapped[PrimaryKey]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    line_no: Mapped[int]
    product_code: Mapped[str] = mapped_column(String(100), default="")
    product_name: Mapped[str] = mapped_column(String(200), default="")
    quantity: Mapped[Decimal] = mapped_column(Numeric(14, 3))
    unit_price: Mapped[Decimal] = mapped_column(Numeric(16, 4))
    amount_milli: Mapped[Fen]  # quantity × price in thousandths, so that sums stay exact


class Refund(Model):
    """Money given back for one order; known by its number within the order."""

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
    )

    id: Mapped[PrimaryKey]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(100), default="")
    amount_fen: Mapped[Fen]
    refunded_at: Mapped[datetime]


class CustomerStats(Model):
    """Totals over a customer's valid orders; recomputed for those touched, never added to."""

    __tablename__ = "customer_stats"
    __table_args__ = (
        Index(None, "amount_fen", "customer_id"),
        Index(None, "order_count", "customer_id"),
        Index(None, "last_order_at", "customer_id"),
    )

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    order_count: Mapped[int] = mapped_column(default=0)
    amount_fen: Mapped[Fen] = mapped_column(default=0)
    first_order_at: Mapped[datetime | None]
    last_order_at: Mapped[datetime | None]
