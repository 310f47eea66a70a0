"""The rules by which customers move between lifecycle stages, and the runs that apply them."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Fen, Model, PrimaryKey


class StageRules(Model):
    """The numbers in every rule. Never changed: a new version is a new row, so history can tell."""

    __tablename__ = "stage_rules"
    __table_args__ = (
        CheckConstraint("regular_orders > 1", name="regular_after_new"),
        CheckConstraint("loyal_orders > regular_orders", name="loyal_after_regular"),
        CheckConstraint("lost_days > dormant_days", name="lost_after_dormant"),
        CheckConstraint("dormant_days > 0", name="dormant_days_positive"),
    )

    id: Mapped[PrimaryKey]
    interested_by_contact: Mapped[bool]
    regular_orders: Mapped[int]
    loyal_orders: Mapped[int]
    loyal_amount_fen: Mapped[Fen | None]  # so much bought is enough, whatever the number of orders
    dormant_days: Mapped[int]
    lost_days: Mapped[int]
    held_days: Mapped[int]  # how long a stage chosen by hand stands against silence
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class StageRun(Model):
    """One pass over all customers, page by page: each day for silence, after a change for all.

    `rules_id` is set for a pass after a change of the rules, `day` for that of a day.
    """

    __tablename__ = "stage_runs"
    __table_args__ = (
        UniqueConstraint("day"),
        UniqueConstraint("rules_id"),
        Index(None, "finished_at", "id"),
    )

    id: Mapped[PrimaryKey]
    day: Mapped[date | None]
    rules_id: Mapped[int | None] = mapped_column(ForeignKey("stage_rules.id"))
    cursor: Mapped[int] = mapped_column(default=0)
    moved_count: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
