"""The rep's day: contacts planned and logged, and the planning work a launch leaves behind."""

import enum
from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, String, Text, and_, column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.activities.models import Activity, Step
from crm.core.db import Model, PrimaryKey, enum_type
from crm.core.errors import Conflict
from crm.core.messages import N_
from crm.customers.models import Channel, Customer
from crm.users.models import User

_OPEN = and_(column("completed_at").is_(None), column("cancelled_at").is_(None))


class Outcome(enum.Enum):
    """How a contact went; `no_answer` is a contact all the same (TOUCH counts it)."""

    REACHED = "reached"
    INTERESTED = "interested"
    INVITED = "invited"
    REVISITED = "revisited"
    DEAL = "deal"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"


#: What outcomes are called; translated where they are shown.
OUTCOMES: Final[dict[Outcome, str]] = {
    Outcome.REACHED: N_("Talked"),
    Outcome.INTERESTED: N_("Interested"),
    Outcome.INVITED: N_("Invited"),
    Outcome.REVISITED: N_("Revisited"),
    Outcome.DEAL: N_("Deal"),
    Outcome.NO_ANSWER: N_("No answer"),
    Outcome.REFUSED: N_("Refused"),
}


class FollowUp(Model):
    """One contact with one customer: planned while it has no completion, then logged for good."""

    __tablename__ = "followups"
    __table_args__ = (
        Index(None, "owner_id", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index(None, "customer_id", "due_at"),
        Index(None, "customer_id", "contacted_at"),
        Index(None, "due_at", "id"),
        # One open contact per customer and activity, whatever two planners do at once.
        Index(
            "uq_followups_open_in_activity",
            "activity_id",
            "customer_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[PrimaryKey]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    activity_id: Mapped[int | None] = mapped_column(ForeignKey("activities.id"), index=True)
    target_id: Mapped[int | None] = mapped_column(ForeignKey("targets.id"), index=True)
    step: Mapped[Step | None] = mapped_column(enum_type(Step))  # the step this contact aims at
    due_at: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(String(200), default="")
    channel: Mapped[Channel | None] = mapped_column(enum_type(Channel))
    outcome: Mapped[Outcome | None] = mapped_column(enum_type(Outcome))
    note: Mapped[str] = mapped_column(Text, default="")
    completed_at: Mapped[datetime | None]
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    contacted_at: Mapped[datetime | None]  # when the contact took place; never in the future
    ledger_entry_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entries.id"))
    cancelled_at: Mapped[datetime | None]
    reminded_for: Mapped[datetime | None]  # the due time whose reminder is queued
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    customer: Mapped[Customer] = relationship(lazy="raise")
    owner: Mapped[User] = relationship(lazy="raise", foreign_keys=owner_id)
    activity: Mapped[Activity | None] = relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def is_open(self) -> bool:
        return self.completed_at is None and self.cancelled_at is None

    def complete(self, outcome: Outcome, *, channel: Channel, by: User, at: datetime) -> None:
        """Log the contact. Raises Conflict when it is logged or cancelled already."""
        if not self.is_open:
            raise Conflict("followups.already_completed", at=self.completed_at or self.cancelled_at)
        self.completed_at = at
        self.completed_by_id = by.id
        self.outcome = outcome
        self.channel = channel


class ContactPlanning(Model):
    """A launched activity whose targets' contacts are being planned, a page at a time."""

    __tablename__ = "contact_plannings"

    id: Mapped[PrimaryKey]
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id"), unique=True)
    launched_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    planned_count: Mapped[int] = mapped_column(default=0)
    held_count: Mapped[int] = mapped_column(default=0)
    excluded_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
