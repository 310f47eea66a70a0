"""Two records made one, and what is needed to part them again."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId


class CustomerMerge(Model):
    """One record gave all it had to another and points to it since (`Customer.merged_into_id`).

    `snapshot` holds the fields of both before and after; moved rows stand in `merged_rows`.
    """

    __tablename__ = "customer_merges"
    __table_args__ = (Index(None, "kept_id", "id"), Index(None, "merged_id", "id"))

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    kept_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    merged_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    snapshot: Mapped[dict[str, Any]]
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class MergedRow(Model):
    """A row that went from one record to the other; `what` names the table, or what was done."""

    __tablename__ = "merged_rows"

    merge_id: Mapped[int] = mapped_column(
        ForeignKey("customer_merges.id", ondelete="CASCADE"), primary_key=True
    )
    what: Mapped[str] = mapped_column(String(40), primary_key=True)
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
