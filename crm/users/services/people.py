"""Adding people, changing what they are, and setting their passwords."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from crm.core import audit
from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.users import policies, queries, rules
from crm.users.models import PasswordReset, Role, Theme, User
from crm.users.services import passwords, sessions


@dataclass(frozen=True, slots=True)
class NewUser:
    email: str
    name: str
    role: Role
    team_id: int | None = None
    phone: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class UserEdit:
    """What an administrator changes. `version` is that of the form."""

    email: str
    name: str
    role: Role
    team_id: int | None = None
    phone: str | None = None
    locale: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ProfileEdit:
    """What everybody may change of himself."""

    name: str
    phone: str | None = None
    locale: str | None = None
    theme: Theme | None = None


@dataclass(frozen=True, slots=True)
class PasswordChange:
    current_password: str
    password: str
    password_again: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """The two switches that stand on every page; what is None stays."""

    locale: str | None = None
    theme: Theme | None = None
    next: str = ""


def add(
    session: Session,
    wanted: NewUser,
    *,
    by: User | None,
    now: datetime,
    password: str | None = None,
) -> tuple[User, str]:
    """Add a person; the returned one-time password must be changed at the first sign-in.

    `by` None is the command line. A given `password` (the demo's) need not be changed.
    """
    if by is not None:
        policies.require(by, "users.manage")
    email = rules.sign_in_name(wanted.email)
    _check_free(session, email)
    _check_team(session, wanted.role, wanted.team_id)
    secret = password or passwords.one_time()
    user = User(
        email=email,
        name=wanted.name.strip(),
        phone=wanted.phone,
        role=wanted.role,
        team_id=wanted.team_id,
        password_hash=passwords.hash_password(secret),
        password_changed_at=now,
        must_change_password=password is None,
        locale=wanted.locale or company(session).locale,
        created_at=now,
    )
    session.add(user)
    session.flush()
    _note(session, "users.added", user, by=by, now=now, role=user.role.value, team=user.team_id)
    return user, secret


def edit(session: Session, user: User, wanted: UserEdit, *, by: User, now: datetime) -> None:
    """Change a person. A new role or team ends his sessions; the last administrator stays one."""
    policies.require(by, "users.manage")
    if wanted.version is not None and wanted.version != user.version:
        raise StaleDataError("edited from an older version")
    email = rules.sign_in_name(wanted.email)
    if email != user.email:
        _check_free(session, email)
    _check_team(session, wanted.role, wanted.team_id)
    if wanted.role is not user.role:
        _check_not_self(user, by)
        _check_not_last(session, user)
    before = {"role": user.role.value, "team": user.team_id, "email": rules.digest(user.email)[:16]}
    user.email = email
    user.name = wanted.name.strip()
    user.phone = wanted.phone
    user.role = wanted.role
    user.team_id = wanted.team_id
    if wanted.locale is not None:
        user.locale = wanted.locale
    after = {"role": user.role.value, "team": user.team_id, "email": rules.digest(user.email)[:16]}
    if before != after:
        sessions.end_all(session, user.id)
        _note(session, "users.changed", user, by=by, now=now, before=before, after=after)
    session.flush()
    session.expire(user, ["team"])


def edit_profile(session: Session, wanted: ProfileEdit, *, by: User) -> None:
    by.name = wanted.name.strip()
    by.phone = wanted.phone
    prefer(by, Preferences(locale=wanted.locale, theme=wanted.theme))
    session.flush()


def prefer(user: User, wanted: Preferences) -> None:
    if wanted.locale is not None:
        user.locale = wanted.locale
    if wanted.theme is not None:
        user.theme = wanted.theme


def disable(session: Session, user: User, *, by: User, now: datetime) -> None:
    """Shut the door: no sign-in, every session and mailed link ends, tokens stop working."""
    policies.require(by, "users.manage")
    _check_not_self(user, by)
    _check_not_last(session, user)
    if user.disabled_at is None:
        user.disabled_at = now
        sessions.end_all(session, user.id)
        _drop_links(session, user)
        _note(session, "users.disabled", user, by=by, now=now)


def enable(session: Session, user: User, *, by: User, now: datetime) -> None:
    policies.require(by, "users.manage")
    if user.disabled_at is not None:
        user.disabled_at = None
        _note(session, "users.enabled", user, by=by, now=now)


def reset_password(session: Session, user: User, *, by: User | None, now: datetime) -> str:
    """A new one-time password; every session ends. `by` None is the command line."""
    if by is not None:
        policies.require(by, "users.manage")
        _check_not_self(user, by)
    secret = passwords.one_time()
    set_password(session, user, passwords.hash_password(secret), now=now)
    user.must_change_password = True
    _note(session, "users.password_reset", user, by=by, now=now)
    return secret


def end_sessions(session: Session, user: User, *, by: User, now: datetime) -> int:
    policies.require(by, "users.manage")
    ended = sessions.end_all(session, user.id)
    _note(session, "users.sessions_ended", user, by=by, now=now, count=ended)
    return ended


def check_new_password(session: Session, wanted: PasswordChange, *, by: User) -> None:
    """What can be refused of a change before any hash is made."""
    passwords.check(wanted.password, wanted.password_again, words_about(by, company(session).name))
    if wanted.password == wanted.current_password:
        raise Invalid("users.password_same", field="password")


def change_password(
    session: Session, user: User, password_hash: str, *, keep_session: int, now: datetime
) -> None:
    """Set the password that its owner chose; every other browser is signed out."""
    set_password(session, user, password_hash, now=now, keep_session=keep_session)
    _note(session, "users.password_changed", user, by=user, now=now)


def set_password(
    session: Session,
    user: User,
    password_hash: str,
    *,
    now: datetime,
    keep_session: int | None = None,
) -> None:
    """Sessions and mailed links made for the old password end with it."""
    user.password_hash = password_hash
    user.password_changed_at = now
    user.must_change_password = False
    sessions.end_all(session, user.id, except_id=keep_session)
    session.flush()


def words_about(user: User, company_name: str) -> tuple[str, ...]:
    return rules.context_words(email=user.email, name=user.name, company=company_name)


def _drop_links(session: Session, user: User) -> None:
    session.execute(
        delete(PasswordReset).where(
            PasswordReset.user_id == user.id, PasswordReset.used_at.is_(None)
        )
    )


def _check_free(session: Session, email: str) -> None:
    if queries.find_by_email(session, email) is not None:
        raise Conflict("users.email_taken", field="email")


def _check_team(session: Session, role: Role, team_id: int | None) -> None:
    if role in rules.TEAM_ROLES and team_id is None:
        raise Invalid("users.team_missing", field="team_id")
    if team_id is not None:
        queries.get_team(session, team_id)


def _check_not_self(user: User, by: User) -> None:
    if user.id == by.id:
        raise Conflict("users.not_yourself")


def _check_not_last(session: Session, user: User) -> None:
    if user.role is Role.ADMIN and not queries.other_admins(session, user):
        raise Conflict("users.last_admin")


def _note(
    session: Session, action: str, user: User, *, by: User | None, now: datetime, **details: object
) -> None:
    audit.record(
        session,
        action,
        by_id=by.id if by is not None else None,
        thing=f"user:{user.id}",
        now=now,
        **details,
    )
