"""The ledger of contacts, what guards it, and who must not be contacted."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, enum_type
from crm.customers.models import Channel


class LedgerState(enum.Enum):
    """`reserved`, `sending`, `sent`, `uncertain` use up a cap; the others gave it back."""

    RESERVED = "reserved"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"


class Policy(Model):
    """How often a customer may be contacted. Never changed: a new version is a new row.

    `caps`: list of {"key", "channel" (or null for any), "limit", "days"};
    `cool_down_days` counts whole company days after a contact.
    """

    __tablename__ = "outreach_policies"

    id: Mapped[PrimaryKey]
    caps: Mapped[list[Any]]
    cool_down_days: Mapped[int]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class LedgerEntry(Model):
    """One contact of one subject, by a person or the machine. Rows are never deleted or moved."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index(None, "subject_id", "at"),
        UniqueConstraint("plan_key", "subject_id", "channel", "occurrence"),
        CheckConstraint("(plan_key IS NULL) = (occurrence IS NULL)", name="planned_whole"),
    )

    id: Mapped[PrimaryKey]
    subject_id: Mapped[int] = mapped_column(ForeignKey("contact_subjects.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    channel: Mapped[Channel] = mapped_column(enum_type(Channel))
    state: Mapped[LedgerState] = mapped_column(enum_type(LedgerState))
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    activity_id: Mapped[int | None]  # an id only: activities stand above this module
    plan_key: Mapped[str | None] = mapped_column(String(120))
    occurrence: Mapped[str | None] = mapped_column(String(60))
    policy_id: Mapped[int] = mapped_column(ForeignKey("outreach_policies.id"))
    is_over_cap: Mapped[bool] = mapped_column(default=False)  # recorded because it happened
    is_inbound: Mapped[bool] = mapped_column(default=False)  # the customer came to us
    override_reason: Mapped[str] = mapped_column(String(500), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


class CapSlot(Model):
    """One place under one cap, taken for [starts_at, ends_at).

    Two rows of one (subject, cap, slot) never overlap while active: an exclusion constraint on
    PostgreSQL, a trigger under BEGIN IMMEDIATE on SQLite (see the migration).
    """

    __tablename__ = "cap_slots"
    __table_args__ = (
        Index(None, "subject_id", "cap_key", "slot", "ends_at"),
        CheckConstraint("slot >= 1", name="slot_positive"),
        CheckConstraint("ends_at > starts_at", name="period_not_empty"),
    )

    id: Mapped[PrimaryKey]
    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entries.id"), index=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("contact_subjects.id"))
    cap_key: Mapped[str] = mapped_column(String(40))
    slot: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class Claim(Model):
    """A rep's hold on a subject for a while; two reps' claims never overlap (as for cap slots)."""

    __tablename__ = "outreach_claims"
    __table_args__ = (
        Index(None, "subject_id", "ends_at"),
        CheckConstraint("ends_at > starts_at", name="period_not_empty"),
    )

    id: Mapped[PrimaryKey]
    subject_id: Mapped[int] = mapped_column(ForeignKey("contact_subjects.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class Suppression(Model):
    """Do not contact: this subject, on one channel or on all, from now on until it is cleared."""

    __tablename__ = "suppressions"
    __table_args__ = (Index(None, "subject_id", "cleared_at"),)

    id: Mapped[PrimaryKey]
    subject_id: Mapped[int] = mapped_column(ForeignKey("contact_subjects.id"))
    channel: Mapped[Channel | None] = mapped_column(enum_type(Channel))  # None: every channel
    source: Mapped[str] = mapped_column(String(40))
    evidence: Mapped[str] = mapped_column(Text, default="")
    set_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    set_at: Mapped[datetime]
    cleared_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cleared_at: Mapped[datetime | None]
