"""Files of the list: ask for one, watch it being written, fetch it."""

from typing import Any

from flask import Blueprint, Response, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from crm.core.company import company
from crm.core.messages import ERRORS
from crm.customers.forms.lists import FORMATS, STATES, ExportForm
from crm.customers.models import Export, ExportState
from crm.customers.queries import exports as queries
from crm.customers.queries import list_columns, listing
from crm.customers.schemas.lists import AskedList, AskExport
from crm.customers.services import exporting
from crm.customers.services.exporting import NewExport
from crm.customers.views import list_state
from crm.customers.views.list_state import ListState
from crm.users import policies
from crm.users.auth import current_user, login_required, recent_required
from crm.web import context, shell
from crm.web.htmx import go_to, page, toast

SHOWN = 30

bp = Blueprint("exports", __name__, url_prefix="/exports", template_folder="../templates")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """One's own files: a file holds what its maker may see."""
    policies.require(current_user(), "customers.export")
    return page("exports/index.html", "exports/_list.html", **_listed())


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    """What would stand in the file of the list as it is asked for now."""
    policies.require(current_user(), "customers.export")
    return _new_page(list_state.asked_in(request.query_string.decode("ascii", "replace")))


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    policies.require(current_user(), "customers.export")
    # Everybody's customers in one file: whoever left his desk open should not lose them all.
    sees_all = policies.RECORDS[current_user().role] is policies.ALL
    return _create_confirmed() if sees_all else _create()


@bp.post("/<public_id>/cancellation")
@login_required
def cancel(public_id: str) -> ResponseReturnValue:
    export = queries.get(context.session(), public_id, user=current_user(), lock=True)
    exporting.cancel(context.session(), export, now=context.now_once())
    return toast(go_to(url_for(".index")), gettext("The file is not made"))


@bp.get("/<public_id>/file")
@login_required
def file(public_id: str) -> ResponseReturnValue:
    """The file, for who asked for it, as long as he may see what stands in it."""
    session, viewer, now = context.session(), current_user(), context.now_once()
    export = queries.get(session, public_id, user=viewer)
    path = exporting.file_for(session, export, viewer=viewer)
    with context.own_transaction() as mine:
        exporting.note_download(mine, export, by=viewer, now=now)
    return send_file(path, as_attachment=True, download_name=file_name(export))


def file_name(export: Export) -> str:
    """What it is saved as: the list's name and the company's day."""
    day = company(context.session()).day_of(export.created_at)
    title = "".join(char for char in export.title if char.isalnum() or char in " -_").strip()
    return f"{title or 'customers'}-{day:%Y-%m-%d}.{export.format.value}"


def _create() -> ResponseReturnValue:
    session, by = context.session(), current_user()
    wanted = list_state.parsed(ExportForm(request.form))
    state = list_state.state_of(session, list_state.asked_in(wanted.list), by)
    asked = NewExport(
        filters=state.filters,
        format=wanted.format,
        columns=_columns(state, wanted),
        title=state.view.name if state.view else "",
    )
    exporting.request(session, asked, by=by, locale=shell.choose_locale(), now=context.now_once())
    return toast(go_to(url_for(".index")), gettext("The file is being made; it will stand here"))


_create_confirmed = recent_required(_create)


def _columns(state: ListState, wanted: AskExport) -> list[str]:
    if not wanted.all_columns:
        return list(state.columns)
    return [column.name for column in list_columns.offered(context.session()) if column.is_filed]


def _new_page(asked: AskedList) -> Response:
    session, viewer = context.session(), current_user()
    state = list_state.state_of(session, asked, viewer)
    known = {column.name: column for column in list_columns.offered(session)}
    return page(
        "exports/new.html",
        "exports/_new.html",
        count=listing.count(session, state.filters, viewer=viewer, now=context.now_once()),
        question=list_state.question(state),
        shown=[
            list_state.label_of(known[name]) for name in ("name", *state.columns) if name in known
        ],
        formats=[(one.value, label) for one, label in FORMATS.items()],
        title=state.view.name if state.view else "",
    )


def _listed() -> dict[str, Any]:
    found = context.session().scalars(queries.mine(current_user()).limit(SHOWN)).all()
    at_work = {ExportState.RUNNING, ExportState.PACKING}
    codes = {export.error_code for export in found if export.error_code}
    return {
        "exports": found,
        "states": {state.value: label for state, label in STATES.items()},
        "is_waiting": any(export.state in at_work for export in found),
        "refusals": {code: gettext(ERRORS[code]) for code in codes},
    }
