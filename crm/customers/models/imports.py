"""A file being read in, step by step; the row holds its own progress, so a killed run goes on."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId, enum_type


class ImportKind(enum.Enum):
    CUSTOMERS = "customers"
    ORDERS = "orders"


class ImportState(enum.Enum):
    PREPARED = "prepared"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportPhase(enum.Enum):
    """What the next step does; `cursor` says where it starts."""

    ROWS = "rows"
    TOTALS = "totals"
    STATISTICS = "statistics"


class Import(Model):
    __tablename__ = "imports"
    __table_args__ = (Index(None, "state", "id"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    kind: Mapped[ImportKind] = mapped_column(enum_type(ImportKind))
    state: Mapped[ImportState] = mapped_column(enum_type(ImportState))
    file_name: Mapped[str] = mapped_column(String(255))  # shown only; the file lies under public_id
    content_hash: Mapped[str] = mapped_column(String(64), index=True)
    encoding: Mapped[str] = mapped_column(String(20), default="")
    delimiter: Mapped[str] = mapped_column(String(1), default=",")
    columns: Mapped[list[Any]] = mapped_column(default=list)
    size: Mapped[int] = mapped_column(default=0)
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    position: Mapped[int] = mapped_column(default=0)  # rows done; the next step starts behind it
    phase: Mapped[ImportPhase] = mapped_column(enum_type(ImportPhase), default=ImportPhase.ROWS)
    cursor: Mapped[int] = mapped_column(default=0)  # a byte of the file, in later phases an id
    row_count: Mapped[int | None]
    created_count: Mapped[int] = mapped_column(default=0)
    updated_count: Mapped[int] = mapped_column(default=0)
    unchanged_count: Mapped[int] = mapped_column(default=0)
    rejected_count: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(80))
    error_details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ImportRejection(Model):
    """A row that was not taken: where it stood, why, and the row itself."""

    __tablename__ = "import_rejections"
    __table_args__ = (UniqueConstraint("import_id", "line"),)

    id: Mapped[PrimaryKey]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    line: Mapped[int]
    code: Mapped[str] = mapped_column(String(80))
    field: Mapped[str] = mapped_column(String(80), default="")
    value: Mapped[str] = mapped_column(Text, default="")
    cells: Mapped[list[Any]] = mapped_column(default=list)


class ImportedCustomer(Model):
    """A customer that one import met: tells a repeated row, and whose totals to recompute."""

    __tablename__ = "imported_customers"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    line: Mapped[int]


class ImportedOrder(Model):
    """An order that one import met, and how many of its lines it has read so far."""

    __tablename__ = "imported_orders"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    line: Mapped[int]
    line_count: Mapped[int] = mapped_column(default=0)
