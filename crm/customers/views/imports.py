"""Pages of imports: upload, say what the columns mean, watch, see what was not taken."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.datastructures import FileStorage

from crm.core import spreadsheet
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.spreadsheet import Limits
from crm.customers.forms import imports as forms
from crm.customers.models import Import, ImportKind, ImportState
from crm.customers.queries import imports as queries
from crm.customers.rules import header_rows, mappings
from crm.customers.services import (
    importing,
    importing_checks,
    importing_files,
    importing_mappings,
    importing_undo,
)
from crm.customers.services.importing import NewImport
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.users.models import User
from crm.web import context
from crm.web.errors import message
from crm.web.htmx import go_to, page
from crm.web.idempotency import not_kept
from crm.web.security import takes_files

RECENT = 20
SHOWN_ROWS = 3
TRIED_ROWS = 8
SHOWN_REFUSALS = 50

Begin: TypeAlias = Callable[..., None]

bp = Blueprint("imports", __name__, url_prefix="/imports", template_folder="../templates")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    return _index(_maker())


@bp.get("/template.csv")
@login_required
def template() -> ResponseReturnValue:
    """An empty file whose header is understood without being told."""
    _maker()
    kind = request.args.get("kind", ImportKind.CUSTOMERS.value)
    labels = forms.fields_of(kind)
    if not labels:
        raise NotFound("core.not_found")
    text = "\ufeff" + _line([str(forms.header_of(kind, name)) for name in labels])
    response = Response(text, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
    return response


@bp.post("/")
@login_required
@not_kept
@takes_files
def create() -> ResponseReturnValue:
    by = _maker()
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _index(by, problem=gettext("Choose a file first."), status=422)
    try:
        item = _upload(sent, by)
    except Invalid as refused:
        return _index(by, problem=message(refused), status=422)
    return go_to(url_for("imports.show", import_id=item.id))


@bp.get("/<int:import_id>")
@login_required
def show(import_id: int) -> ResponseReturnValue:
    item = queries.get(context.session(), import_id, visible_to=_maker())
    return _shown(item)


@bp.post("/<int:import_id>/reading")
@login_required
def read_again(import_id: int) -> ResponseReturnValue:
    """Another sheet, header row or encoding."""
    session, by = context.session(), _maker()
    item = queries.get(session, import_id, visible_to=by, lock=True)
    limits = Limits(rows=context.settings().max_import_rows)
    try:
        reading = forms.reading(request.form, limits=limits)
        importing.read_again(session, item, reading, by=by)
    except Invalid as refused:
        session.refresh(item)
        return _shown(item, problem=message(refused), status=422)
    return go_to(url_for("imports.show", import_id=item.id))


@bp.get("/<int:import_id>/preview")
@login_required
def preview(import_id: int) -> ResponseReturnValue:
    """What the first rows become with the columns chosen so far."""
    item = queries.get(context.session(), import_id, visible_to=_maker())
    if item.state is not ImportState.PREPARED:
        raise Conflict("import.already_running")
    return page("imports/preview.html", "imports/_preview.html", **_tried(item, request.args))


@bp.post("/<int:import_id>/check")
@login_required
def check(import_id: int) -> ResponseReturnValue:
    return _go(import_id, importing.check)


@bp.post("/<int:import_id>/mapping")
@login_required
def change_mapping(import_id: int) -> ResponseReturnValue:
    """Back from the check to the columns."""
    session, by = context.session(), _maker()
    item = queries.get(session, import_id, visible_to=by, lock=True)
    importing.change_mapping(session, item, by=by)
    return go_to(url_for("imports.show", import_id=item.id))


@bp.post("/<int:import_id>/run")
@login_required
def run(import_id: int) -> ResponseReturnValue:
    return _go(import_id, importing.begin)


@bp.post("/<int:import_id>/undo")
@login_required
def undo(import_id: int) -> ResponseReturnValue:
    session, by = context.session(), _maker()
    item = queries.get(session, import_id, visible_to=by, lock=True)
    importing_undo.undo(session, item, by=by, now=context.now_once())
    return go_to(url_for("imports.show", import_id=item.id))


@bp.post("/<int:import_id>/cancellation")
@login_required
def cancel(import_id: int) -> ResponseReturnValue:
    session, by = context.session(), _maker()
    item = queries.get(session, import_id, visible_to=by, lock=True)
    importing.cancel(session, item, by=by, now=context.now_once())
    return go_to(url_for("imports.show", import_id=item.id))


@bp.get("/<int:import_id>/refused.csv")
@login_required
def refused(import_id: int) -> ResponseReturnValue:
    """The rows that were not taken, as they came, with the reason behind them."""
    item = queries.get(context.session(), import_id, visible_to=_maker())
    if item.state is ImportState.PREPARED:
        raise Conflict("import.not_begun")
    response = Response("".join(_refused_lines(item)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="refused-{item.id}.csv"'
    return response


def _maker() -> User:
    user = current_user()
    policies.require(user, "customers.import")
    return user


def _upload(sent: FileStorage, by: User) -> Import:
    session = context.session()
    # Reading a large file takes seconds: meanwhile this request must not hold the write lock.
    session.expunge(by)
    context.abandon()
    kind = ImportKind(request.form.get("kind", ImportKind.CUSTOMERS.value))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        sent.save(path)
        wanted = NewImport(
            kind=kind,
            path=path,
            file_name=sent.filename or "",
            encoding=request.form.get("encoding") or None,
            source=request.form.get("source", "").strip(),
            limits=Limits(rows=context.settings().max_import_rows),
            keep_original=True,
        )
        return importing.upload(session, wanted, by=by, now=context.now_once())


def _index(by: User, *, problem: str = "", status: int = 200) -> Response:
    recent = context.session().execute(queries.recent(by, count=RECENT)).all()
    return page(
        "imports/index.html",
        status=status,
        recent=recent,
        kinds=forms.KINDS,
        encodings=forms.ENCODINGS,
        problem=problem,
        sent=request.form,
        max_megabytes=context.settings().max_upload_bytes >> 20,
        max_rows=context.settings().max_import_rows,
    )


def _go(import_id: int, begin: Begin) -> Response:
    """Check or begin with the columns that the page sent, or with those that are settled."""
    session, by = context.session(), _maker()
    item = queries.get(session, import_id, visible_to=by, lock=True)
    try:
        mapping = forms.chosen(item, importing.mapping_of(item), request.form)
        begin(session, item, mapping, by=by, now=context.now_once())
    except Invalid as refused:
        return _shown(item, problem=message(refused), status=422)
    return go_to(url_for("imports.show", import_id=item.id))


def _shown(item: Import, *, problem: str = "", status: int = 200) -> Response:
    if item.state is not ImportState.PREPARED:
        return _progress(item)
    if importing_files.needs_a_sheet(item):
        return page("imports/sheet.html", item=item, problem=problem, status=status)
    return _prepared(item, problem=problem, status=status)


def _prepared(item: Import, *, problem: str = "", status: int = 200) -> Response:
    mapping = importing.mapping_of(item)
    fields = {column: name for name, column in mapping.columns.items()}
    if any(key.startswith("column.") for key in request.form):
        fields = {
            column: request.form.get(f"column.{place}", "")
            for place, column in enumerate(item.columns)
        }
    shown = importing.preview(context.session(), item, count=SHOWN_ROWS)
    columns = [
        (place, column, fields.get(column, ""), _sample(shown, place))
        for place, column in enumerate(item.columns)
    ]
    return page(
        "imports/map.html",
        status=status,
        item=item,
        mapping=mapping,
        columns=columns,
        matched=sum(1 for column in columns if column[2]),
        fields=forms.fields_of(item.kind.value),
        existing=forms.EXISTING,
        meanings=forms.EXISTING_MEANING,
        encodings=forms.ENCODINGS,
        header_rows=forms.header_rows(mapping),
        no_header=header_rows.looks_like_values(item.columns),
        remembered=importing_mappings.find(context.session(), item),
        needed=_needed(item),
        problem=problem,
        tried=_tried(item, request.form),
    )


def _tried(item: Import, sent: Mapping[str, str]) -> dict[str, Any]:
    """The first rows as they would be read in; nothing while no row could be."""
    session = context.session()
    try:
        mapping = forms.chosen(item, importing.mapping_of(item), sent)
        mappings.check(mapping)
        reader = importing.reader_of(session, item, mapping)
    except Invalid as refused:
        return {"names": [], "rows": [], "kind": item.kind, "trouble": message(refused)}
    rows = importing.preview(session, item, count=TRIED_ROWS)
    tried = importing_checks.try_out(
        session, rows, reader, first=mapping.header_row + 1, by=current_user()
    )
    places = mappings.match(mapping, item.columns)
    labels = forms.fields_of(item.kind.value)
    return {
        "names": [(name, labels[name], places[name]) for name in places],
        "rows": [forms.tried(one, places, item.kind) for one in tried],
        "kind": item.kind,
        "trouble": "",
    }


def _progress(item: Import) -> Response:
    session, now = context.session(), context.now_once()
    is_tried = item.finished_at or item.state is ImportState.CHECKED
    refusals = queries.refusals(session, item, count=SHOWN_REFUSALS) if is_tried else []
    failure = Invalid(item.error_code, **item.error_details) if item.error_code else None
    stays = queries.staying(session, item, count=SHOWN_REFUSALS) if item.undone else []
    return page(
        "imports/show.html",
        "imports/_progress.html",
        item=item,
        failure=message(failure) if failure else "",
        refusals=[(one, forms.reason(one, item.kind)) for one in refusals],
        reasons=forms.reasons(item),
        pace=forms.pace(item, now=now),
        can_undo=importing_undo.can_be_undone(item, now=now),
        stays=stays,
        stays_because=forms.STAYS,
        seconds=forms.seconds(item),
    )


def _needed(item: Import) -> str:
    """What the header has left open, in words; empty when the file can be read in as it is."""
    try:
        mappings.check(importing.mapping_of(item))
    except Invalid as refused:
        labels = forms.fields_of(item.kind.value)
        names = str(refused.details.get("fields", "")).split(", ")
        return ", ".join(str(labels.get(name, name)) for name in names)
    return ""


def _sample(rows: list[list[str]], place: int) -> str:
    return " · ".join(cells[place][:40] for cells in rows if place < len(cells) and cells[place])


def _refused_lines(item: Import) -> Iterator[str]:
    yield "\ufeff"  # so that a spreadsheet program reads it as UTF-8
    header = [*item.columns, gettext("Row"), gettext("Reason")]
    yield _line(header)
    for refusal in queries.all_refusals(context.session(), item):
        cells = [*map(str, refusal.cells)][: len(item.columns)]
        cells += [""] * (len(item.columns) - len(cells))
        yield _line([*cells, str(refusal.line), forms.reason(refusal, item.kind)])


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    spreadsheet.write_rows(out, [cells])
    return out.getvalue()
