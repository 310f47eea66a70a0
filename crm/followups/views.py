"""The rep's day for people: workbench, drawer, and what can be done with one follow-up."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from crm.core.company import company
from crm.core.errors import Invalid
from crm.customers import queries as customer_queries
from crm.customers.models import Channel, Customer
from crm.followups import forms, queries, rules, services
from crm.followups.models import FollowUp
from crm.outreach import panels as outreach_panels
from crm.users import auth
from crm.users.models import Role
from crm.web import context, errors
from crm.web.filters import day
from crm.web.htmx import go_to, is_fragment_request, page, toast
from crm.web.schemas import CompanyDateTime

bp = Blueprint("followups", __name__, url_prefix="/followups", template_folder="templates")


@bp.get("/")
@auth.login_required
def index() -> Response:
    """The workbench."""
    return page("followups/index.html", "followups/_day.html", **_workbench())


@bp.get("/new")
@auth.login_required
def new() -> Response:
    """The drawer that logs a contact: for a planned one, for a customer, or for whom is chosen."""
    session, viewer = context.session(), auth.current_user()
    followup = None
    if wanted := request.args.get("followup", type=int):
        followup = queries.get(session, wanted, visible_to_user=viewer)
    customer_id = followup.customer_id if followup else request.args.get("customer", type=int)
    if customer_id is None:
        return page("followups/choose.html", "followups/_choose.html")
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    followup = followup or queries.open_of_customer(session, customer.id)
    kind = request.args.get("kind", Channel.PHONE.value)
    start = {
        "customer_id": customer.id,
        "followup_id": followup.id if followup and followup.owner_id == viewer.id else None,
        "channel": kind,
    }
    form = forms.LogForm(start=start)
    shown = _drawer(form, customer, followup)
    return page("followups/new.html", "followups/_log.html", **shown)


@bp.post("/")
@auth.login_required
def create() -> Response:
    """Log a contact that took place."""
    session, viewer, now = context.session(), auth.current_user(), context.now_once()
    form = forms.LogForm(request.form)
    done = form.parse()
    if done is None:
        return _again(form)
    try:
        followup = services.log(session, done, by=viewer, now=now)
    except Invalid as refused:
        context.abandon()
        form.refuse(refused, errors.message(refused))
        return _again(form)
    text = _("Logged; nothing is planned next.")
    if done.next_at is not None:
        text = _("Logged; next contact on %(day)s.", day=day(done.next_at))
    response = _after(followup)
    return toast(response, text, undo=url_for("followups.undo", followup_id=followup.id))


@bp.post("/<int:followup_id>/completion/undo")
@auth.login_required
def undo(followup_id: int) -> Response:
    followup = services.undo_log(
        context.session(), followup_id, by=auth.current_user(), now=context.now_once()
    )
    return toast(_after(followup), _("Taken back; the contact is no longer counted."))


@bp.get("/plans/new")
@auth.login_required
def new_plan() -> Response:
    """The drawer that plans a contact with one customer."""
    session, viewer = context.session(), auth.current_user()
    customer_id = request.args.get("customer", type=int) or 0
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    form = forms.PlanForm(start={"customer_id": customer.id, "due_at": _proposal(1)})
    return page("followups/plan.html", "followups/_plan.html", **_plan_drawer(form, customer))


@bp.post("/plans")
@auth.login_required
def plan() -> Response:
    session, viewer, now = context.session(), auth.current_user(), context.now_once()
    form = forms.PlanForm(request.form)
    wanted = form.parse()
    if wanted is None:
        customer_id = request.form.get("customer_id", type=int) or 0
        customer = customer_queries.get(session, customer_id, visible_to=viewer)
        context_ = _plan_drawer(form, customer)
        return page("followups/plan.html", "followups/_plan.html", status=422, **context_)
    followup = services.plan(session, wanted, by=viewer, now=now)
    return toast(_after(followup), _("Planned for %(day)s.", day=day(wanted.due_at)))


@bp.post("/<int:followup_id>/due")
@auth.login_required
def reschedule(followup_id: int) -> Response:
    """Move to another day: "+n" days from today at nine, or a time."""
    session, viewer, now = context.session(), auth.current_user(), context.now_once()
    days = request.form.get("days", type=int)
    if days is not None:
        house = company(session)
        due_at = rules.morning(house.day_of(now) + timedelta(days=max(0, min(days, 366))), house)
    else:
        due_at = CompanyDateTime().deserialize(request.form.get("due_at"))
    version = request.form.get("version", type=int)
    followup = services.reschedule(
        session, followup_id, due_at, by=viewer, now=now, version=version
    )
    return toast(_after(followup), _("Moved to %(day)s.", day=day(followup.due_at)))


@bp.post("/<int:followup_id>/cancellation")
@auth.login_required
def cancel(followup_id: int) -> Response:
    followup = services.cancel(
        context.session(), followup_id, by=auth.current_user(), now=context.now_once()
    )
    return toast(_after(followup), _("The planned contact is given up."))


@bp.post("/unplanned/spread")
@auth.login_required
def spread() -> Response:
    """Plan a contact for own customers who have nothing planned, over the coming days."""
    count = services.spread_unplanned(
        context.session(), by=auth.current_user(), now=context.now_once()
    )
    text = ngettext("%(num)d customer planned.", "%(num)d customers planned.", count)
    return toast(go_to(url_for("followups.index")), text)


def _workbench() -> dict[str, Any]:
    session, viewer, now = context.session(), auth.current_user(), context.now_once()
    mine = request.args.get("scope", "mine") != "team" or viewer.role is Role.REP
    found = queries.day(session, for_user=viewer, mine=mine, now=now)
    shown = [*found.overdue.followups, *found.today.followups, *found.upcoming.followups]
    unplanned_count, unplanned = queries.unplanned(session, for_user=viewer)
    customers = {followup.customer_id: followup.customer for followup in shown}
    customers.update({customer.id: customer for customer in unplanned})
    chips = outreach_panels.chips(session, list(customers), viewer, now)
    return {
        "day": found,
        "unplanned_count": unplanned_count,
        "unplanned": unplanned,
        "chips": chips,
        "mine": mine,
        "channels": forms.CHANNELS,
        "step_labels": forms.STEP_LABELS,
        "rail": context.panels().load(
            "followups.rail", session, [viewer.id], viewer=viewer, now=now
        ),
        "hour": now.astimezone(company(session).zone).hour,
        "today": company(session).day_of(now),
    }


def _drawer(form: forms.LogForm, customer: Customer, followup: FollowUp | None) -> dict[str, Any]:
    proposals = {
        outcome.value: _proposal(days) if days is not None else ""
        for outcome, days in rules.PROPOSES.items()
    }
    return {
        "form": form,
        "customer": customer,
        "followup": followup,
        "chip": _chip(customer),
        "channels": forms.CHANNELS,
        "outcomes": forms.OUTCOMES,
        "proposals": proposals,
        "next_days": [
            (_("Tomorrow"), _proposal(1)),
            (_("In 3 days"), _proposal(3)),
            (_("In a week"), _proposal(7)),
            (_("In a month"), _proposal(30)),
        ],
    }


def _plan_drawer(form: forms.PlanForm, customer: Customer) -> dict[str, Any]:
    return {"form": form, "customer": customer, "chip": _chip(customer)}


def _chip(customer: Customer) -> object:
    now, viewer = context.now_once(), auth.current_user()
    return outreach_panels.chips(context.session(), [customer.id], viewer, now)[customer.id]


def _proposal(days: int) -> str:
    """A day from today at nine, as a datetime-local field wants it."""
    house = company(context.session())
    when = rules.morning(house.day_of(context.now_once()) + timedelta(days=days), house)
    return f"{when.astimezone(house.zone):%Y-%m-%dT%H:%M}"


def _again(form: forms.LogForm) -> Response:
    """The drawer with what is wrong; the text is kept."""
    session, viewer = context.session(), auth.current_user()
    customer_id = request.form.get("customer_id", type=int) or 0
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    followup = queries.open_of_customer(session, customer.id)
    shown = _drawer(form, customer, followup)
    return page("followups/new.html", "followups/_log.html", status=422, **shown)


def _after(followup: FollowUp) -> Response:
    """Back to where it was done: the customer's page, the workbench, or the day's list alone."""
    origin = request.form.get("_from", "")
    if origin == "customer":
        return go_to(url_for("customers.show", customer_id=followup.customer_id))
    if is_fragment_request():
        response = Response(render_template("followups/_day.html", **_workbench()))
        response.headers["HX-Retarget"] = "#day"
        response.headers["HX-Reswap"] = "outerHTML"
        response.headers["HX-Trigger-After-Settle"] = '{"close-dialog": true}'
        return response
    return go_to(url_for("followups.index"))
