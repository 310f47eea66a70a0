"""Who sends this request: a browser by its server-side session, a program by its token."""

import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, cast

import flask
from flask import (
    Flask,
    Request,
    Response,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    request,
    url_for,
)
from flask_babel import gettext
from flask_login import LoginManager
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crm.core.errors import NotAllowed, NotFound
from crm.core.messages import ERRORS
from crm.users import rules
from crm.users.models import ApiToken, User, UserSession
from crm.users.rules import Scope
from crm.users.services import sessions as session_services
from crm.users.services import tokens as token_services
from crm.web import context, idempotency
from crm.web.htmx import is_fragment_request
from crm.web.viewer import Viewer

__all__ = [
    "Scope",
    "current_session",
    "current_token",
    "current_user",
    "login_required",
    "open_session",
    "recent_required",
    "shown",
    "token_required",
]
P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

API = "/api/"
SID = "sid"
#: Where somebody may go who still has to choose a password.
DOORS = frozenset(
    {"users.password", "users.change_password", "users.sign_out", "users.preferences"}
)

manager = LoginManager()
manager.session_protection = None  # sessions are rows here, not signed marks in a cookie


def install(app: Flask) -> None:
    """The order matters: who is it, may he go on, was this request answered before."""
    app.config["PERMANENT_SESSION_LIFETIME"] = rules.REMEMBERED
    manager.init_app(app, add_context_processor=False)
    app.before_request(_load_viewer)
    app.before_request(_guard)
    app.before_request(_choose_a_password_first)
    app.before_request(idempotency.replay)


def current_user() -> User:
    """The signed-in user; only inside views that require one."""
    return cast("User", g.viewer)


def current_session() -> UserSession:
    """The browser's session row; only inside pages that require a sign-in."""
    return cast("UserSession", g.user_session)


def current_token() -> ApiToken:
    """The program's token; only inside endpoints that require one."""
    return cast("ApiToken", g.api_token)


def login_required(view: Callable[P, R]) -> Callable[P, R]:
    """Send strangers to the sign-in page and bring them back afterwards."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if g.get("viewer") is None:
            return cast("R", manager.unauthorized())
        return view(*args, **kwargs)

    return guarded


def recent_required(view: Callable[P, R]) -> Callable[P, R]:
    """Ask for the password again unless it was given in the last quarter of an hour."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if g.get("viewer") is None:
            return cast("R", manager.unauthorized())
        if context.now_once() - current_session().confirmed_at > rules.RECENT:
            return cast("R", _lead_to("users.confirm", next=_page_to_return_to()))
        return view(*args, **kwargs)

    return guarded


def token_required(scope: Scope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Only programs whose token carries this scope; checked before the input is read."""

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            _require_scope(scope)
            return view(*args, **kwargs)

        guarded.token_scope = scope  # type: ignore[attr-defined]
        return guarded

    return mark


def open_session(session: Session, user: User, *, now: datetime) -> str:
    """A session for this user, by its secret; the browser keeps the secret as `sid`."""
    return session_services.open_session(session, user, session_services.Browser(), now=now)


def keep(token: str, *, is_remembered: bool) -> None:
    """Make this browser the session's; what it kept before, the CSRF token too, is dropped."""
    flask.session.clear()
    g.pop("csrf_token", None)
    flask.session[SID] = token
    flask.session.permanent = is_remembered


def forget() -> None:
    flask.session.clear()
    g.pop("csrf_token", None)
    g.viewer = g.user_session = None


def shown(known: Viewer) -> dict[str, Any]:
    """What pages show of who is signed in."""
    viewer = cast("User", known)
    return {
        "id": viewer.id,
        "name": viewer.name,
        "email": viewer.email,
        "role": viewer.role.value,
        "role_label": gettext(rules.ROLE_LABELS[viewer.role]),
        "team_name": g.get("viewer_team_name") or "",
    }


@manager.request_loader
def _user_of_request(_request: Request) -> User | None:
    return cast("User | None", g.get("viewer"))


@manager.unauthorized_handler
def _send_to_sign_in() -> Response:
    if request.path.startswith(API):
        return _api_refusal("core.sign_in_first")
    return _lead_to("users.sign_in", next=_page_to_return_to())


def _load_viewer() -> Response | None:
    g.viewer = g.user_session = None
    if request.endpoint in {"static", "healthz", "readyz"}:
        return None
    if request.path.startswith(API):
        return _load_program()
    token = flask.session.get(SID)
    if token is None:
        return None
    found = session_services.find(context.session(), token, now=context.now_once())
    if found is None:
        flask.session.pop(SID, None)
        # Nobody is signed in, so nobody needs the write lock that looking took.
        context.abandon()
        return None
    _remember(found.user)
    g.user_session = found
    row_id, now = found.id, context.now_once()
    if now - found.last_seen_at >= rules.TOUCH_EVERY:
        context.after_commit(lambda: _touch(UserSession, row_id, now))
    return None


def _load_program() -> Response | None:
    """A token in the Authorization header, and nothing else: cookies do not count here."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if not secret or kind.casefold() != "bearer":
        return None
    found = token_services.find(context.session(), secret.strip(), now=context.now_once())
    if found is None:
        context.abandon()
        return _api_refusal("core.token_invalid", 'Bearer error="invalid_token"')
    _remember(found.user)
    g.api_token = found
    _note_use(found)
    return None


def _note_use(token: ApiToken) -> None:
    row_id, now = token.id, context.now_once()
    if token.last_used_at is None or now - token.last_used_at >= rules.TOUCH_EVERY:
        context.after_commit(lambda: _touch(ApiToken, row_id, now))


def _remember(user: User) -> None:
    g.viewer = user
    g.viewer_team_name = user.team.name if user.team is not None else ""


def user_of_address(secret: str, scope: Scope) -> User:
    """Whose feed this is: its address is the key, since a calendar sends no header of ours.

    Raises NotFound for a token that is unknown, withdrawn, over or for something else.
    """
    found = token_services.find(context.session(), secret, now=context.now_once())
    if found is None or scope.value not in found.scopes.split():
        raise NotFound("core.not_found")
    _remember(found.user)
    _note_use(found)
    return found.user


def _guard() -> Response | None:
    """Programs are refused before their input is read, so that strangers learn nothing from it."""
    view = current_app.view_functions.get(request.endpoint or "")
    scope: Scope | None = getattr(view, "token_scope", None)
    if scope is None:
        return None
    if g.viewer is None:
        return _api_refusal("core.sign_in_first")
    _require_scope(scope)
    return None


def _require_scope(scope: Scope) -> None:
    token: ApiToken = g.api_token
    if scope.value not in token.scopes.split():
        raise NotAllowed("users.scope_missing", scope=scope.value)


def _choose_a_password_first() -> Response | None:
    viewer: User | None = g.viewer
    if viewer is None or not viewer.must_change_password or request.endpoint in DOORS:
        return None
    if request.path.startswith(API):
        raise NotAllowed("users.must_change_password")
    return _lead_to("users.password")


def _lead_to(endpoint: str, **values: Any) -> Response:
    address = url_for(endpoint, **{name: value for name, value in values.items() if value})
    if is_fragment_request():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = address
        response.vary.add("HX-Request")
        return response
    return make_response(redirect(address, 303 if request.method not in context.SAFE else 302))


def _page_to_return_to() -> str:
    """The page itself; after a form the page it stood on. Checked when it is used."""
    if request.method in context.SAFE and not is_fragment_request():
        return request.full_path.removesuffix("?")
    page = request.headers.get("HX-Current-URL") or request.referrer or ""
    host = request.host_url.rstrip("/")
    return page.removeprefix(host) if page.startswith(host + "/") else ""


def _api_refusal(code: str, challenge: str = "Bearer") -> Response:
    body = {
        "code": code,
        "message": gettext(ERRORS[code]),
        "fields": {},
        "request_id": context.request_id(),
    }
    response = make_response(jsonify(body), 401)
    response.headers["WWW-Authenticate"] = challenge
    return response


def _touch(kind: type[UserSession] | type[ApiToken], row_id: int, now: datetime) -> None:
    """Note that it was used, in a transaction of its own and after the answer is decided."""
    try:
        with context.own_transaction() as mine:
            session_services.touch(mine, kind, row_id, now=now)
    except OperationalError:
        # A busy database must not spoil an answer for the sake of a mark.
        log.info("request %s left no mark of use", context.request_id())
