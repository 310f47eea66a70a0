"""Reports that were asked for: their frozen figures and the file made from them."""

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, PublicId, enum_type


class ReportKind(enum.Enum):
    CONVERSION = "conversion"


class RunState(enum.Enum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ReportRun(Model):
    """One report for one reader's scope and one month; figures are frozen before it is drawn."""

    __tablename__ = "report_runs"
    __table_args__ = (Index(None, "state", "id"), Index(None, "by_id", "created_at"))

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    kind: Mapped[ReportKind] = mapped_column(enum_type(ReportKind))
    month: Mapped[date]  # its first day
    locale: Mapped[str] = mapped_column(String(16))
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    scope: Mapped[str] = mapped_column(String(40))  # "all", "team:<id>" or "user:<id>"
    state: Mapped[RunState] = mapped_column(enum_type(RunState))
    as_of: Mapped[date]
    definition_version: Mapped[int] = mapped_column(default=1)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    file_name: Mapped[str | None] = mapped_column(String(120))
    file_sha256: Mapped[str | None] = mapped_column(String(64))
    error_code: Mapped[str | None] = mapped_column(String(80))
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
