"""The customer's record, how it can be reached, and what happened to it."""

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Model, PrimaryKey, PublicId, enum_type
from crm.customers.models.tags import Tag
from crm.users.models import User


class CustomerKind(enum.Enum):
    PERSON = "person"
    COMPANY = "company"


class Sex(enum.Enum):
    MALE = "male"
    FEMALE = "female"
    OTHER = "other"


class PurchasingPower(enum.Enum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Stage(enum.Enum):
    """Lifecycle stages, in the order a customer usually passes them."""

    PROSPECT = "prospect"
    INTERESTED = "interested"
    NEW = "new"
    REGULAR = "regular"
    LOYAL = "loyal"
    DORMANT = "dormant"
    LOST = "lost"


class StageReason(enum.Enum):
    IMPORT = "import"
    ORDERS = "orders"
    BY_HAND = "by_hand"
    SILENCE = "silence"
    CONTACT = "contact"  # the customer answered
    RULES = "rules"  # the rules were changed
    MERGE = "merge"


class Channel(enum.Enum):
    """How a customer is contacted."""

    PHONE = "phone"
    WECHAT = "wechat"
    VISIT = "visit"
    EMAIL = "email"
    SMS = "sms"


class PointKind(enum.Enum):
    PHONE = "phone"
    EMAIL = "email"


class ContactSubject(Model):
    """Who is contacted, really: customers who share an address share one subject, and caps."""

    __tablename__ = "contact_subjects"

    id: Mapped[PrimaryKey]
    created_at: Mapped[datetime]


class ContactPoint(Model):
    """A normalised address (E.164 phone, case-folded e-mail); it belongs to exactly one subject."""

    __tablename__ = "contact_points"
    __table_args__ = (UniqueConstraint("kind", "address"),)

    id: Mapped[PrimaryKey]
    subject_id: Mapped[int] = mapped_column(ForeignKey("contact_subjects.id"), index=True)
    kind: Mapped[PointKind] = mapped_column(enum_type(PointKind))
    address: Mapped[str] = mapped_column(String(254))


class Customer(Model):
    """A person or a company. It may have only an external id, or only a phone."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index(None, "owner_id", "next_followup_at", "id"),
        Index(None, "next_followup_at", "id"),
        Index(None, "last_contact_at", "id"),
        Index(None, "stage", "id"),
        Index(None, "region", "id"),
        Index(None, "name_pinyin", "id"),
        Index(None, "created_at", "id"),
        # Only the few merged ones: an index that held the many others would tempt the planner.
        Index(
            "ix_customers_merged_into_id",
            "merged_into_id",
            sqlite_where=column("merged_into_id").is_not(None),
            postgresql_where=column("merged_into_id").is_not(None),
        ),
        CheckConstraint(
            "name <> '' OR company <> '' OR external_id IS NOT NULL"
            " OR phone IS NOT NULL OR email IS NOT NULL",
            name="can_be_told_apart",
        ),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    kind: Mapped[CustomerKind] = mapped_column(enum_type(CustomerKind), default=CustomerKind.PERSON)
    external_id: Mapped[str | None] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(120), default="")
    name_pinyin: Mapped[str] = mapped_column(String(200), default="")
    name_initials: Mapped[str] = mapped_column(String(40), default="", index=True)
    company: Mapped[str] = mapped_column(String(160), default="")
    phone: Mapped[str | None] = mapped_column(String(20), index=True)  # E.164
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    region: Mapped[str] = mapped_column(String(80), default="")
    source: Mapped[str] = mapped_column(String(80), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    stage: Mapped[Stage] = mapped_column(enum_type(Stage), default=Stage.PROSPECT)
    stage_since: Mapped[datetime]
    stage_held_until: Mapped[datetime | None]  # chosen by hand: silence moves nobody before
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    owner_since: Mapped[datetime | None]  # None: as long as the record is there
    subject_id: Mapped[int] = mapped_column(ForeignKey("contact_subjects.id"), index=True)
    is_internal: Mapped[bool] = mapped_column(default=False)  # staff or test: left out of metrics
    last_contact_at: Mapped[datetime | None]
    next_followup_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    #: The record that this one was merged into; nobody lists, counts or opens this one since.
    merged_into_id: Mapped[int | None]

    # The profile. Defaults are the database's, so that quick inserts need not name what is unknown.
    birth_on: Mapped[date | None]
    sex: Mapped[Sex | None] = mapped_column(enum_type(Sex))
    channel: Mapped[str] = mapped_column(String(80), server_default="")  # how we won the customer
    interests: Mapped[str] = mapped_column(String(300), server_default="")
    purchasing_power: Mapped[PurchasingPower | None] = mapped_column(enum_type(PurchasingPower))
    member_level: Mapped[str] = mapped_column(String(60), server_default="")
    points: Mapped[int | None]
    #: Values of custom fields by key ("f12"); what is empty is left out. Lists do not load it.
    custom: Mapped[dict[str, Any]] = mapped_column(
        server_default="{}", deferred=True, deferred_raiseload=True
    )

    owner: Mapped[User | None] = relationship(lazy="raise")
    tags: Mapped[list[Tag]] = relationship(
        secondary="customer_tags", lazy="raise", order_by="Tag.name", viewonly=True
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def title(self) -> str:
        """What to call this customer on a screen: name, else company, number or address."""
        return self.name or self.company or self.external_id or self.phone or self.email or ""

    def enter_stage(self, stage: Stage, *, at: datetime) -> bool:
        """Move to a stage. False means that it is there already."""
        if self.stage is stage:
            return False
        self.stage = stage
        self.stage_since = at
        return True


class StageChange(Model):
    """One move between lifecycle stages: who, when, why; by which version of the rules."""

    __tablename__ = "stage_changes"
    __table_args__ = (Index(None, "customer_id", "at"),)

    id: Mapped[PrimaryKey]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    before: Mapped[Stage | None] = mapped_column(enum_type(Stage))
    after: Mapped[Stage] = mapped_column(enum_type(Stage))
    reason: Mapped[StageReason] = mapped_column(enum_type(StageReason))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    rules_id: Mapped[int | None]  # of `stage_rules`; a column added later carries no foreign key
    at: Mapped[datetime]


class TimelineEntry(Model):
    """Something that happened to a customer; upper modules write it, the page merges in orders.

    `kind` is "<module>.<what>" and the key of its sentence; `details` fill the sentence.
    """

    __tablename__ = "timeline_entries"
    __table_args__ = (Index(None, "customer_id", "at", "id"),)

    id: Mapped[PrimaryKey]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(60))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    by: Mapped[User | None] = relationship(lazy="raise")
