"""Parting customers among reps: choose how, see the split, agree; the history, and the way back."""

from collections import Counter
from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from crm.core import paging
from crm.core.errors import Conflict, DomainError, Invalid
from crm.customers.forms.assignments import WAYS, ShareForm
from crm.customers.models import Assignment, Way
from crm.customers.queries import assignments as queries
from crm.customers.queries import pool as pool_queries
from crm.customers.queries import segments as segment_queries
from crm.customers.schemas import answers
from crm.customers.services import assignments as services
from crm.customers.services import customers
from crm.customers.services.assignments import Preview, Share
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.users.models import Role
from crm.web import context, errors
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

bp = Blueprint("assignments", __name__, url_prefix="/assignments", template_folder="../templates")

ACT = "customers.assign"
PAGE = 25
REGIONS_SHOWN = 40
NEWEST_FIRST = paging.Order("made-down", Assignment.created_at, Assignment.id, descending=True)


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    policies.require(current_user(), ACT)
    found = paging.page(
        session(),
        queries.listed(current_user()),
        order=NEWEST_FIRST,
        cursor=request.args.get("cursor"),
        size=PAGE,
    )
    return page(
        "assignments/index.html",
        rows=found.items,
        ways=_ways(),
        next_url=answers.page_url(found.next_cursor),
    )


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    """The first look: evenly among all reps of the viewer's reach."""
    policies.require(current_user(), ACT)
    segment_id = request.args.get("segment", 0, type=int)
    if not segment_id:
        return go_to(url_for("segments.index"))
    segment = segment_queries.get(session(), segment_id)
    return _page(Share(way=Way.EVEN, rep_ids=_every_rep(), segment_id=segment.id))


@bp.post("/preview")
@login_required
@not_kept
def preview() -> ResponseReturnValue:
    """The split as it would be now; nothing is kept. Also where ticked customers come in."""
    policies.require(current_user(), ACT)
    context.only_read()
    if request.form.get("_start"):
        ids = request.form.getlist("customer_ids", type=int)
        return _page(Share(way=Way.EVEN, rep_ids=_every_rep(), customer_ids=ids), is_whole=True)
    wanted = _sent()
    return _page(wanted)


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    policies.require(current_user(), ACT)
    wanted = _sent()
    try:
        made = services.assign(session(), wanted, by=current_user(), now=now_once())
    except (Conflict, Invalid) as refusal:
        context.abandon()
        return _page(wanted, refusal)
    text = ngettext(
        "%(num)d customer has a new owner", "%(num)d customers have new owners", made.moved_count
    )
    address = url_for(".show", assignment_id=made.id)
    return toast(go_to(address), text, undo=url_for(".undo", assignment_id=made.id))


@bp.get("/<int:assignment_id>")
@login_required
def show(assignment_id: int) -> ResponseReturnValue:
    assignment = _readable(assignment_id)
    found = queries.changes(
        session(), assignment, viewer=current_user(), cursor=request.args.get("cursor")
    )
    may_undo = (
        assignment.undone_at is None and now_once() - assignment.created_at <= services.UNDO_WITHIN
    )
    return page(
        "assignments/show.html",
        assignment=assignment,
        people=queries.names(session(), assignment, found.items),
        ways=_ways(),
        changes=found.items,
        next_url=answers.page_url(found.next_cursor),
        may_undo=may_undo,
        days=services.UNDO_WITHIN.days,
    )


@bp.post("/<int:assignment_id>/undo")
@login_required
def undo(assignment_id: int) -> ResponseReturnValue:
    assignment = _readable(assignment_id)
    count = services.undo(session(), assignment, by=current_user(), now=now_once())
    text = ngettext(
        "%(num)d customer has the owner from before",
        "%(num)d customers have the owners from before",
        count,
    )
    return toast(go_to(url_for(".show", assignment_id=assignment.id)), text)


def _readable(assignment_id: int) -> Assignment:
    policies.require(current_user(), ACT)
    return queries.get(session(), Assignment.id == assignment_id, viewer=current_user())


def _sent() -> Share:
    form = ShareForm(request.form)
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    return wanted


def _every_rep() -> list[int]:
    people = customers.owners(session(), current_user())
    reps = [one.id for one in people if one.role is Role.REP]
    return reps or [one.id for one in people]


def _ways() -> dict[Way, Any]:
    return {way: label for way, label, _sentence in WAYS}


def _page(wanted: Share, refusal: DomainError | None = None, *, is_whole: bool = False) -> Response:
    """The form with the split beside it; a refusal is shown with what would come out now."""
    shown: Preview | None = None
    problem = errors.message(refusal) if refusal else ""
    try:
        shown = services.preview(session(), wanted, by=current_user(), now=now_once())
    except Invalid as invalid:
        problem = problem or errors.message(invalid)
        refusal = refusal or invalid
    segment = (
        segment_queries.get(session(), wanted.segment_id) if wanted.segment_id is not None else None
    )
    return page(
        "assignments/new.html",
        None if is_whole else "assignments/_split.html",
        status=errors.STATUS[type(refusal)] if refusal else 200,
        wanted=wanted,
        segment=segment,
        shown=shown,
        problem=problem,
        regions=_regions(shown),
        ways=WAYS,
        people=customers.owners(session(), current_user()),
        terms=pool_queries.terms(session()),
    )


def _regions(shown: Preview | None) -> list[tuple[str, int, int]]:
    """Region, how many customers, whose; the largest first."""
    if shown is None or not shown.regions:
        return []
    sizes = Counter(member.region for member in shown.split.members)
    return [
        (region, size, shown.regions[region]) for region, size in sizes.most_common(REGIONS_SHOWN)
    ]
