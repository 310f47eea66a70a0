"""Pages of customers: the list, the record, its form, and the small acts on it."""

from collections.abc import Sequence
from typing import Any, TypeVar

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from sqlalchemy.orm.exc import StaleDataError

from crm.core.errors import Conflict, Invalid
from crm.customers import queries
from crm.customers.forms.customers import (
    KINDS,
    NEXTS,
    TABS,
    AssignForm,
    CustomerEditForm,
    CustomerForm,
    ListForm,
    StageForm,
    TagForm,
    TagManyForm,
    differences,
    stage_choices,
    starting_values,
)
from crm.customers.models import Channel, Customer, names
from crm.customers.queries import choices, listing, timeline
from crm.customers.queries.listing import Filters
from crm.customers.schemas import answers
from crm.customers.services import customers, stages, tags
from crm.customers.services.customers import EditCustomer
from crm.customers.views import shown, shown_pairs
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.users.models import User
from crm.web import context
from crm.web.forms import Form
from crm.web.htmx import go_to, page, toast

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
    asked = _parsed(ListForm(request.args))
    found = listing.page(
        session, asked.filters, viewer=viewer, now=context.now_once(), cursor=asked.cursor
    )
    return page(
        "customers/index.html",
        "customers/_list.html",
        wanted=asked.filters,
        rows=shown.rows(session, found.items, viewer),
        next_url=answers.page_url(found.next_cursor),
        previous_url=answers.page_url(found.previous_cursor),
        tabs=_tabs(asked.filters, viewer),
        chips=shown.chips(asked.filters, _owner_name(asked.filters)),
        sorts=shown.sort_links(asked.filters),
        panels=context.panels().at("customers.column"),
        hidden_fields=shown.hidden_fields(asked.filters),
        clear_url=shown.address(Filters(tab=asked.filters.tab)),
        query=request.query_string.decode("ascii", "replace"),
        may_create=policies.may(viewer, "customers.create"),
        may_tag=policies.may(viewer, "customers.tag"),
        may_import=policies.may(viewer, "customers.import"),
    )


@bp.get("/filters")
@login_required
def conditions() -> ResponseReturnValue:
    """The conditions to choose from; their values are looked up only here."""
    session = context.session()
    asked = _parsed(ListForm(request.args))
    owners = choices.owners(session, current_user())
    return page(
        "customers/conditions.html",
        "customers/_conditions.html",
        wanted=asked.filters,
        stages=stage_choices(),
        tags=choices.tags(session),
        regions=choices.regions(session),
        owners=[(owner.id, owner.name) for owner in owners],
        nexts=[(one.value, label) for one, label in NEXTS.items()],
    )


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    policies.require(current_user(), "customers.create")
    return render_template("customers/new.html", form=CustomerForm(choices={"kind": KINDS}))


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    policies.require(current_user(), "customers.create")
    form = CustomerForm(request.form, choices={"kind": KINDS})
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
    happened = timeline.page(session, customer.id)
    may_assign = policies.may(viewer, "customers.assign", customer)
    return page(
        "customers/show.html",
        customer=customer,
        stage=gettext(names.STAGES[customer.stage]),
        stages=stage_choices(),
        kind=gettext(names.KINDS[customer.kind]),
        reached=answers.reached(customer, viewer),
        next_tone=shown.due_tone(session, customer.next_followup_at, now),
        totals=listing.totals(session, [customer.id]).get(customer.id),
        duplicates=shown_pairs.of_customer(session, customer, viewer),
        events=shown.events(happened.items),
        older_cursor=happened.next_cursor,
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
    customer = _visible(customer_id)
    happened = timeline.page(context.session(), customer.id, cursor=request.args.get("cursor"))
    return page(
        "customers/timeline.html",
        "customers/_timeline.html",
        customer=customer,
        events=shown.events(happened.items),
        older_cursor=happened.next_cursor,
    )


@bp.get("/<int:customer_id>/edit")
@login_required
def edit(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    policies.require(current_user(), "customers.edit", customer)
    form = CustomerEditForm(start=starting_values(customer), choices={"kind": KINDS})
    return render_template("customers/edit.html", customer=customer, form=form, clashes=())


@bp.post("/<int:customer_id>")
@login_required
def update(customer_id: int) -> ResponseReturnValue:
    customer = _visible(customer_id)
    form = CustomerEditForm(request.form, choices={"kind": KINDS})
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
        return _edit_page(customer, form, 409, clashes=differences(customer, wanted))
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


@bp.post("/tags")
@login_required
def tag_many() -> ResponseReturnValue:
    """Put a tag on the ticked customers; the toast can take it back from those who got it now."""
    policies.require(current_user(), "customers.tag")
    wanted = _parsed(TagManyForm(request.form))
    tagged = tags.put_many(context.session(), wanted, by=current_user(), now=context.now_once())
    count = len(tagged.customer_ids)
    text = ngettext(
        "Tag %(tag)s is put on %(num)d customer",
        "Tag %(tag)s is put on %(num)d customers",
        count,
        tag=tagged.tag.name,
    )
    ids = ",".join(map(str, tagged.customer_ids))
    undo = url_for(".untag_many", tag_id=tagged.tag.id, ids=ids) if count else None
    return toast(go_to(url_for(".index")), text, undo=undo)


@bp.post("/tags/<int:tag_id>/removal")
@login_required
def untag_many(tag_id: int) -> ResponseReturnValue:
    policies.require(current_user(), "customers.tag")
    ids = [int(one) for one in request.args.get("ids", "").split(",") if one.isdecimal()]
    tags.take_many(context.session(), tag_id, ids, by=current_user())
    return toast(go_to(url_for(".index")), gettext("Tag is taken off again"))


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


def _tabs(wanted: Filters, viewer: User) -> list[tuple[Any, str, str, bool]]:
    counts = shown.tab_counts(context.session(), viewer)
    return [
        (label, shown.address(Filters(tab=tab)), counts[tab], tab is wanted.tab)
        for tab, label in TABS.items()
    ]


def _owner_name(wanted: Filters) -> str | None:
    owner = context.session().get(User, wanted.owner) if wanted.owner is not None else None
    return owner.name if owner else None


def _cards(customer: Customer, viewer: User) -> list[tuple[Any, Any]]:
    """What upper modules know about this customer."""
    loaded = context.panels().load(
        "customers.card", context.session(), [customer.id], viewer=viewer, now=context.now_once()
    )
    return [(panel, values.get(customer.id)) for panel, values in loaded]
