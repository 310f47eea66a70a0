"""A forgotten password: a mailed link, good once and for twenty minutes."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.core import audit, notices
from crm.core.company import company
from crm.core.errors import Conflict
from crm.core.notices import Draft
from crm.users import queries, rules
from crm.users.models import PasswordReset, User
from crm.users.services import passwords, people


@dataclass(frozen=True, slots=True)
class Forgotten:
    login: str


@dataclass(frozen=True, slots=True)
class NewPassword:
    password: str
    password_again: str


def ask(session: Session, wanted: Forgotten, *, base_url: str, now: datetime) -> None:
    """Mail a link if the address is somebody's; the caller answers the same either way.

    The link stands in the notice's context under `notices.SECRET` until it is sent, nowhere else.
    """
    user = queries.find_by_email(session, rules.sign_in_name(wanted.login))
    if user is None or not user.is_active or _asked_today(session, user, now) >= rules.RESETS_A_DAY:
        return
    secret = secrets.token_urlsafe(32)
    reset = PasswordReset(
        token_hash=rules.digest(secret),
        user_id=user.id,
        password_fingerprint=rules.digest(user.password_hash),
        created_at=now,
        expires_at=now + rules.RESET_LASTS,
    )
    session.add(reset)
    session.flush()
    notices.put(
        session,
        f"password-reset:{reset.id}",
        Draft(
            user_id=user.id,
            template="users/mail/reset.txt",
            context={
                "name": user.name,
                "minutes": rules.RESET_LASTS // timedelta(minutes=1),
                notices.SECRET: f"{base_url}/users/reset/{secret}",
            },
        ),
        now=now,
    )
    audit.record(session, "users.reset_asked", by_id=None, thing=f"user:{user.id}", now=now)


def find(session: Session, secret: str, *, now: datetime) -> PasswordReset | None:
    """The link's row while it is good: unused, in time, and the password is still the same."""
    reset = session.scalar(
        select(PasswordReset).where(
            PasswordReset.token_hash == rules.digest(secret),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > now,
        )
    )
    if reset is None:
        return None
    user = queries.get_user(session, reset.user_id)
    is_same = rules.digest(user.password_hash) == reset.password_fingerprint
    return reset if user.is_active and is_same else None


def check(session: Session, secret: str, wanted: NewPassword, *, now: datetime) -> None:
    """Everything that can be refused before the hash is made."""
    reset = _get(session, secret, now=now)
    user = queries.get_user(session, reset.user_id)
    words = people.words_about(user, company(session).name)
    passwords.check(wanted.password, wanted.password_again, words)


def use(session: Session, secret: str, *, password_hash: str, now: datetime) -> User:
    """Set the password and use up the link. Raises Conflict when it is no longer good."""
    reset = _get(session, secret, now=now)
    # Of two who press at the same moment, one finds the row used.
    first = session.scalar(
        update(PasswordReset)
        .where(PasswordReset.id == reset.id, PasswordReset.used_at.is_(None))
        .values(used_at=now)
        .returning(PasswordReset.id)
    )
    if first is None:
        raise Conflict("users.reset_expired")
    user = queries.get_user(session, reset.user_id)
    people.set_password(session, user, password_hash, now=now)
    audit.record(session, "users.password_reset", by_id=user.id, thing=f"user:{user.id}", now=now)
    return user


def _get(session: Session, secret: str, *, now: datetime) -> PasswordReset:
    reset = find(session, secret, now=now)
    if reset is None:
        raise Conflict("users.reset_expired")
    return reset


def _asked_today(session: Session, user: User, now: datetime) -> int:
    return (
        session.scalar(
            select(func.count(PasswordReset.id)).where(
                PasswordReset.user_id == user.id,
                PasswordReset.created_at > now - timedelta(days=1),
            )
        )
        or 0
    )
