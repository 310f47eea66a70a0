"""A file being read in, step by step; the row holds its own progress, so a killed run goes on."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId, enum_type


class ImportKind(enum.Enum):
    CUSTOMERS = "customers"
    ORDERS = "orders"
    OPPORTUNITIES = "opportunities"


class ImportState(enum.Enum):
    PREPARED = "prepared"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


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
    sheets: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    sheet: Mapped[str] = mapped_column(String(200), default="", server_default="")
    start: Mapped[int] = mapped_column(default=0, server_default="0")  # the byte behind the header
    notes: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    reasons: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    undone: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
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
    """A customer that one import met: tells a repeated row, and whose totals to recompute.

    `stays` says why an undo has left this customer as it is.
    """

    __tablename__ = "imported_customers"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    line: Mapped[int]
    is_new: Mapped[bool] = mapped_column(default=False, server_default=literal_column("false"))
    stays: Mapped[str | None] = mapped_column(String(40))


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


class ImportChange(Model):
    """What one import changed on a known customer, so that it can be undone.

    `before` and `after` hold the changed fields alone, `tag_ids` the tags put on; `version` is the
    customer's behind the change.
    """

    __tablename__ = "import_changes"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    version: Mapped[int]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    tag_ids: Mapped[list[Any]]


class ImportSighting(Model):
    """Whom a check has met so far, as a hash: it writes no customers that later rows could find."""

    __tablename__ = "import_sightings"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int]


class ImportMapping(Model):
    """What the columns of a header meant the last time somebody said so."""

    __tablename__ = "import_mappings"
    __table_args__ = (UniqueConstraint("kind", "fingerprint"),)

    id: Mapped[PrimaryKey]
    kind: Mapped[ImportKind] = mapped_column(enum_type(ImportKind))
    fingerprint: Mapped[str] = mapped_column(String(64))
    mapping: Mapped[dict[str, Any]]
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    used_at: Mapped[datetime]
