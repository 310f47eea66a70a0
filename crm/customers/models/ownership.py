"""Whose a customer was and is: every change of hands, shares of a segment, and the pool's rules."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId, enum_type


class OwnerReason(enum.Enum):
    """Why a customer changed hands."""

    CLAIMED = "claimed"  # out of the pool
    ASSIGNED = "assigned"  # by hand, one customer
    SHARED = "shared"  # with many others, by an assignment
    RETURNED = "returned"  # by hand, back to the pool
    EXPIRED = "expired"  # back to the pool: no real contact for too long
    UNDONE = "undone"  # an assignment was taken back


class Way(enum.Enum):
    """How an assignment parts its customers."""

    EVEN = "even"
    REGION = "region"
    OWNER = "owner"
    LOAD = "load"  # customers they have
    CONTACTS = "contacts"  # customers with whom a contact is planned


class OwnerChange(Model):
    """One change of hands: from whom, to whom, by whom, why. Nobody stands for the pool.

    `batch` joins what was done at once; it is the public id of an assignment.
    """

    __tablename__ = "owner_changes"
    __table_args__ = (
        Index(None, "customer_id", "at"),
        Index(None, "batch", "customer_id"),
        Index(None, "after_id", "at"),
        Index(None, "before_id", "at"),
    )

    id: Mapped[PrimaryKey]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    before_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    after_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[OwnerReason] = mapped_column(enum_type(OwnerReason))
    note: Mapped[str] = mapped_column(String(200), default="")
    batch: Mapped[str | None] = mapped_column(String(32))
    at: Mapped[datetime]


class Assignment(Model):
    """Many customers parted among reps at once. `shares` tell what each got, as it was shown.

    Whose each customer was before stands in `owner_changes` under `batch` = `public_id`.
    """

    __tablename__ = "assignments"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segments.id", ondelete="SET NULL"))
    segment_name: Mapped[str] = mapped_column(String(120), default="")  # empty: ticked by hand
    way: Mapped[Way] = mapped_column(enum_type(Way))
    most_owned: Mapped[int | None]
    customer_count: Mapped[int]
    moved_count: Mapped[int]
    kept_count: Mapped[int]
    left_count: Mapped[int]  # nobody had room for them
    shares: Mapped[list[Any]]
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    undone_count: Mapped[int | None]


class PoolPolicy(Model):
    """How the pool is used. Never changed: a new version is a new row. None means no limit."""

    __tablename__ = "pool_policies"
    __table_args__ = (
        CheckConstraint("most_owned > 0", name="most_owned_positive"),
        CheckConstraint("claims_a_day > 0", name="claims_a_day_positive"),
        CheckConstraint("return_after_days > 0", name="return_after_days_positive"),
        CheckConstraint("cool_down_days >= 0", name="cool_down_days_not_negative"),
    )

    id: Mapped[PrimaryKey]
    most_owned: Mapped[int | None]
    claims_a_day: Mapped[int | None]
    return_after_days: Mapped[int | None]
    cool_down_days: Mapped[int]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
