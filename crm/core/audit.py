"""Append-only record of who did what; each row carries the hash of the one before."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.db import Model, PrimaryKey

GENESIS = "0" * 64


class AuditEntry(Model):
    """Never updated, never deleted: triggers refuse it (see the migration)."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "action", "at"), Index(None, "by_id", "at"))

    id: Mapped[PrimaryKey]
    at: Mapped[datetime]
    by_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(60))
    thing: Mapped[str] = mapped_column(String(80), default="")
    details: Mapped[dict[str, Any]]
    ip: Mapped[str] = mapped_column(String(45), default="")
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class AuditHead(Model):
    """The chain's last hash. Its one row is locked while a row is appended."""

    __tablename__ = "audit_head"

    id: Mapped[PrimaryKey]
    hash: Mapped[str] = mapped_column(String(64))


def record(
    session: Session,
    action: str,
    *,
    by_id: int | None,
    thing: str = "",
    now: datetime,
    **details: Any,
) -> None:
    """Append what happened. `details` hold ids and plain values, no personal data."""
    head = session.scalar(select(AuditHead).with_for_update())
    if head is None:
        head = AuditHead(id=1, hash=GENESIS)
        session.add(head)
    entry = AuditEntry(
        at=now,
        by_id=by_id,
        action=action,
        thing=thing,
        details=details,
        ip=session.info.get("ip", ""),
        previous_hash=head.hash,
    )
    entry.hash = _digest(entry)
    head.hash = entry.hash
    session.add(entry)
    session.flush()


def first_broken(session: Session) -> int | None:
    """The id of the first row that does not fit the chain; None when all do."""
    previous = GENESIS
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id)).yield_per(500):
        if entry.previous_hash != previous or entry.hash != _digest(entry):
            return entry.id
        previous = entry.hash
    head = session.scalar(select(AuditHead.hash))
    return None if head in {None, previous} else 0


def _digest(entry: AuditEntry) -> str:
    content = json.dumps(
        [
            entry.previous_hash,
            entry.at.isoformat(),
            entry.by_id,
            entry.action,
            entry.thing,
            entry.details,
            entry.ip,
        ],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(content.encode()).hexdigest()
