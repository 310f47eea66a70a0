"""Pages of merges: two records side by side, the merge itself, many at once, and the split."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from crm.core.errors import Conflict, Invalid, NotFound
from crm.customers import queries
from crm.customers.forms.duplicates import ChosenForm
from crm.customers.forms.merges import MergeForm, lines
from crm.customers.models import Customer
from crm.customers.queries import custom_fields, merges
from crm.customers.queries import duplicates as pairs
from crm.customers.queries.duplicates import Suggestion
from crm.customers.rules.duplicates import Confidence
from crm.customers.services import merging, parting
from crm.customers.services.merging import MergeCustomers
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.htmx import go_to, page, toast

bp = Blueprint("merges", __name__, template_folder="../templates")


@bp.get("/customers/<int:customer_id>/merges/new/<public_id>")
@login_required
def new(customer_id: int, public_id: str) -> ResponseReturnValue:
    """Both records side by side, with what the rules propose."""
    session, by = context.session(), current_user()
    kept = queries.get(session, customer_id, visible_to=by)
    other = queries.get_by_public_id(session, public_id, visible_to=by)
    for one in (kept, other):
        policies.require(by, "customers.merge", one)
    if other.id == kept.id:
        raise Conflict("merges.already_merged")
    faces = merges.face(session, kept), merges.face(session, other)
    return page(
        "merges/new.html",
        "merges/_new.html",
        kept=kept,
        other=other,
        lines=lines((kept, other), faces, custom_fields.shown(session)),
        tags=sorted({tag.name for one in (kept, other) for tag in one.tags}),
        belongings=merges.belongings(session, [kept.id, other.id]),
    )


@bp.post("/customers/<int:customer_id>/merges")
@login_required
def create(customer_id: int) -> ResponseReturnValue:
    session, by = context.session(), current_user()
    kept = queries.get(session, customer_id, visible_to=by)
    policies.require(by, "customers.merge", kept)
    form = MergeForm(request.form)
    wanted = form.parse()
    if wanted is None:
        raise Invalid("core.invalid", fields=form.errors)
    other = queries.get_by_public_id(session, wanted.other, visible_to=by)
    command = MergeCustomers(kept.id, other.id, wanted.choices, wanted.versions)
    name = other.title
    item = merging.merge(session, command, by=by, now=context.now_once())
    return toast(
        go_to(url_for("customers.show", customer_id=kept.id)),
        gettext("%(name)s is merged into this record", name=name),
        undo=url_for(".split", merge_id=item.id),
    )


@bp.post("/merges/<int:merge_id>/split")
@login_required
def split(merge_id: int) -> ResponseReturnValue:
    session, by = context.session(), current_user()
    item = merges.get(session, merge_id, visible_to=by)
    parting.part(session, item, by=by, now=context.now_once())
    kept, merged = merges.sides(session, item)
    text = gettext("%(a)s and %(b)s are two records again", a=kept.title, b=merged.title)
    return toast(go_to(url_for("customers.show", customer_id=item.kept_id)), text)


@bp.get("/duplicates/merges/new")
@login_required
def new_many() -> ResponseReturnValue:
    """The question before many pairs are merged, with what will happen in numbers."""
    policies.require(current_user(), "customers.merge")
    found = _chosen()
    return page(
        "merges/many.html",
        "merges/_many.html",
        pairs=_certain(found),
        records=_records(found),
        left_out=len(found) - len(_certain(found)),
    )


@bp.post("/duplicates/merges")
@login_required
def create_many() -> ResponseReturnValue:
    """Merge certain pairs, each by rule, the older record surviving; all of them or none."""
    session, by, now = context.session(), current_user(), context.now_once()
    policies.require(by, "customers.merge")
    found = _chosen()
    if not found:
        raise NotFound("core.not_found")
    if len(_certain(found)) < len(found):
        raise Conflict("duplicates.not_certain")
    count = 0
    for one in found:
        # An earlier pair of the same lot may have merged one of these two already.
        kept, other = (queries.get(session, side.id, visible_to=by) for side in (one.a, one.b))
        if kept.id != other.id:
            merging.merge(session, MergeCustomers(*_older_first(kept, other)), by=by, now=now)
            count += 1
    text = ngettext("%(num)d record is merged", "%(num)d records are merged", count)
    return toast(go_to(url_for("duplicates.index")), text)


def _chosen() -> list[Suggestion]:
    form = ChosenForm(request.form if request.method == "POST" else request.args)
    chosen = form.parse()
    if chosen is None:
        raise Invalid("core.invalid", fields=form.errors)
    return pairs.among(context.session(), chosen.pair_ids, viewer=current_user())


def _certain(found: list[Suggestion]) -> list[Suggestion]:
    return [one for one in found if one.pair.strength == Confidence.CERTAIN]


def _records(found: list[Suggestion]) -> int:
    """How many records will be merged into others: pairs that hang together make one."""
    groups: list[set[int]] = []
    for one in _certain(found):
        group = {one.a.id, one.b.id}
        touching = [known for known in groups if known & group]
        groups = [known for known in groups if not known & group]
        groups.append(group.union(*touching))
    return sum(len(group) - 1 for group in groups)


def _older_first(first: Customer, second: Customer) -> tuple[int, int]:
    kept, other = sorted((first, second), key=lambda one: (one.created_at, one.id))
    return kept.id, other.id
