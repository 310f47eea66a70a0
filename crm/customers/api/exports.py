"""Files of customers, for programs: asked for, watched, fetched."""

from typing import Any

from flask import jsonify, make_response, send_file
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.core.errors import Invalid
from crm.customers.models import Export
from crm.customers.queries import exports as queries
from crm.customers.queries import saved_views
from crm.customers.queries import segments as segment_queries
from crm.customers.queries.listing import Filters
from crm.customers.schemas.lists import AskExport, ExportIn, ExportOut, ExportsOut
from crm.customers.services import exporting
from crm.customers.services.exporting import NewExport
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.context import now_once, session

SHOWN = 100

blp = Blueprint(
    "exports_api", __name__, url_prefix="/api/v1/exports", description="Lists of customers as files"
)


@blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, ExportsOut)
def index() -> dict[str, Any]:
    """The latest files of the token's owner."""
    policies.require(current_user(), "customers.export")
    return {"items": session().scalars(queries.mine(current_user()).limit(SHOWN)).all()}


@blp.post("")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(ExportIn)
@blp.response(202, ExportOut)
def create(wanted: AskExport) -> ResponseReturnValue:
    """A file of a view, of a segment or of filters, within what the token's owner may see."""
    by = current_user()
    export = exporting.request(session(), _meant(wanted), by=by, locale=by.locale, now=now_once())
    return make_response(jsonify(ExportOut().dump(export)), 202)


@blp.get("/<public_id>")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, ExportOut)
def show(public_id: str) -> Export:
    return queries.get(session(), public_id, user=current_user())


@blp.post("/<public_id>/cancellation")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, ExportOut)
def cancel(public_id: str) -> Export:
    export = queries.get(session(), public_id, user=current_user(), lock=True)
    exporting.cancel(session(), export, now=now_once())
    return export


@blp.get("/<public_id>/file")
@token_required(Scope.CUSTOMERS_READ)
def file(public_id: str) -> ResponseReturnValue:
    """The file itself; 409 until `state` is done."""
    by = current_user()
    export = queries.get(session(), public_id, user=by)
    path = exporting.file_for(session(), export, viewer=by)
    with context.own_transaction() as mine:
        exporting.note_download(mine, export, by=by, now=now_once())
    return send_file(path, as_attachment=True, download_name=f"customers.{export.format.value}")


def _meant(wanted: AskExport) -> NewExport:
    if sum(bool(one) for one in (wanted.view, wanted.segment, wanted.filters != Filters())) > 1:
        raise Invalid("exports.one_list")
    filters, columns, title = wanted.filters, wanted.columns, ""
    if wanted.view:
        view = saved_views.get_by_public_id(session(), wanted.view, viewer=current_user())
        filters, title = saved_views.filters_of(view), view.name
        columns = columns or view.columns
    if wanted.segment:
        segment = segment_queries.get_by_public_id(session(), wanted.segment)
        filters, title = Filters(segment=segment.id), segment.name
    return NewExport(filters, wanted.format, columns, title)
