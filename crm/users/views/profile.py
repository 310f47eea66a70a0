"""One's own page: name, language, theme, signed-in browsers and API tokens."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.errors import Invalid
from crm.users import queries
from crm.users.auth import current_session, current_user, login_required, recent_required
from crm.users.forms import (
    NewTokenForm,
    ProfileForm,
    choices_for_profile,
    choices_for_token,
    values_of,
)
from crm.users.services import people, sessions, tokens
from crm.users.views.blueprint import bp
from crm.web import context
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

PROFILE = "/users/me"


@bp.get("/me")
@login_required
def profile() -> ResponseReturnValue:
    return _page()


@bp.post("/me")
@login_required
def update_profile() -> ResponseReturnValue:
    form = ProfileForm(request.form, choices=choices_for_profile())
    wanted = form.parse()
    if wanted is None:
        return _page(form=form, status=422)
    people.edit_profile(context.session(), wanted, by=current_user())
    return toast(go_to(PROFILE), _("Saved."))


@bp.post("/me/sessions/<int:session_id>/ending")
@login_required
def end_session(session_id: int) -> ResponseReturnValue:
    user, now = current_user(), context.now_once()
    sessions.end(context.session(), user, session_id, by=user, now=now)
    return toast(go_to(PROFILE), _("That browser is signed out."))


@bp.post("/me/sessions/ending")
@login_required
def end_other_sessions() -> ResponseReturnValue:
    kept = current_session().id
    count = sessions.end_all(context.session(), current_user().id, except_id=kept)
    return toast(go_to(PROFILE), _("Browsers signed out: %(count)s.", count=count))


@bp.post("/me/tokens")
@recent_required
@not_kept
def create_token() -> ResponseReturnValue:
    """Answers with the secret itself, which is shown this once."""
    form = NewTokenForm(request.form, choices=choices_for_token(current_user()))
    wanted = form.parse()
    if wanted is None:
        return _page(token_form=form, status=422)
    user, now = current_user(), context.now_once()
    try:
        token, secret = tokens.create(context.session(), wanted, by=user, now=now)
    except Invalid as error:
        form.refuse(error)
        return _page(token_form=form, status=422)
    return page("users/token.html", token=token, secret=secret, status=201)


@bp.post("/me/tokens/<public_id>/revocation")
@login_required
def revoke_token(public_id: str) -> ResponseReturnValue:
    tokens.revoke(context.session(), public_id, by=current_user(), now=context.now_once())
    return toast(go_to(PROFILE), _("The token is withdrawn; programs that use it are shut out."))


def _page(
    *, form: ProfileForm | None = None, token_form: NewTokenForm | None = None, status: int = 200
) -> ResponseReturnValue:
    user = current_user()
    return page(
        "users/profile.html",
        status=status,
        form=form or ProfileForm(start=values_of(user), choices=choices_for_profile()),
        token_form=token_form
        or NewTokenForm(start={"days": "90"}, choices=choices_for_token(user)),
        user=user,
        sessions=queries.open_sessions(context.session(), user, now=context.now_once()),
        this_session=current_session(),
        tokens=queries.tokens(context.session(), user),
    )
