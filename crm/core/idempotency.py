"""A request that is sent twice is done once: the first answer is kept for a day and given again."""

import enum
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.db import Json, Model, dialect_name, enum_type
from crm.core.errors import Conflict, Invalid

KEPT = timedelta(hours=24)
PAGE = 1_000


class RequestState(enum.Enum):
    RUNNING = "running"
    DONE = "done"


class KeptRequest(Model):
    """Inserted with the business write and completed with its answer: they commit together."""

    __tablename__ = "kept_requests"
    __table_args__ = (Index(None, "created_at"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[RequestState] = mapped_column(enum_type(RequestState))
    status: Mapped[int | None]
    headers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    body: Mapped[str | None]
    created_at: Mapped[datetime]


def begin(
    session: Session, *, user_id: int, key: str, request_hash: str, now: datetime
) -> KeptRequest | None:
    """None: the request is new, go on. Otherwise the kept answer to give again.

    Raises Invalid when the key was used for another request, Conflict while the first one runs.
    """
    insert = postgresql.insert if dialect_name(session) == "postgresql" else sqlite.insert
    # On PostgreSQL this waits for a running twin to end; SQLite has one writer at a time anyway.
    fresh = session.scalar(
        insert(KeptRequest)
        .values(
            user_id=user_id,
            key=key,
            request_hash=request_hash,
            state=RequestState.RUNNING,
            headers={},
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=[KeptRequest.user_id, KeptRequest.key])
        .returning(KeptRequest.key)
    )
    if fresh is not None:
        return None
    kept = session.scalars(
        select(KeptRequest).where(KeptRequest.user_id == user_id, KeptRequest.key == key)
    ).one()
    if kept.request_hash != request_hash:
        raise Invalid("core.idempotency_mismatch")
    if kept.state is RequestState.RUNNING:
        raise Conflict("core.idempotency_running", retry_after=2)
    return kept


def finish(
    session: Session,
    *,
    user_id: int,
    key: str,
    status: int,
    headers: dict[str, str],
    body: str | None,
) -> None:
    """Keep the answer. `body` None means that it may not be kept (it showed a secret)."""
    kept = session.get_one(KeptRequest, (user_id, key))
    kept.state = RequestState.DONE
    kept.status = status
    kept.headers = headers
    kept.body = body


def forget_old(session: Session, now: datetime) -> bool:
    """Drop answers older than a day, a page at a time."""
    old = select(KeptRequest.user_id, KeptRequest.key).where(KeptRequest.created_at < now - KEPT)
    page = session.execute(old.limit(PAGE)).all()
    for user_id, key in page:
        session.execute(
            delete(KeptRequest).where(KeptRequest.user_id == user_id, KeptRequest.key == key)
        )
    return len(page) == PAGE
