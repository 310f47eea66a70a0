"""Parts of a segment's page that are asked for by themselves: who came and left, the overlap."""

from datetime import date, timedelta

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.company import company
from crm.core.errors import Invalid
from crm.customers.forms.segments import Words
from crm.customers.queries import segment_moves as moving
from crm.customers.queries import segments as queries
from crm.customers.segment_fields.registry import registry_of
from crm.customers.services import segments as services
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context, errors
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast

bp = Blueprint("segment_moves", __name__, url_prefix="/segments", template_folder="../templates")

READ, BUILD = "segments.read", "segments.build"
USUAL_DAYS = 7
MOST_DAYS = 3650


@bp.get("/<int:segment_id>/moves")
@login_required
def index(segment_id: int) -> ResponseReturnValue:
    """Who came and who left since a day; a week ago unless another is asked for."""
    policies.require(current_user(), READ)
    segment = queries.get(session(), segment_id)
    since = _since()
    found = moving.moves(
        session(),
        segment,
        company(session()).day_start(since),
        now=now_once(),
        viewer=current_user(),
    )
    return page(
        "segments/moves.html",
        "segments/_moves.html",
        segment=segment,
        since=since,
        found=found,
        words=Words(session(), registry_of(session())),
        may_build=policies.may(current_user(), BUILD),
    )


@bp.get("/<int:segment_id>/overlap")
@login_required
def overlap(segment_id: int) -> ResponseReturnValue:
    """How many of its customers are in other segments and in running activities."""
    policies.require(current_user(), READ)
    segment = queries.get(session(), segment_id)
    problem, shared = "", []
    try:
        shared = list(moving.shared(session(), segment, now=now_once(), viewer=current_user()))
    except Invalid as refusal:
        problem = errors.message(refusal)
    loaded = context.panels().load(
        "segments.overlap", session(), [segment.id], viewer=current_user(), now=now_once()
    )
    return page(
        "segments/overlap.html",
        "segments/_overlap.html",
        segment=segment,
        shared=shared,
        problem=problem,
        panels=[(panel, by_id.get(segment.id, ())) for panel, by_id in loaded],
    )


@bp.post("/<int:segment_id>/tracking")
@login_required
def track(segment_id: int) -> ResponseReturnValue:
    """Begin or stop noting who comes and who leaves."""
    policies.require(current_user(), BUILD)
    segment = queries.get(session(), segment_id)
    is_on = request.form.get("on") == "1"
    services.track(session(), segment, is_on=is_on, by=current_user(), now=now_once())
    said = _("Nothing is noted any more.")
    if is_on:
        said = _("Who comes and leaves is noted from now on.")
    return toast(go_to(url_for("segments.show", segment_id=segment.id)), said)


def _since() -> date:
    today = company(session()).day_of(now_once())
    try:
        asked = date.fromisoformat(request.args.get("since", ""))
    except ValueError:
        return today - timedelta(days=USUAL_DAYS)
    return max(today - timedelta(days=MOST_DAYS), min(asked, today))
