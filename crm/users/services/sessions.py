"""Signed-in browsers: rows that can be ended, found by the hash of a random secret."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from crm.core import audit
from crm.core.errors import NotFound
from crm.users import rules
from crm.users.models import ApiToken, User, UserSession

PAGE = 500


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a sign-in came from, as the list of one's own sessions shows it."""

    ip: str = ""
    user_agent: str = ""
    is_remembered: bool = False


def open_session(session: Session, user: User, browser: Browser, *, now: datetime) -> str:
    """Open a session; the returned secret is stored nowhere but in the browser."""
    secret = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_hash=rules.digest(secret),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            confirmed_at=now,
            expires_at=rules.session_end(now, is_remembered=browser.is_remembered),
            is_remembered=browser.is_remembered,
            ip=browser.ip[:45],
            user_agent=browser.user_agent[:200],
        )
    )
    session.flush()
    return secret


def find(session: Session, secret: str, *, now: datetime) -> UserSession | None:
    """The live session of this secret, with its user; None when ended, idle or disabled."""
    found = session.scalar(
        select(UserSession)
        .where(UserSession.token_hash == rules.digest(secret), UserSession.expires_at > now)
        .options(joinedload(UserSession.user).joinedload(User.team))
    )
    if found is None or not found.user.is_active:
        return None
    if rules.is_idle(found.last_seen_at, now, is_remembered=found.is_remembered):
        return None
    return found


def touch(
    session: Session, kind: type[UserSession] | type[ApiToken], row_id: int, *, now: datetime
) -> None:
    """Note the use, unless a later one is noted already."""
    seen = UserSession.last_seen_at if kind is UserSession else ApiToken.last_used_at
    session.execute(
        update(kind)
        .where(kind.id == row_id, seen.is_(None) | (seen < now))
        .values({seen: now})
        .execution_options(synchronize_session=False)
    )


def end(session: Session, user: User, session_id: int, *, by: User, now: datetime) -> None:
    """End one of the user's sessions. Raises NotFound for another's."""
    ended = session.scalar(
        delete(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user.id)
        .returning(UserSession.id)
    )
    if ended is None:
        raise NotFound("core.not_found")
    audit.record(session, "users.session_ended", by_id=by.id, thing=f"user:{user.id}", now=now)


def end_all(session: Session, user_id: int, *, except_id: int | None = None) -> int:
    """End every session of the user but one; how many there were."""
    ended = session.scalars(
        delete(UserSession)
        .where(UserSession.user_id == user_id, UserSession.id != (except_id or 0))
        .returning(UserSession.id)
    )
    return len(ended.all())


def sign_out(session: Session, found: UserSession, *, now: datetime) -> None:
    user_id = found.user_id
    session.delete(found)
    audit.record(session, "users.signed_out", by_id=user_id, thing=f"user:{user_id}", now=now)


def confirm(session: Session, session_id: int, *, now: datetime) -> str:
    """The password was given again: a fresh secret for the same session (the old one is dead)."""
    secret = secrets.token_urlsafe(32)
    found = session.get_one(UserSession, session_id)
    found.token_hash = rules.digest(secret)
    found.confirmed_at = now
    session.flush()
    return secret


def forget_ended(session: Session, now: datetime) -> bool:
    """Delete sessions whose time is over, a page at a time. True while more are left."""
    over = session.scalars(
        select(UserSession.id).where(UserSession.expires_at <= now).limit(PAGE)
    ).all()
    session.execute(delete(UserSession).where(UserSession.id.in_(over)))
    return len(over) == PAGE


def drop(session: Session, session_id: int) -> None:
    """Forget a session that a new sign-in in the same browser replaces."""
    session.execute(delete(UserSession).where(UserSession.id == session_id))
