"""Mail to our own people: rows with a unique key, delivered at least once by the worker.

A notice is never a contact with a customer; those go through `crm.outreach` alone.
"""

import enum
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.db import Model, PrimaryKey, dialect_name, enum_type

LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 3
#: What may stand in a context until the mail is sent and no longer: a link that opens a door.
SECRET = "secret_link"  # noqa: S105 - a name, not a password
BACK_OFF = timedelta(minutes=5)


class NoticeState(enum.Enum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"


class Notice(Model):
    __tablename__ = "notices"
    __table_args__ = (Index(None, "state", "due_at", "id"), Index(None, "user_id", "created_at"))

    id: Mapped[PrimaryKey]
    key: Mapped[str] = mapped_column(String(200), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    template: Mapped[str] = mapped_column(String(120))
    context: Mapped[dict[str, Any]]
    state: Mapped[NoticeState] = mapped_column(enum_type(NoticeState))
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    attempt_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail to one of our own people; `context` holds plain values for the template."""

    user_id: int
    template: str
    context: dict[str, Any] = field(default_factory=dict)


def put(
    session: Session, key: str, draft: Draft, *, now: datetime, due_at: datetime | None = None
) -> bool:
    """Queue a mail once. False means that a mail with this key is queued or sent already."""
    insert = postgresql.insert if dialect_name(session) == "postgresql" else sqlite.insert
    statement = (
        insert(Notice)
        .values(
            key=key,
            user_id=draft.user_id,
            template=draft.template,
            context=draft.context,
            state=NoticeState.QUEUED,
            due_at=due_at or now,
            attempts=0,
            last_error="",
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=[Notice.key])
        .returning(Notice.id)
    )
    return session.scalar(statement) is not None


def claim(session: Session, *, limit: int, now: datetime) -> Sequence[Notice]:
    """Take due notices for this worker; another worker's are skipped until their lease runs out."""
    due = (
        select(Notice)
        .where(
            (Notice.state == NoticeState.QUEUED) & (Notice.due_at <= now)
            | (Notice.state == NoticeState.CLAIMED) & (Notice.lease_until < now)
        )
        .order_by(Notice.due_at, Notice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = session.scalars(due).all()
    for notice in claimed:
        notice.state = NoticeState.CLAIMED
        notice.attempts += 1
        notice.attempt_token = uuid.uuid4().hex
        notice.lease_until = now + LEASE
    session.flush()
    return claimed


def mark_sent(session: Session, notice: Notice, *, now: datetime) -> bool:
    """False means that the lease ran out and another worker has it; the mail may go twice."""
    return _finish(session, notice, state=NoticeState.SENT, sent_at=now, last_error="")


def mark_refused(
    session: Session, notice: Notice, error: str, *, permanent: bool, now: datetime
) -> None:
    """Try again later, at most MAX_ATTEMPTS times; a permanent refusal is final at once."""
    if permanent or notice.attempts >= MAX_ATTEMPTS:
        _finish(session, notice, state=NoticeState.FAILED, last_error=error)
    else:
        later = now + BACK_OFF * notice.attempts
        _finish(session, notice, state=NoticeState.QUEUED, due_at=later, last_error=error)


def put_back(session: Session, notice: Notice, error: str, *, due_at: datetime) -> None:
    """The channel, not the mail, is at fault: wait without using up an attempt."""
    _finish(
        session,
        notice,
        state=NoticeState.QUEUED,
        due_at=due_at,
        attempts=Notice.attempts - 1,
        last_error=error,
    )


def message_id(notice: Notice, domain: str) -> str:
    """The same for every attempt, so that a receiver can tell a second copy."""
    return f"<notice-{notice.id}@{domain}>"


def _finish(session: Session, notice: Notice, **values: Any) -> bool:
    if values["state"] is not NoticeState.QUEUED and SECRET in notice.context:
        values["context"] = {k: v for k, v in notice.context.items() if k != SECRET}
    changed = session.execute(
        update(Notice)
        .where(Notice.id == notice.id, Notice.attempt_token == notice.attempt_token)
        .values(attempt_token=None, lease_until=None, **values)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None
