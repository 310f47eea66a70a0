"""Deals under way with a customer."""

import enum
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Fen, Model, PrimaryKey, PublicId, enum_type
from crm.customers.models.customer import Customer
from crm.users.models import User


class OpportunityStage(enum.Enum):
    """A closed list: the first four are open, the last two are the end."""

    CONTACT = "contact"
    NEEDS = "needs"
    QUOTE = "quote"
    NEGOTIATION = "negotiation"
    WON = "won"
    LOST = "lost"

    @property
    def is_open(self) -> bool:
        return self not in _CLOSED


_CLOSED = (OpportunityStage.WON, OpportunityStage.LOST)


class Opportunity(Model):
    """A deal that may come. One from another system is known by its source and number."""

    __tablename__ = "opportunities"
    __table_args__ = (
        UniqueConstraint("source", "number"),
        Index(None, "customer_id", "stage"),
        Index(None, "owner_id", "stage"),
        Index(None, "expected_on", "id"),
        Index(None, "entered_on", "id"),
        Index(None, "amount_fen", "id"),
        Index(None, "created_at", "id"),
        CheckConstraint("amount_fen >= 0", name="amount_not_negative"),
        CheckConstraint(
            "(stage IN ('won', 'lost')) = (closed_on IS NOT NULL)", name="closed_has_a_day"
        ),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(160))
    stage: Mapped[OpportunityStage] = mapped_column(enum_type(OpportunityStage))
    amount_fen: Mapped[Fen] = mapped_column(default=0)
    product: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str | None] = mapped_column(String(80))
    number: Mapped[str | None] = mapped_column(String(100))
    entered_on: Mapped[date | None]  # when the customer engaged; a mere prospect has not yet
    expected_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    lost_reason: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    customer: Mapped[Customer] = relationship(lazy="raise")
    owner: Mapped[User | None] = relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
