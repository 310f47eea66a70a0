"""Pages of suggested duplicates: the list, the question before many are decided, and the acts."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from crm.core.errors import Invalid, NotFound
from crm.customers.forms.duplicates import CONFIDENCES, ChosenForm, ListForm
from crm.customers.queries import duplicates as queries
from crm.customers.queries import listing
from crm.customers.rules.duplicates import Confidence
from crm.customers.schemas import answers
from crm.customers.schemas.duplicates import Chosen
from crm.customers.services import duplicates
from crm.customers.views import shown_pairs
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context, filters
from crm.web.htmx import go_to, page, toast

bp = Blueprint("duplicates", __name__, url_prefix="/duplicates", template_folder="../templates")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    session, viewer = context.session(), current_user()
    policies.require(viewer, "customers.merge")
    asked = ListForm(request.args).parse()
    if asked is None:
        raise Invalid("core.invalid")
    found = queries.page(session, viewer=viewer, confidence=asked.confidence, cursor=asked.cursor)
    return page(
        "duplicates/index.html",
        "duplicates/_list.html",
        rows=shown_pairs.rows(session, found.items, viewer),
        tabs=_tabs(asked.confidence),
        crowds=shown_pairs.crowds(queries.crowds(session, viewer=viewer)),
        is_looking=queries.is_looking(session),
        next_url=answers.page_url(found.next_cursor),
        previous_url=answers.page_url(found.previous_cursor),
    )


@bp.get("/dismissals/new")
@login_required
def new_dismissal() -> ResponseReturnValue:
    """The question before many pairs are told apart, with their number."""
    policies.require(current_user(), "customers.merge")
    found = queries.among(context.session(), _chosen().pair_ids, viewer=current_user())
    return page("duplicates/dismiss.html", "duplicates/_dismiss.html", found=found)


@bp.post("/dismissals")
@login_required
def dismiss() -> ResponseReturnValue:
    """Say of these pairs that each is two customers; the toast can take it back."""
    session, by, now = context.session(), current_user(), context.now_once()
    policies.require(by, "customers.merge")
    found = queries.among(session, _chosen().pair_ids, viewer=by)
    if not found:
        raise NotFound("core.not_found")
    for one in found:
        duplicates.dismiss(session, one.pair, by=by, now=now)
    count = len(found)
    text = ngettext(
        "%(num)d pair is not suggested any more", "%(num)d pairs are not suggested any more", count
    )
    ids = [one.pair.id for one in found]
    back = request.form.get("_back", "")
    to = url_for("customers.show", customer_id=int(back)) if back.isdecimal() else None
    undo = url_for(".reopen", pair_ids=ids)
    return toast(go_to(to or url_for(".index")), text, undo=undo)


@bp.post("/dismissals/removal")
@login_required
def reopen() -> ResponseReturnValue:
    """Undo of `dismiss`."""
    session, by = context.session(), current_user()
    policies.require(by, "customers.merge")
    for pair_id in request.args.getlist("pair_ids", type=int):
        pair = queries.get(session, pair_id, visible_to=by)
        duplicates.reopen(session, pair, by=by)
    return toast(go_to(url_for(".index")), gettext("They are suggested again"))


def _chosen() -> Chosen:
    form = ChosenForm(request.form if request.method == "POST" else request.args)
    chosen = form.parse()
    if chosen is None:
        raise Invalid("core.invalid", fields=form.errors)
    return chosen


def _tabs(wanted: Confidence | None) -> list[tuple[str, str, str, bool]]:
    counts = queries.counts(context.session(), viewer=current_user())
    most = listing.COUNTED

    def told(count: int) -> str:
        return f"{most}+" if count > most else filters.number(count)

    tabs = [(gettext("All pairs"), url_for(".index"), told(sum(counts.values())), wanted is None)]
    for one in reversed(Confidence):
        address = url_for(".index", confidence=one.name)
        tabs.append((str(CONFIDENCES[one][0]), address, told(counts[one]), one is wanted))
    return tabs
