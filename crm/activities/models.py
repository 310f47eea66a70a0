"""Sales activities (销售活动): one closed loop from goal to review, and the customers inside it."""

import enum
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Model, PrimaryKey, PublicId, enum_type
from crm.customers.models import Customer, Segment
from crm.users.models import User


class LoopStage(enum.Enum):
    """Where the activity stands in its loop."""

    GOAL = "goal"
    STRATEGY = "strategy"
    RESOURCES = "resources"
    EXECUTION = "execution"
    REVIEW = "review"


class Step(enum.Enum):
    """A target's way through the activity: 沟通 → 邀约 → 回访 → 成交."""

    TALK = "talk"
    INVITE = "invite"
    REVISIT = "revisit"
    DEAL = "deal"

    @property
    def rank(self) -> int:
        """1 for the first step; a target at step k has passed all earlier ones (CV-STEP)."""
        return list(Step).index(self) + 1


class GoalKind(enum.Enum):
    MAIN = "main"
    GUARDRAIL = "guardrail"


class TargetState(enum.Enum):
    """`held` waits for the guard; `planned` has a follow-up; `excluded` is not contacted at all."""

    WAITING = "waiting"
    PLANNED = "planned"
    HELD = "held"
    EXCLUDED = "excluded"


class Activity(Model):
    __tablename__ = "activities"
    __table_args__ = (CheckConstraint("ends_on >= starts_on", name="ends_after_start"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    title: Mapped[str] = mapped_column(String(120))
    purpose: Mapped[str] = mapped_column(Text, default="")
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    stage: Mapped[LoopStage] = mapped_column(enum_type(LoopStage), default=LoopStage.GOAL)
    launched_at: Mapped[datetime | None]
    launched_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    owner: Mapped[User] = relationship(lazy="raise", foreign_keys=owner_id)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class StageEntry(Model):
    """The activity entered a stage: when, and by whom."""

    __tablename__ = "activity_stage_entries"
    __table_args__ = (Index(None, "activity_id", "at"),)

    id: Mapped[PrimaryKey]
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"))
    stage: Mapped[LoopStage] = mapped_column(enum_type(LoopStage))
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(String(500), default="")


class Goal(Model):
    """A figure to reach (main) or to keep (guardrail); sub-goals hang below their parent."""

    __tablename__ = "goals"

    id: Mapped[PrimaryKey]
    activity_id: Mapped[int] = mapped_column(
        ForeignKey("activities.id", ondelete="CASCADE"), index=True
    )
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("goals.id"))
    kind: Mapped[GoalKind] = mapped_column(enum_type(GoalKind))
    metric: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(120), default="")
    baseline: Mapped[Decimal | None] = mapped_column(Numeric(16, 4))
    target: Mapped[Decimal] = mapped_column(Numeric(16, 4))
    unit: Mapped[str] = mapped_column(String(20), default="")
    period_starts_on: Mapped[date]
    period_ends_on: Mapped[date]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class ActivityPlan(Model):
    """A segment's place in an activity; a customer in several goes with the best priority."""

    __tablename__ = "activity_plans"
    __table_args__ = (UniqueConstraint("activity_id", "segment_id"),)

    id: Mapped[PrimaryKey]
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"))
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id"), index=True)
    priority: Mapped[int] = mapped_column(default=1)

    segment: Mapped[Segment] = relationship(lazy="raise")


class Target(Model):
    """A customer inside an activity, frozen at launch; once per activity."""

    __tablename__ = "targets"
    __table_args__ = (
        UniqueConstraint("activity_id", "customer_id"),
        Index(None, "activity_id", "furthest_step"),
        Index(None, "activity_id", "state", "id"),
        Index(None, "customer_id"),
    )

    id: Mapped[PrimaryKey]
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("activity_plans.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    variant: Mapped[str] = mapped_column(String(20), default="")
    is_holdout: Mapped[bool] = mapped_column(default=False)
    state: Mapped[TargetState] = mapped_column(enum_type(TargetState), default=TargetState.WAITING)
    held_reason: Mapped[str | None] = mapped_column(String(60))
    held_until: Mapped[datetime | None]
    furthest_step: Mapped[int] = mapped_column(default=0)  # rank of Step; 0 = none yet
    created_at: Mapped[datetime]

    customer: Mapped[Customer] = relationship(lazy="raise")
    activity: Mapped[Activity] = relationship(lazy="raise")


class TargetStep(Model):
    """A step that a target reached: once each, when, and by whom."""

    __tablename__ = "target_steps"
    __table_args__ = (UniqueConstraint("target_id", "step"), Index(None, "step", "at"))

    id: Mapped[PrimaryKey]
    target_id: Mapped[int] = mapped_column(ForeignKey("targets.id", ondelete="CASCADE"))
    step: Mapped[Step] = mapped_column(enum_type(Step))
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
