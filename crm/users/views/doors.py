"""Signing in and out, giving the password once more, and the two switches of every page."""

from flask import Response, current_app, g, redirect, request
from flask.typing import ResponseReturnValue

from crm.core.errors import DomainError, Invalid, TooMany, Unavailable
from crm.users import auth
from crm.users.auth import current_session, current_user, login_required
from crm.users.forms import ConfirmForm, PreferencesForm, SignInForm
from crm.users.services import people, sessions, sign_in
from crm.users.services.sessions import Browser
from crm.users.services.sign_in import Knock, SignIn
from crm.users.views.blueprint import bp
from crm.web import context, shell
from crm.web.htmx import go_to, page
from crm.web.idempotency import not_kept
from crm.web.security import next_address

HOME = "/"
A_YEAR = 365 * 24 * 3600


@bp.get("/sign-in", endpoint="sign_in")
def show_sign_in() -> ResponseReturnValue:
    wanted = request.args.get("next", "")
    if g.viewer is not None:
        return redirect(next_address(current_app, wanted, HOME))
    return page("users/sign_in.html", form=SignInForm(), next=wanted)


@bp.post("/sign-in")
@not_kept
def open_session() -> ResponseReturnValue:
    form = SignInForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return page("users/sign_in.html", form=form, next=form.value("next"), status=422)
    try:
        token = _sign_in(wanted)
    except (Invalid, TooMany, Unavailable) as error:
        return _refused("users/sign_in.html", form, error)
    auth.keep(token, is_remembered=wanted.is_remembered)
    return go_to(next_address(current_app, wanted.next, HOME))


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    if g.user_session is not None:
        sessions.sign_out(context.session(), current_session(), now=context.now_once())
    auth.forget()
    response = go_to(HOME)
    # Not "cookies": that would take the language and the theme along.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.get("/confirm")
@login_required
def confirm() -> ResponseReturnValue:
    return page("users/confirm.html", form=ConfirmForm(), next=request.args.get("next", ""))


@bp.post("/confirm")
@login_required
@not_kept
def confirm_session() -> ResponseReturnValue:
    """The session goes on under a new secret; the old one opens nothing any more."""
    form = ConfirmForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return page("users/confirm.html", form=form, next=form.value("next"), status=422)
    email, session_id = current_user().email, current_session().id
    is_remembered = current_session().is_remembered
    try:
        knocked = prove(email, wanted.password)
    except (Invalid, TooMany, Unavailable) as error:
        return _refused("users/confirm.html", form, error)
    with context.own_transaction() as mine:
        sign_in.accept(mine, knocked)
        token = sessions.confirm(mine, session_id, now=context.now_once())
    auth.keep(token, is_remembered=is_remembered)
    return go_to(next_address(current_app, wanted.next, HOME))


@bp.post("/preferences")
def preferences() -> ResponseReturnValue:
    """Language and theme: in a cookie for everybody, with the person for who is signed in."""
    wanted = PreferencesForm(request.form).parse()
    if wanted is None:
        raise Invalid("core.invalid")
    if g.viewer is not None:
        people.prefer(current_user(), wanted)
    response = go_to(next_address(current_app, wanted.next, HOME))
    if wanted.locale is not None:
        _keep_choice(response, shell.LOCALE_COOKIE, shell.TAGS[wanted.locale])
    if wanted.theme is not None:
        _keep_choice(response, shell.THEME_COOKIE, wanted.theme.value)
    return response


def prove(email: str, password: str) -> Knock:
    """The try, once the password was found right. Raises Invalid, TooMany or Unavailable.

    What the request did so far is undone: the hash is made while no transaction is open.
    """
    context.abandon()
    now = context.now_once()
    with context.own_transaction() as mine:
        knocked = sign_in.knock(mine, email, ip=request.remote_addr or "", now=now)
    if not sign_in.is_right(knocked, password):
        with context.own_transaction() as mine:
            sign_in.refuse(mine, knocked, now=now)
        raise Invalid("users.sign_in_failed")
    return knocked


def _sign_in(wanted: SignIn) -> str:
    left = g.user_session.id if g.user_session is not None else None
    knocked = prove(wanted.login, wanted.password)
    rehashed = sign_in.rehash_if_outdated(knocked, wanted.password)
    browser = Browser(
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
        is_remembered=wanted.is_remembered,
    )
    with context.own_transaction() as mine:
        if left is not None:
            sessions.drop(mine, left)
        return sign_in.enter(mine, knocked, browser, rehashed=rehashed, now=context.now_once())


def _refused(template: str, form: SignInForm | ConfirmForm, error: DomainError) -> Response:
    form.refuse(error)
    status = {TooMany: 429, Unavailable: 503}.get(type(error), 422)
    response = page(template, form=form, next=form.value("next"), status=status)
    if retry_after := error.details.get("retry_after"):
        response.headers["Retry-After"] = str(retry_after)
    return response


def _keep_choice(response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=A_YEAR,
        secure=context.settings().is_https,
        httponly=True,
        samesite="Lax",
    )
