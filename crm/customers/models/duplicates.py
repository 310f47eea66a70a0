"""Records that may mean one customer: what they are compared by, and the pairs that were found."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, enum_type


class KeyKind(enum.Enum):
    """By what two records are compared; what it is made of stands in `rules.duplicates`."""

    PHONE = "phone"
    EMAIL = "email"
    NAME_COMPANY = "name_company"
    NAME_PLACE = "name_place"
    NAME = "name"


class PairState(enum.Enum):
    OPEN = "open"
    DISMISSED = "dismissed"  # somebody said that they are two; never suggested again
    MERGED = "merged"


class DuplicateKey(Model):
    """One thing by which a customer is found: equal `value` is alike, equal `exact` the same."""

    __tablename__ = "duplicate_keys"

    kind: Mapped[KeyKind] = mapped_column(enum_type(KeyKind), primary_key=True)
    value: Mapped[str] = mapped_column(String(400), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    exact: Mapped[str] = mapped_column(String(400))


class DuplicateCrowd(Model):
    """A value that so many customers share that it tells nobody apart: they are not paired."""

    __tablename__ = "duplicate_crowds"

    kind: Mapped[KeyKind] = mapped_column(enum_type(KeyKind), primary_key=True)
    value: Mapped[str] = mapped_column(String(400), primary_key=True)
    found_at: Mapped[datetime]


class DuplicatePair(Model):
    """Two customers who may be one. `strength` is the rank of a confidence, `reasons` say why."""

    __tablename__ = "duplicate_pairs"
    __table_args__ = (
        UniqueConstraint("a_id", "b_id"),
        Index(None, "b_id"),
        Index(None, "state", "strength", "id"),
        CheckConstraint("a_id < b_id", name="in_order"),
    )

    id: Mapped[PrimaryKey]
    a_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    b_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    reasons: Mapped[list[Any]]
    strength: Mapped[int]
    state: Mapped[PairState] = mapped_column(enum_type(PairState), default=PairState.OPEN)
    found_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class DuplicateSearch(Model):
    """A walk over the customers that one import met, or once over everybody (no import).

    The next step starts behind the customer `position`.
    """

    __tablename__ = "duplicate_searches"
    __table_args__ = (UniqueConstraint("import_id"),)

    id: Mapped[PrimaryKey]
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
