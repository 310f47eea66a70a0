"""The rep's day for people: workbench, drawer, and what can be done with one follow-up."""

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from marshmallow import ValidationError

from crm.core import calendars
from crm.core.calendars import Entry
from crm.core.company import company
from crm.core.errors import Conflict, Invalid
from crm.customers import queries as customer_queries
from crm.customers.models import Channel, Customer
from crm.followups import forms, queries, rules, services
from crm.followups.models import OUTCOMES, FollowUp, Outcome
from crm.outreach import panels as outreach_panels
from crm.users import auth, policies
from crm.users.models import Role
from crm.users.services import tokens
from crm.users.services.tokens import NewToken
from crm.web import context, errors
from crm.web.filters import day
from crm.web.htmx import go_to, is_fragment_request, page, toast
from crm.web.schemas import CompanyDateTime
from crm.web.security import next_address

MIDNIGHT = time()
FEED_BACK, FEED_AHEAD = timedelta(days=30), timedelta(days=180)
MOST_IN_FEED = 1_000

bp = Blueprint("followups", __name__, url_prefix="/followups", template_folder="templates")


@bp.app_template_filter()
def outcome_name(outcome: Outcome | str) -> str:
    return _(OUTCOMES[Outcome(outcome)])


@bp.get("/")
@auth.login_required
def index() -> Response:
    """The workbench."""
    scope = request.args.get("scope", "")
    return page("followups/index.html", "followups/_day.html", **_workbench(scope))


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
    policies.require(viewer, "followups.log", customer)
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
    except (Conflict, Invalid) as refused:
        return _again(form, refused)
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


@bp.get("/customers/<int:customer_id>/plans/new")
@auth.login_required
def new_plan(customer_id: int) -> Response:
    """The drawer that plans a contact with one customer."""
    session, viewer = context.session(), auth.current_user()
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    policies.require(viewer, "followups.plan", customer)
    form = forms.PlanForm(start={"customer_id": customer.id, "due_at": _proposal(1)})
    return page("followups/plan.html", "followups/_plan.html", **_plan_drawer(form, customer))


@bp.get("/customers/<int:customer_id>/next")
@auth.login_required
def change_next(customer_id: int) -> Response:
    """The drawer that moves the contact planned with a customer, or plans one."""
    session, viewer = context.session(), auth.current_user()
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    policies.require(viewer, "followups.plan", customer)
    planned = session.scalars(queries.open_of_customers([customer.id])).first()
    if planned is None or not policies.may(viewer, "followups.edit", planned):
        return new_plan(customer_id)
    due = planned.due_at.astimezone(company(session).zone).strftime("%Y-%m-%dT%H:%M")
    return page(
        "followups/next.html",
        "followups/_next.html",
        followup=planned,
        customer=customer,
        due=due,
        back=_back(),
    )


@bp.post("/plans")
@auth.login_required
def plan() -> Response:
    session, viewer, now = context.session(), auth.current_user(), context.now_once()
    form = forms.PlanForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return _again(form)
    try:
        followup = services.plan(session, wanted, by=viewer, now=now)
    except (Conflict, Invalid) as refused:
        return _again(form, refused)
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
        due_at = _time("due_at")
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


@bp.post("/<int:followup_id>/owner")
@auth.login_required
def reassign(followup_id: int) -> Response:
    """A lead hands the planned contact to a colleague."""
    owner_id = request.form.get("owner_id", type=int) or 0
    followup = services.reassign(context.session(), followup_id, owner_id, by=auth.current_user())
    text = _("Handed over to %(name)s.", name=followup.owner.name)
    return toast(_after(followup), text)


@bp.post("/unplanned/spread")
@auth.login_required
def spread() -> Response:
    """Plan a contact for own customers who have nothing planned, over the coming days."""
    count = services.spread_unplanned(
        context.session(), by=auth.current_user(), now=context.now_once()
    )
    text = ngettext("%(num)d customer planned.", "%(num)d customers planned.", count)
    return toast(go_to(url_for("followups.index")), text)


@bp.get("/feed")
@auth.login_required
def about_feed() -> Response:
    """How to have one's follow-ups in the calendar of a phone."""
    return page("followups/feed.html", address=None)


@bp.post("/feed")
@auth.login_required
def make_feed() -> Response:
    """A new private address, shown once; the earlier one ends."""
    wanted = NewToken(_("Calendar feed"), (auth.Scope.CALENDAR_READ,), days=None)
    _token, secret = tokens.renew(
        context.session(), wanted, by=auth.current_user(), now=context.now_once()
    )
    path = url_for(".feed", secret=secret)
    return page("followups/feed.html", address=context.settings().base_url + path, status=201)


@bp.get("/feed/<secret>.ics")
def feed(secret: str) -> Response:
    """The open follow-ups of whoever made the address; for calendars, which cannot sign in."""
    owner, now = auth.user_of_address(secret, auth.Scope.CALENDAR_READ), context.now_once()
    planned = queries.planned_for(owner, since=now - FEED_BACK, until=now + FEED_AHEAD)
    found = context.session().scalars(planned.limit(MOST_IN_FEED)).all()
    name = _("Follow-ups of %(name)s", name=owner.name)
    content = calendars.written(name, [_entry(followup) for followup in found], now=now)
    return Response(content, content_type="text/calendar; charset=utf-8")


def _entry(followup: FollowUp) -> Entry:
    """No phone number and no address: a feed lies in other people's programs."""
    customer, house = followup.customer, company(context.session())
    number = customer.external_id or str(customer.id)
    name = customer.name or customer.company or _("Customer %(number)s", number=number)
    local = followup.due_at.astimezone(house.zone)
    base = context.settings().base_url
    activity = followup.activity.title if followup.activity else ""
    return Entry(
        uid=f"followup-{followup.id}@{urlsplit(base).hostname}",
        sequence=followup.version,
        starts=followup.due_at if local.time() > MIDNIGHT else local.date(),
        title=" · ".join(part for part in (name, followup.purpose) if part),
        text=activity,
        url=base + url_for("customers.show", customer_id=customer.id),
    )


def _workbench(scope: str = "") -> dict[str, Any]:
    session, viewer, now = context.session(), auth.current_user(), context.now_once()
    mine = scope != "team" or viewer.role is Role.REP
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
        "may_log": policies.may(viewer, "followups.log"),
        "channels": forms.CHANNELS,
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
    next_days = [
        (_("Tomorrow"), _proposal(1)),
        (_("In 3 days"), _proposal(3)),
        (_("In a week"), _proposal(7)),
        (_("In a month"), _proposal(30)),
    ]
    offered = {value for _label, value in next_days}
    other = [value for value in form.values("next_at") if value and value not in offered]
    return {
        "form": form,
        "customer": customer,
        "followup": followup,
        "chip": _chip(customer),
        "channels": forms.CHANNELS,
        "outcomes": forms.OUTCOMES,
        "proposals": proposals,
        "next_days": next_days,
        "other_day": other[-1] if other else "",
        "may_suppress": policies.may(auth.current_user(), "outreach.suppress", customer),
        "back": _back(),
    }


def _plan_drawer(form: forms.PlanForm, customer: Customer) -> dict[str, Any]:
    may_override = policies.may(auth.current_user(), "outreach.override", customer)
    return {
        "form": form,
        "customer": customer,
        "chip": _chip(customer),
        "may_override": may_override,
        "back": _back(),
    }


def _chip(customer: Customer) -> object:
    now, viewer = context.now_once(), auth.current_user()
    return outreach_panels.chips(context.session(), [customer.id], viewer, now)[customer.id]


def _proposal(days: int) -> str:
    """A day from today at nine, as a datetime-local field wants it."""
    house = company(context.session())
    when = rules.morning(house.day_of(context.now_once()) + timedelta(days=days), house)
    return f"{when.astimezone(house.zone):%Y-%m-%dT%H:%M}"


def _time(name: str) -> datetime:
    try:
        found: datetime = CompanyDateTime().deserialize(request.form.get(name) or None)
    except ValidationError as error:
        fields = {name: [str(text) for text in error.messages]}
        raise Invalid("core.invalid", fields=fields) from error
    return found


def _again(
    form: forms.LogForm | forms.PlanForm, refused: Conflict | Invalid | None = None
) -> Response:
    """The drawer with what is wrong; the text is kept, and nothing else."""
    status = 422
    if refused is not None:
        context.abandon()
        form.refuse(refused)
        status = errors.STATUS[type(refused)]
    session, viewer = context.session(), auth.current_user()
    customer_id = request.form.get("customer_id", type=int) or 0
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    if isinstance(form, forms.PlanForm):
        shown = _plan_drawer(form, customer)
        return page("followups/plan.html", "followups/_plan.html", status=status, **shown)
    shown = _drawer(form, customer, queries.open_of_customer(session, customer.id))
    return page("followups/new.html", "followups/_log.html", status=status, **shown)


def _after(followup: FollowUp) -> Response:
    """Back to where it was done; on the workbench with htmx only the day's list comes anew."""
    back, workbench = urlsplit(_back()), url_for("followups.index")
    if not (is_fragment_request() and back.path == workbench):
        return go_to(_back())
    scope = parse_qs(back.query).get("scope", [""])[-1]
    response = Response(render_template("followups/_day.html", **_workbench(scope)))
    response.headers["HX-Retarget"] = "#day"
    response.headers["HX-Reswap"] = "outerHTML"
    return response


def _back() -> str:
    """The page on which the drawer was opened or the button pressed; else the workbench."""
    workbench = url_for("followups.index")
    wanted = request.form.get("_next") or request.form.get("next") or _page_asking()
    found = next_address(current_app, wanted, workbench)
    is_drawer = urlsplit(found).path.startswith(workbench)  # all other pages of ours are
    return found if urlsplit(found).path == workbench or not is_drawer else workbench


def _page_asking() -> str:
    try:
        asking = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    except ValueError:  # no address at all
        return ""
    if asking.netloc != request.host:
        return ""
    return f"{asking.path}?{asking.query}" if asking.query else asking.path
