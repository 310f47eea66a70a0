"""People, teams, their sessions, API tokens and what they tried at the door."""

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Model, PrimaryKey, PublicId, enum_type


class Role(enum.Enum):
    """What a person is here for; the table of rights stands in docs/glossary.md."""

    REP = "rep"
    LEAD = "lead"
    MANAGER = "manager"
    ADMIN = "admin"


class Theme(enum.Enum):
    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Team(Model):
    __tablename__ = "teams"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(80), unique=True)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form


class User(Model):
    """A person who signs in. `email` is stored trimmed and case-folded: it is the sign-in name."""

    __tablename__ = "users"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    phone: Mapped[str | None] = mapped_column(String(20))
    role: Mapped[Role] = mapped_column(enum_type(Role))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    password_changed_at: Mapped[datetime]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    disabled_at: Mapped[datetime | None]
    locale: Mapped[str] = mapped_column(String(16), default="zh_Hans_CN")
    theme: Mapped[Theme] = mapped_column(enum_type(Theme), default=Theme.AUTO)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    team: Mapped[Team | None] = relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    # What Flask-Login asks of a user; a disabled one never gets this far.
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        return self.disabled_at is None

    def get_id(self) -> str:
        return self.public_id


class UserSession(Model):
    """One signed-in browser. Only a hash of its random token is stored."""

    __tablename__ = "user_sessions"

    id: Mapped[PrimaryKey]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    #: When the password was last given in this session; dangerous acts ask for a recent one.
    confirmed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    is_remembered: Mapped[bool] = mapped_column(default=False)
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(lazy="raise")


class SignInAttempt(Model):
    """Somebody tried a password; written in its own transaction, so a refusal leaves it behind."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index(None, "account_hash", "at"), Index(None, "ip", "at"), Index(None, "at"))

    id: Mapped[PrimaryKey]
    account_hash: Mapped[str] = mapped_column(String(64))
    ip: Mapped[str] = mapped_column(String(45))
    at: Mapped[datetime]
    succeeded: Mapped[bool]


class PasswordReset(Model):
    """A mailed link, good once and for a short time; bound to the password it replaces."""

    __tablename__ = "password_resets"

    id: Mapped[PrimaryKey]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    password_fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiToken(Model):
    """A program's key: scopes, expiry and last use; only its hash is stored."""

    __tablename__ = "api_tokens"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
