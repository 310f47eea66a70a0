"""The administrator's page about teams."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.errors import Conflict
from crm.users import policies, queries
from crm.users.auth import current_user, login_required, recent_required
from crm.users.forms import TeamForm
from crm.users.models import Team
from crm.users.services import teams as team_services
from crm.users.views.blueprint import bp
from crm.web import context
from crm.web.htmx import go_to, page, toast

TEAMS = "/users/teams"


@bp.get("/teams")
@login_required
def teams() -> ResponseReturnValue:
    policies.require(current_user(), "users.manage")
    return _page(TeamForm())


@bp.post("/teams")
@recent_required
def create_team() -> ResponseReturnValue:
    policies.require(current_user(), "users.manage")
    form, by, now = TeamForm(request.form), current_user(), context.now_once()
    wanted = form.parse()
    if wanted is None:
        return _page(form, status=422)
    try:
        team = team_services.add_team(context.session(), wanted, by=by, now=now)
    except Conflict as error:
        form.refuse(error)
        return _page(form, status=422)
    return toast(go_to(TEAMS), _("Team added: %(name)s.", name=team.name))


@bp.get("/teams/<int:team_id>/edit")
@recent_required
def edit_team(team_id: int) -> ResponseReturnValue:
    team = _team(team_id)
    form = TeamForm(start={"name": team.name, "version": team.version})
    return page("users/team.html", form=form, team=team)


@bp.post("/teams/<int:team_id>")
@recent_required
def update_team(team_id: int) -> ResponseReturnValue:
    team, form = _team(team_id), TeamForm(request.form)
    wanted = form.parse()
    if wanted is not None:
        try:
            team_services.rename(
                context.session(), team, wanted, by=current_user(), now=context.now_once()
            )
            return toast(go_to(TEAMS), _("Saved: %(name)s.", name=team.name))
        except Conflict as error:
            form.refuse(error)
    return page("users/team.html", form=form, team=team, status=422)


@bp.post("/teams/<int:team_id>/removal")
@recent_required
def remove_team(team_id: int) -> ResponseReturnValue:
    team = _team(team_id)
    team_services.remove(context.session(), team, by=current_user(), now=context.now_once())
    return toast(go_to(TEAMS), _("Team removed: %(name)s.", name=team.name))


def _team(team_id: int) -> Team:
    policies.require(current_user(), "users.manage")
    return queries.get_team(context.session(), team_id)


def _page(form: TeamForm, *, status: int = 200) -> ResponseReturnValue:
    session = context.session()
    return page(
        "users/teams.html",
        form=form,
        teams=session.scalars(queries.teams()).all(),
        sizes=queries.sizes_of_teams(session),
        status=status,
    )
