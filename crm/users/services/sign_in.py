"""Signing in, in three moves, so that the slow hash is counted beforehand and holds no lock.

`knock` checks the limits and writes the try down; the edge then verifies the password with no
transaction open; `enter` opens the session, or `refuse` records the failure.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, true
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.errors import Invalid, TooMany
from crm.users import queries, rules
from crm.users.models import SignInAttempt, User
from crm.users.rules import Limit
from crm.users.services import passwords, sessions
from crm.users.services.sessions import Browser

PAGE = 500


@dataclass(frozen=True, slots=True)
class SignIn:
    login: str
    password: str
    is_remembered: bool = False
    next: str = ""


@dataclass(frozen=True, slots=True)
class Knock:
    """A try that was let through to the password check. Unknown people have no id and no hash."""

    attempt_id: int
    account_hash: str
    user_id: int | None
    password_hash: str | None


def knock(session: Session, login: str, *, ip: str, now: datetime) -> Knock:
    """Write the try down. Raises TooMany first, when one of the limits is used up."""
    account = rules.digest(rules.sign_in_name(login))
    _check_limits(session, account, ip, now)
    attempt = SignInAttempt(account_hash=account, ip=ip[:45], at=now, succeeded=False)
    session.add(attempt)
    session.flush()
    user = _find(session, rules.sign_in_name(login))
    known = user is not None and user.is_active
    return Knock(
        attempt_id=attempt.id,
        account_hash=account,
        user_id=user.id if user is not None and known else None,
        password_hash=user.password_hash if user is not None and known else None,
    )


def refuse(session: Session, knocked: Knock, *, now: datetime) -> None:
    audit.record(
        session,
        "users.sign_in_failed",
        by_id=None,
        thing=f"user:{knocked.user_id}" if knocked.user_id else "",
        now=now,
        account=knocked.account_hash[:16],
    )


def enter(
    session: Session, knocked: Knock, browser: Browser, *, rehashed: str | None, now: datetime
) -> str:
    """Open the session and return its secret. `rehashed` replaces a hash of outdated costs."""
    user = queries.get_user(session, knocked.user_id or 0)
    accept(session, knocked)
    if rehashed is not None:
        user.password_hash = rehashed
    audit.record(session, "users.signed_in", by_id=user.id, thing=f"user:{user.id}", now=now)
    return sessions.open_session(session, user, browser, now=now)


def accept(session: Session, knocked: Knock) -> None:
    """The password was right: this try counts against nobody. Raises Invalid if it no longer is."""
    user = queries.get_user(session, knocked.user_id or 0)
    if not user.is_active or user.password_hash != knocked.password_hash:
        raise Invalid("users.sign_in_failed")  # disabled or changed while we were hashing
    session.get_one(SignInAttempt, knocked.attempt_id).succeeded = True


def is_right(knocked: Knock, password: str) -> bool:
    """One hash, whoever it is. Called between the moves, with no transaction open."""
    return passwords.is_right(password, knocked.password_hash)


def rehash_if_outdated(knocked: Knock, password: str) -> str | None:
    if knocked.password_hash is None or not passwords.is_outdated(knocked.password_hash):
        return None
    return passwords.hash_password(password)


def forget_old(session: Session, now: datetime) -> bool:
    """Delete tries that no limit looks at any more, a page at a time. True while more are left."""
    old = session.scalars(
        select(SignInAttempt).where(SignInAttempt.at < now - rules.KNOWN_ADDRESS).limit(PAGE)
    ).all()
    for attempt in old:
        session.delete(attempt)
    return len(old) == PAGE


def _find(session: Session, name: str) -> User | None:
    """By e-mail address, or by a phone number that is one person's alone."""
    if "@" in name:
        return queries.find_by_email(session, name)
    digits = re.sub(r"[\s()-]", "", name)
    found = session.scalars(
        select(User).where(User.phone.in_({digits, f"+86{digits}"}), queries.active()).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def _check_limits(session: Session, account: str, ip: str, now: datetime) -> None:
    mine = SignInAttempt.account_hash == account
    here = SignInAttempt.ip == ip[:45]
    was_here = session.scalar(
        select(
            exists().where(
                mine, here, SignInAttempt.succeeded, SignInAttempt.at > now - rules.KNOWN_ADDRESS
            )
        )
    )
    # Tries from elsewhere do not count against an address where the owner has signed in before.
    _check(session, rules.PER_ACCOUNT, mine & here if was_here else mine, now)
    _check(session, rules.PER_ADDRESS, here, now)
    _check(session, rules.GLOBAL, true(), now)


def _check(session: Session, limit: Limit, whose: ColumnElement[bool], now: datetime) -> None:
    since = now - limit.window
    oldest_that_counts = session.scalar(
        select(SignInAttempt.at)
        .where(whose, ~SignInAttempt.succeeded, SignInAttempt.at > since)
        .order_by(SignInAttempt.at.desc(), SignInAttempt.id.desc())
        .offset(limit.tries - 1)
        .limit(1)
    )
    if oldest_that_counts is not None:
        wait = math.ceil((oldest_that_counts - since).total_seconds())
        raise TooMany("users.too_many_attempts", retry_after=max(wait, 1))
