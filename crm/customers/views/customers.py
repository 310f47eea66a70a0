"""Pages of customers: the list, the record, its form, and the small acts on it."""

from collections.abc import Sequence
from typing import Any, TypeVar

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm.exc import StaleDataError

from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.forms.customers import (
    NEXTS,
    TABS,
    AssignForm,
    CustomerEditForm,
    CustomerForm,
    StageForm,
    TagForm,
    TimelineForm,
    differences,
    facts,
    stage_choices,
    starting_values,
)
from crm.customers.models import Channel, Customer, CustomField, names
from crm.customers.queries import choices, custom_fields, listing, merges, saved_views, timeline
from crm.customers.queries.listing import At, Filters
from crm.customers.schemas import answers
from crm.customers.services import customers, stages, tags
from crm.customers.services import saved_views as keeping
from crm.customers.services.customers import EditCustomer
from crm.customers.views import list_rows, list_state, shown, shown_pairs
from crm.customers.views.list_state import ListState
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.users.models import User
from crm.web import context
from crm.web.forms import Form
from crm.web.htmx import go_to, is_fragment_request, page, toast

C = TypeVar("C")

bp = Blueprint("customers", __name__, url_prefix="/customers", template_folder="../templates")


@bp.app_template_filter()
def channel_name(channel: Channel | str) -> str:
    """What a way of contact is called, here and on the pages of the modules above."""
    return gettext(names.CHANNELS[Channel(channel)])


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    session, viewer = context.session(), current_user()
    asked = list_state.asked(request.args)
    state = list_state.state_of(session, asked, viewer)
    found = listing.page(
        session,
        state.filters,
        viewer=viewer,
        now=context.now_once(),
        at=At(asked.cursor, state.columns),
    )
    rows = list_rows.rows(session, found.items, state.columns, viewer)
    return page(
        "customers/index.html",
        "customers/_list.html",
        wanted=state.filters,
        heads=list_rows.told(list_rows.heads(state), rows),
        rows=rows,
        editable=list_rows.EDITABLE,
        next_url=answers.page_url(found.next_cursor),
        previous_url=answers.page_url(found.previous_cursor),
        tabs=_tabs(state, viewer),
        chips=list_state.chips(session, state),
        sorts=list_state.sort_links(state),
        sortable=list_state.sortable(state),
        hidden_fields=list_state.hidden_fields(state),
        clear_url=list_state.address(ListState(Filters(tab=state.filters.tab), ())),
        may_create=policies.may(viewer, "customers.create"),
        may_tag=policies.may(viewer, "customers.tag"),
        may_assign=policies.may(viewer, "customers.assign"),
        may_import=policies.may(viewer, "customers.import"),
        may_export=policies.may(viewer, "customers.export"),
        is_part=is_fragment_request(),
        **_open_view(state, viewer),
    )


@bp.get("/filters")
@login_required
def conditions() -> ResponseReturnValue:
    """The conditions to choose from; their values are looked up only here."""
    session = context.session()
    state = list_state.state_of(session, list_state.asked(request.args), current_user())
    owners = choices.owners(session, current_user())
    return page(
        "customers/conditions.html",
        "customers/_conditions.html",
        wanted=state.filters,
        carried=list_state.carried(state),
        own_fields=[(one.name, one.label) for one in custom_fields.shown(session)],
        stages=stage_choices(),
        tags=choices.tags(session),
        segments=choices.segments(session),
        regions=choices.regions(session),
        owners=[(owner.id, owner.name) for owner in owners],
        nexts=[(one.value, label) for one, label in NEXTS.items()],
    )


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    policies.require(current_user(), "customers.create")
    form = CustomerForm(start={"kind": "person"}, custom=_custom())
    return render_template("customers/new.html", form=form)


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    policies.require(current_user(), "customers.create")
    form = CustomerForm(request.form, custom=_custom())
    wanted = form.parse()
    if wanted is None:
        return render_template("customers/new.html", form=form), 422
    if likely := shown_pairs.unseen(wanted, request.form.get("_despite", ""), current_user()):
        return render_template("customers/new.html", form=form, likely=likely), 422
    try:
        customer = customers.create(
            context.session(), wanted, by=current_user(), now=context.now_once()
        )
    except Invalid as refusal:
        form.refuse(refusal)
        return render_template("customers/new.html", form=form), 422
    return toast(_to(customer), gettext("Customer %(name)s is made", name=customer.title))


@bp.get("/<int:customer_id>")
@login_required
def show(customer_id: int) -> ResponseReturnValue:
    session, viewer, now = context.session(), current_user(), context.now_once()
    customer = _visible(customer_id)
    if customer.id != customer_id:  # merged into this one, until somebody splits them
        return redirect(url_for(".show", customer_id=customer.id), 302)
    asked = _parsed(TimelineForm(request.args))
    happened = timeline.page(session, customer.id, kind=asked.kind)
    may_assign = policies.may(viewer, "customers.assign", customer)
    return page(
        "customers/show.html",
        customer=customer,
        stage=gettext(names.STAGES[customer.stage]),
        stages=stage_choices(),
        kind=gettext(names.KINDS[customer.kind]),
        reached=(reached := answers.reached(customer, viewer)),
        facts=facts(customer, _custom(), is_full=reached.is_full),
        persons=shown.persons(session, customer, is_full=reached.is_full),
        next_tone=shown.due_tone(session, customer.next_followup_at, now),
        totals=listing.totals(session, [customer.id]).get(customer.id),
        duplicates=shown_pairs.of_customer(session, customer, viewer),
        merges=merges.splittable(session, customer.id, now=now),
        may_merge=policies.may(viewer, "customers.merge", customer),
        events=shown.events(happened.items, customer, viewer),
        older_cursor=happened.next_cursor,
        kinds=shown.timeline_chips(customer, asked.kind),
        chosen=asked.kind.value if asked.kind else None,
        cards=_cards(customer, viewer),
        colleagues=customers.owners(session, viewer) if may_assign else [],
        may_assign=may_assign,
        may_edit=policies.may(viewer, "customers.edit", customer),
        may_tag=policies.may(viewer, "customers.tag", customer),
        may_claim=customer.owner_id is None and policies.may(viewer, "customers.claim", customer),
    )


@bp.get("/<int:customer_id>/timeline")
@login_required
def show_timeline(customer_id: int) -> ResponseReturnValue:
    """A page of the timeline; of one kind if asked, and the address of the next page says so."""
    customer = _visible(customer_id)
    asked = _parsed(TimelineForm(request.args))
    happened = timeline.page(context.session(), customer.id, kind=asked.kind, cursor=asked.cursor)
    return page(
        "customers/timeline.html",
        "customers/_timeline.html" if asked.cursor else "customers/_timeline_card.html",
        customer=customer,
        events=shown.events(happened.items, customer, current_user()),
        older_cursor=happened.next_cursor,
        kinds=shown.timeline_chips(customer, asked.kind),
        chosen=asked.kind.value if asked.kind else None,
    )


@bp.get("/<int:customer_id>/edit")
@login_required
def edit(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    policies.require(current_user(), "customers.edit", customer)
    custom = _custom()
    form = CustomerEditForm(start=starting_values(customer, custom), custom=custom)
    return render_template("customers/edit.html", customer=customer, form=form, clashes=())


@bp.post("/<int:customer_id>")
@login_required
def update(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    custom = _custom()
    start = starting_values(customer, custom)
    form = CustomerEditForm(request.form, start=start, custom=custom)
    wanted = form.parse()
    if not isinstance(wanted, EditCustomer):
        return _edit_page(customer, form, 422)
    try:
        customers.edit(
            context.session(), customer, wanted, by=current_user(), now=context.now_once()
        )
    except Invalid as refusal:
        form.refuse(refusal)
        return _edit_page(customer, form, 422)
    except (Conflict, StaleDataError):
        context.abandon()
        customer = _visible(customer_id)
        return _edit_page(customer, form, 409, clashes=differences(customer, wanted, _custom()))
    return toast(_to(customer), gettext("Changes are kept"))


@bp.post("/<int:customer_id>/stage")
@login_required
def change_stage(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    wanted = _parsed(StageForm(request.form))
    stages.change(context.session(), customer, wanted, by=current_user(), now=context.now_once())
    stage = gettext(names.STAGES[customer.stage])
    return toast(_to(customer), gettext("Now in the stage %(stage)s", stage=stage))


@bp.post("/<int:customer_id>/claim")
@login_required
def claim(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    customers.claim(context.session(), customer, by=current_user(), now=context.now_once())
    return toast(_to(customer), gettext("%(name)s is yours now", name=customer.title))


@bp.post("/<int:customer_id>/owner")
@login_required
def assign(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    wanted = _parsed(AssignForm(request.form))
    customers.assign(context.session(), customer, wanted, by=current_user(), now=context.now_once())
    return toast(_to(customer), gettext("The owner is changed"))


@bp.post("/<int:customer_id>/tags")
@login_required
def put_tag(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    wanted = _parsed(TagForm(request.form))
    tag = tags.put(context.session(), customer, wanted, by=current_user(), now=context.now_once())
    undo = url_for(".take_tag", customer_id=customer.id, tag_id=tag.id)
    return toast(_to(customer), gettext("Tag %(tag)s is put on", tag=tag.name), undo=undo)


@bp.post("/<int:customer_id>/tags/<int:tag_id>/removal")
@login_required
def take_tag(customer_id: int, tag_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    tags.take(context.session(), customer, tag_id, by=current_user())
    return toast(_to(customer), gettext("Tag is taken off"))


def _custom() -> Sequence[CustomField]:
    return custom_fields.shown(context.session())


def _visible(customer_id: int) -> Customer:
    return queries.get(context.session(), customer_id, visible_to=current_user())


def _parsed(form: Form[C]) -> C:
    """The command of a form that has no page of its own; what is wrong is a refusal."""
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    return wanted


def _to(customer: Customer) -> Response:
    return go_to(url_for(".show", customer_id=customer.id))


def _edit_page(
    customer: Customer, form: CustomerEditForm, status: int, *, clashes: Sequence[Any] = ()
) -> ResponseReturnValue:
    html = render_template("customers/edit.html", customer=customer, form=form, clashes=clashes)
    return html, status


def _tabs(state: ListState, viewer: User) -> list[tuple[Any, str, str, bool]]:
    """The house's lists with their counts, then the saved views."""
    session, view = context.session(), state.view
    counts = shown.tab_counts(session, viewer)
    house: list[tuple[Any, str, str, bool]] = [
        (
            label,
            list_state.address(ListState(Filters(tab=tab), ())),
            counts[tab],
            view is None and tab is state.filters.tab,
        )
        for tab, label in TABS.items()
    ]
    return house + [
        (one.name, url_for(".index", view=one.id), "", view is not None and one.id == view.id)
        for one in saved_views.shown(session, viewer)
    ]


def _open_view(state: ListState, viewer: User) -> dict[str, Any]:
    """The saved view that is open, and what this person may do with it."""
    view = state.view
    return {
        "view": view,
        "is_edited": state.is_edited,
        "is_narrowed": bool(saved_views.as_json(state.filters).keys() - {"tab"}),
        "question": list_state.question(state),
        "is_default": state.is_default,
        "is_own_view": bool(view and view.owner_id == viewer.id),
        "may_change_view": bool(view and keeping.may_change(view, viewer)),
    }


def _cards(customer: Customer, viewer: User) -> list[tuple[Any, Any]]:
    """What upper modules know about this customer."""
    loaded = context.panels().load(
        "customers.card", context.session(), [customer.id], viewer=viewer, now=context.now_once()
    )
    return [(panel, values.get(customer.id)) for panel, values in loaded]
