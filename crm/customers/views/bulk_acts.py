"""Acts on many customers of the list: the number first, then the act, then its way back."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from crm.core.errors import Conflict, Invalid
from crm.customers.forms.bulk_acts import KINDS, BulkForm
from crm.customers.forms.customers import stage_choices
from crm.customers.models import BulkAct, BulkKind, names
from crm.customers.queries import bulk_acts as queries
from crm.customers.queries import choices, listing
from crm.customers.schemas.bulk_acts import POOL, AskMany
from crm.customers.services import bulk_acts as services
from crm.customers.services import bulk_undoing, customers
from crm.customers.services.bulk_acts import ActOnMany, Preview, Whom
from crm.customers.services.bulk_undoing import UNDO_WITHIN
from crm.customers.views import list_state
from crm.customers.views.list_state import ListState
from crm.users.auth import current_user, login_required
from crm.users.models import User
from crm.web import context, errors, filters
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

SHOWN = 20

bp = Blueprint("bulk_acts", __name__, url_prefix="/customers/acts", template_folder="../templates")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form wishes: the act, once its value is chosen, and the list it stands on."""

    sent: AskMany
    state: ListState
    act: ActOnMany | None


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """One's own acts of late, each with its way back while there is one."""
    session, now = context.session(), context.now_once()
    done = session.scalars(queries.mine(current_user()).limit(SHOWN)).all()
    return page(
        "customers/acts.html",
        acts=[
            (one, _said(one), one.undone_at is None and now - one.created_at < UNDO_WITHIN)
            for one in done
        ],
    )


@bp.post("/preview")
@login_required
@not_kept
def preview() -> ResponseReturnValue:
    """How many it would change; nothing is done."""
    return _preview_page(_asked())


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    session, by = context.session(), current_user()
    asked = _asked()
    if asked.act is None:
        return _preview_page(asked, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        done = services.act(session, asked.act, by=by, now=context.now_once())
    except (Conflict, Invalid) as refusal:
        context.abandon()
        return _preview_page(
            _asked(), status=errors.STATUS[type(refusal)], problem=errors.message(refusal)
        )
    undo = url_for(".undo", public_id=done.public_id)
    return toast(go_to(list_state.address(asked.state)), _said(done), undo=undo)


@bp.post("/<public_id>/undo")
@login_required
def undo(public_id: str) -> ResponseReturnValue:
    session, by = context.session(), current_user()
    done = queries.get(session, public_id, user=by)
    count = bulk_undoing.undo(session, done, by=by, now=context.now_once())
    text = ngettext(
        "Taken back for %(count)s customer",
        "Taken back for %(count)s customers",
        count,
        count=filters.number(count),
    )
    return toast(go_to(_home()), text)


def _home() -> str:
    """The page that the undo was pressed on, if it is one of ours."""
    wanted = request.form.get("next", "")
    return wanted if wanted.startswith("/customers/") else url_for(".index")


def _asked() -> Asked:
    session, by = context.session(), current_user()
    sent = list_state.parsed(BulkForm(request.form))
    state = list_state.state_of(session, list_state.asked_in(sent.list), by)
    whom = Whom(filters=state.filters) if sent.whole else Whom(sent.customer_ids)
    return Asked(sent, state, _act(sent, whom))


def _act(sent: AskMany, whom: Whom) -> ActOnMany | None:
    """None as long as its value is not chosen."""
    if sent.kind in {BulkKind.TAG_ON, BulkKind.TAG_OFF}:
        return (
            ActOnMany(sent.kind, whom, tag=sent.tag, expected=sent.expected) if sent.tag else None
        )
    if sent.kind is BulkKind.STAGE:
        stage = sent.stage
        return ActOnMany(sent.kind, whom, stage=stage, expected=sent.expected) if stage else None
    if not (sent.owner == POOL or sent.owner.isdecimal()):
        return None
    owner_id = None if sent.owner == POOL else int(sent.owner)
    return ActOnMany(sent.kind, whom, owner_id=owner_id, expected=sent.expected)


def _preview_page(asked: Asked, *, status: int = 200, problem: str = "") -> Response:
    session, by, now = context.session(), current_user(), context.now_once()
    shown = None
    if asked.act is not None and (asked.sent.whole or asked.sent.customer_ids):
        try:
            shown = services.preview(session, asked.act, by=by, now=now)
        except Invalid as refusal:
            status, problem = errors.STATUS[type(refusal)], errors.message(refusal)
    answer = page(
        "customers/act.html",
        "customers/_act.html",
        status=status,
        sent=asked.sent,
        kind=asked.sent.kind.value,
        title=KINDS[asked.sent.kind],
        question=list_state.question(asked.state),
        whole_count=listing.count(session, asked.state.filters, viewer=by, now=now),
        shown=shown,
        confirm=_confirm(asked.sent, shown) if shown else "",
        problem=problem,
        **_choices(asked.sent.kind, by),
    )
    if status >= HTTPStatus.BAD_REQUEST:
        answer.headers["HX-Retarget"] = "closest dialog"
    return answer


def _choices(kind: BulkKind, by: User) -> dict[str, Any]:
    """Only what this kind of act is chosen from."""
    session = context.session()
    found: dict[str, Any] = {}
    if kind in {BulkKind.TAG_ON, BulkKind.TAG_OFF}:
        found["tags"] = choices.tags(session)
    elif kind is BulkKind.STAGE:
        found["stages"] = stage_choices()
    else:
        found["owners"] = [(str(one.id), one.name) for one in customers.owners(session, by)]
    return found


def _confirm(sent: AskMany, shown: Preview) -> str:
    """The button: verb, object, exact number."""
    count, number = shown.changing, filters.number(shown.changing)
    if sent.kind is BulkKind.TAG_ON:
        return ngettext(
            "Put the tag on %(count)s customer", "Put the tag on %(count)s customers", count,
            count=number,
        )  # fmt: skip
    if sent.kind is BulkKind.TAG_OFF:
        return ngettext(
            "Take the tag off %(count)s customer", "Take the tag off %(count)s customers", count,
            count=number,
        )  # fmt: skip
    if sent.kind is BulkKind.STAGE:
        return ngettext(
            "Change the stage of %(count)s customer", "Change the stage of %(count)s customers",
            count, count=number,
        )  # fmt: skip
    if sent.owner == POOL:
        return ngettext(
            "Give %(count)s customer back to the pool", "Give %(count)s customers back to the pool",
            count, count=number,
        )  # fmt: skip
    return ngettext(
        "Hand over %(count)s customer", "Hand over %(count)s customers", count, count=number
    )


def _said(done: BulkAct) -> str:
    """What an act did, in one line."""
    count, number = done.customer_count, filters.number(done.customer_count)
    if done.kind is BulkKind.TAG_ON:
        return ngettext(
            "The tag is put on %(count)s customer", "The tag is put on %(count)s customers", count,
            count=number,
        )  # fmt: skip
    if done.kind is BulkKind.TAG_OFF:
        return ngettext(
            "The tag is taken off %(count)s customer", "The tag is taken off %(count)s customers",
            count, count=number,
        )  # fmt: skip
    if done.kind is BulkKind.STAGE and done.stage is not None:
        return ngettext(
            "%(count)s customer is now in the stage %(stage)s",
            "%(count)s customers are now in the stage %(stage)s",
            count, count=number, stage=gettext(names.STAGES[done.stage]),
        )  # fmt: skip
    return ngettext(
        "%(count)s customer has changed hands", "%(count)s customers have changed hands", count,
        count=number,
    )  # fmt: skip
