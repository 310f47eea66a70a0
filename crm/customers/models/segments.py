"""A group of customers described by a rule, and who came into it and left."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, column, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId


class Segment(Model):
    """`rule` is the JSON tree of `customers.rules.segments`; a broken rule means nobody."""

    __tablename__ = "segments"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    rule: Mapped[dict[str, Any]]
    customer_count: Mapped[int | None]  # as of `counted_at`, over everybody
    counted_at: Mapped[datetime | None]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    is_tracked: Mapped[bool] = mapped_column(default=True, server_default=literal_column("true"))
    tracked_at: Mapped[datetime | None]  # when it was last seen who came and who left

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class SegmentEntry(Model):
    """A customer's stay in a segment, seen once a day while the segment is tracked.

    `entered_at` is empty for those who were in it already when it was looked at for the first time.
    """

    __tablename__ = "segment_entries"
    __table_args__ = (
        Index(
            "uq_segment_entries_open",
            "segment_id",
            "customer_id",
            unique=True,
            sqlite_where=column("left_at").is_(None),
            postgresql_where=column("left_at").is_(None),
        ),
        Index(None, "segment_id", "entered_at"),
        Index(None, "segment_id", "left_at"),
        Index(None, "customer_id"),
    )

    id: Mapped[PrimaryKey]
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    entered_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
