"""How people keep the list of customers: saved views, own columns, acts on many at once."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Model, PrimaryKey, PublicId, enum_type
from crm.customers.models.customer import Stage
from crm.users.models import User


class CustomerView(Model):
    """A list to come back to: filters, columns and sort under a name; `sort` "-last" runs down.

    A deleted one keeps its row for a while, so that the deletion can be taken back.
    """

    __tablename__ = "customer_views"
    __table_args__ = (Index(None, "owner_id", "position"), Index(None, "is_shared"))

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(String(80))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    is_shared: Mapped[bool] = mapped_column(default=False)
    filters: Mapped[dict[str, Any]]
    columns: Mapped[list[Any]]
    sort: Mapped[str] = mapped_column(String(80), default="next")
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    owner: Mapped[User] = relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class ListChoice(Model):
    """How one person likes the list: the view it opens with, and the columns outside any view."""

    __tablename__ = "customer_list_choices"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    default_view_id: Mapped[int | None] = mapped_column(
        ForeignKey("customer_views.id", ondelete="SET NULL"), index=True
    )
    columns: Mapped[list[Any]] = mapped_column(default=list)  # empty: those of the house


class BulkKind(enum.Enum):
    """What can be done to many customers at once."""

    TAG_ON = "tag_on"
    TAG_OFF = "tag_off"
    OWNER = "owner"
    STAGE = "stage"


class BulkAct(Model):
    """One act on many customers; what it changed stands in `bulk_changes`, until it is old."""

    __tablename__ = "bulk_acts"
    __table_args__ = (Index(None, "by_id", "id"), Index(None, "created_at"))

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    kind: Mapped[BulkKind] = mapped_column(enum_type(BulkKind))
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    tag_id: Mapped[int | None] = mapped_column(ForeignKey("tags.id", ondelete="SET NULL"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: to the pool
    stage: Mapped[Stage | None] = mapped_column(enum_type(Stage))
    customer_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_count: Mapped[int | None]


class BulkChange(Model):
    """What one customer was before the act."""

    __tablename__ = "bulk_changes"

    act_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_acts.id", ondelete="CASCADE"), primary_key=True
    )
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    owner_id: Mapped[int | None]
    stage: Mapped[Stage | None] = mapped_column(enum_type(Stage))
    stage_since: Mapped[datetime | None]
