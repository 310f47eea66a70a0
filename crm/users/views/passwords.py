"""Forgotten, mailed, reset and changed passwords."""

from flask import g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.errors import Conflict, Invalid, TooMany, Unavailable
from crm.users import auth, queries
from crm.users.auth import current_session, current_user, login_required
from crm.users.forms import ForgottenForm, NewPasswordForm, PasswordChangeForm
from crm.users.rules import RESET_LASTS
from crm.users.services import passwords, people, resets, sessions, sign_in
from crm.users.services.people import PasswordChange
from crm.users.views.blueprint import bp
from crm.users.views.doors import HOME, prove
from crm.web import context
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

MINUTES = int(RESET_LASTS.total_seconds() // 60)
SIGN_IN = "/users/sign-in"


@bp.get("/forgot")
def forgot() -> ResponseReturnValue:
    return page("users/forgot.html", form=ForgottenForm(), minutes=MINUTES)


@bp.post("/forgot")
def ask_for_reset() -> ResponseReturnValue:
    """The same answer whether somebody has this address or not."""
    form = ForgottenForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return page("users/forgot.html", form=form, minutes=MINUTES, status=422)
    base_url = context.settings().base_url
    resets.ask(context.session(), wanted, base_url=base_url, now=context.now_once())
    return page("users/forgot.html", form=ForgottenForm(), minutes=MINUTES, sent=True)


@bp.get("/reset/<secret>")
def reset(secret: str) -> ResponseReturnValue:
    """Shows the form and uses nothing up: mail scanners open links too."""
    found = resets.find(context.session(), secret, now=context.now_once())
    if found is None:
        return _expired()
    return page("users/reset.html", form=NewPasswordForm(), minutes=MINUTES)


@bp.post("/reset/<secret>")
@not_kept
def use_reset(secret: str) -> ResponseReturnValue:
    form, now = NewPasswordForm(request.form), context.now_once()
    wanted = form.parse()
    if wanted is None:
        return page("users/reset.html", form=form, minutes=MINUTES, status=422)
    context.abandon()
    try:
        with context.own_transaction() as mine:
            resets.check(mine, secret, wanted, now=now)
        password_hash = passwords.hash_password(wanted.password)
        with context.own_transaction() as mine:
            resets.use(mine, secret, password_hash=password_hash, now=now)
    except Invalid as error:
        form.refuse(error)
        return page("users/reset.html", form=form, minutes=MINUTES, status=422)
    except Conflict:
        return _expired()
    auth.forget()
    return toast(go_to(SIGN_IN), _("The new password is set. Sign in with it."))


@bp.get("/password", endpoint="password")
@login_required
def show_password() -> ResponseReturnValue:
    form = PasswordChangeForm()
    return page("users/change_password.html", form=form, must=g.viewer.must_change_password)


@bp.post("/password")
@login_required
@not_kept
def change_password() -> ResponseReturnValue:
    form = PasswordChangeForm(request.form)
    must = current_user().must_change_password
    wanted = form.parse()
    if wanted is not None:
        try:
            return _change(wanted)
        except (Invalid, TooMany, Unavailable) as error:
            form.refuse(_named(error))
    return page("users/change_password.html", form=form, must=must, status=422)


def _change(wanted: PasswordChange) -> ResponseReturnValue:
    people.check_new_password(context.session(), wanted, by=current_user())
    email, user_id = current_user().email, current_user().id
    session_id, is_remembered = current_session().id, current_session().is_remembered
    knocked, now = prove(email, wanted.current_password), context.now_once()
    password_hash = passwords.hash_password(wanted.password)
    with context.own_transaction() as mine:
        sign_in.accept(mine, knocked)
        user = queries.get_user(mine, user_id)
        people.change_password(mine, user, password_hash, keep_session=session_id, now=now)
        token = sessions.confirm(mine, session_id, now=now)
    auth.keep(token, is_remembered=is_remembered)
    return toast(go_to(HOME), _("The new password is set. Other browsers are signed out."))


def _named(error: Invalid | TooMany | Unavailable) -> Invalid | TooMany | Unavailable:
    """Here it is known whose password was wrong, so the field says so."""
    if error.code == "users.sign_in_failed":
        return Invalid("users.password_wrong", field="current_password")
    return error


def _expired() -> ResponseReturnValue:
    return page(
        "users/reset.html", form=NewPasswordForm(), minutes=MINUTES, expired=True, status=410
    )
