"""A list of customers being written to a file, step by step; the row holds its own progress."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId, enum_type


class ExportFormat(enum.Enum):
    CSV = "csv"
    XLSX = "xlsx"


class ExportState(enum.Enum):
    RUNNING = "running"  # rows are being written
    PACKING = "packing"  # the rows are being made a workbook
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # the file is deleted


class Export(Model):
    """`position` rows are written and take `size` bytes; the next step starts behind `cursor`."""

    __tablename__ = "exports"
    __table_args__ = (Index(None, "state", "id"), Index(None, "by_id", "id"))

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    state: Mapped[ExportState] = mapped_column(enum_type(ExportState))
    format: Mapped[ExportFormat] = mapped_column(enum_type(ExportFormat))
    title: Mapped[str] = mapped_column(String(120), default="")
    filters: Mapped[dict[str, Any]]
    columns: Mapped[list[Any]]
    locale: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(40))  # whose records, as the maker stood then
    row_count: Mapped[int]  # when it was asked for
    position: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[int] = mapped_column(default=0)  # a customer's id
    size: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
