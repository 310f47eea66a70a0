"""API tokens: a program's key with scopes and an end; shown once, kept as a hash."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from crm.core import audit
from crm.core.errors import Invalid, NotFound
from crm.users import rules
from crm.users.models import ApiToken, Role, User
from crm.users.rules import Scope

PREFIX = "crm_"  # lets secret scanners know it


@dataclass(frozen=True, slots=True)
class NewToken:
    name: str
    scopes: tuple[Scope, ...]
    days: int | None = 90


def create(session: Session, wanted: NewToken, *, by: User, now: datetime) -> tuple[ApiToken, str]:
    """A token of one's own, and its secret. An administrator's scopes are refused to others."""
    if not wanted.scopes:
        raise Invalid("users.no_scope", field="scopes")
    if by.role is not Role.ADMIN and rules.ADMIN_SCOPES & set(wanted.scopes):
        raise Invalid("users.scope_not_yours", field="scopes")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=by.id,
        name=wanted.name.strip(),
        token_hash=rules.digest(secret),
        scopes=" ".join(sorted({scope.value for scope in wanted.scopes})),
        created_at=now,
        expires_at=None if wanted.days is None else now + timedelta(days=wanted.days),
    )
    session.add(token)
    session.flush()
    _note(session, "users.token_created", token, by=by, now=now)
    return token, secret


def renew(session: Session, wanted: NewToken, *, by: User, now: datetime) -> tuple[ApiToken, str]:
    """A token in place of the earlier ones of one's own that allow just the same."""
    scopes = " ".join(sorted({scope.value for scope in wanted.scopes}))
    earlier = select(ApiToken.public_id).where(
        ApiToken.user_id == by.id, ApiToken.scopes == scopes, ApiToken.revoked_at.is_(None)
    )
    for public_id in session.scalars(earlier).all():
        revoke(session, public_id, by=by, now=now)
    return create(session, wanted, by=by, now=now)


def revoke(session: Session, public_id: str, *, by: User, now: datetime) -> None:
    """Withdraw a token of one's own for good. Raises NotFound for another's."""
    token = session.scalar(
        select(ApiToken).where(
            ApiToken.public_id == public_id,
            ApiToken.user_id == by.id,
            ApiToken.revoked_at.is_(None),
        )
    )
    if token is None:
        raise NotFound("core.not_found")
    token.revoked_at = now
    _note(session, "users.token_revoked", token, by=by, now=now)


def find(session: Session, secret: str, *, now: datetime) -> ApiToken | None:
    """The live token of this secret, with its user; None when withdrawn, over or disabled."""
    token = session.scalar(
        select(ApiToken)
        .where(ApiToken.token_hash == rules.digest(secret), ApiToken.revoked_at.is_(None))
        .options(joinedload(ApiToken.user).joinedload(User.team))
    )
    if token is None or not token.user.is_active:
        return None
    if token.expires_at is not None and token.expires_at <= now:
        return None
    return token


def _note(session: Session, action: str, token: ApiToken, *, by: User, now: datetime) -> None:
    audit.record(
        session,
        action,
        by_id=by.id,
        thing=f"api_token:{token.id}",
        now=now,
        user_id=token.user_id,
        scopes=token.scopes,
    )
