"""Segments for people: the list, the rule builder with its live count, who is in and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Engine

from crm.core import db
from crm.core.errors import Conflict, Invalid
from crm.core.panels import Panel
from crm.customers.forms import segment_use as in_use
from crm.customers.forms.segment_draft import Row
from crm.customers.forms.segments import SegmentEditForm, SegmentForm, Words
from crm.customers.models import Segment, names
from crm.customers.queries import listing
from crm.customers.queries import segments as queries
from crm.customers.segment_fields import SegmentFields
from crm.customers.segment_fields.registry import registry_of
from crm.customers.services import segments as services
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context, errors
from crm.web.context import now_once, session
from crm.web.htmx import go_to, page, toast
from crm.web.idempotency import not_kept

bp = Blueprint("segments", __name__, url_prefix="/segments", template_folder="../templates")

READ, BUILD = "segments.read", "segments.build"
OWNERS_SHOWN = 6
LONGEST_NAME = 80

AnyForm: TypeAlias = SegmentForm | SegmentEditForm
SomeForm = TypeVar("SomeForm", SegmentForm, SegmentEditForm)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which customers the page explains: some who fit, some who do not, or those of a name."""

    is_out: bool = False
    who: str = ""
    after: int = 0

    @classmethod
    def of_request(cls) -> "Asked":
        return cls(
            is_out=request.args.get("side") == "out",
            who=request.args.get("who", "").strip()[:LONGEST_NAME],
            after=request.args.get("after", 0, type=int),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page shows of a rule: its sentence and count, or what is wrong with it.

    `lacks`: it is not filled in yet, which is no mistake of anybody.
    """

    sentence: str = ""
    problem: str = ""
    lacks: bool = False
    counted: queries.Counted | None = None
    members: Sequence[Any] = ()
    why: Any = None
    asked: Asked | None = None


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    policies.require(current_user(), READ)
    segments = session().scalars(queries.by_name()).all()
    words = _words()
    return page(
        "segments/index.html",
        segments=[(segment, _read_aloud(segment, words)) for segment in segments],
        sees_all=policies.RECORDS[current_user().role] is policies.ALL,
        may_build=policies.may(current_user(), BUILD),
    )


@bp.get("/new")
@login_required
def new() -> ResponseReturnValue:
    """An empty rule, or a copy of another segment's to begin with."""
    policies.require(current_user(), BUILD)
    copied = request.args.get("copy", 0, type=int)
    if not copied:
        return _page(SegmentForm(None, _fields()), None)
    segment = queries.get(session(), copied)
    start = {"name": _("%(name)s, copy", name=segment.name), "description": segment.description}
    return _page(_filled(SegmentForm(None, _fields(), start=start), segment), None)


@bp.post("/")
@login_required
def create() -> ResponseReturnValue:
    policies.require(current_user(), BUILD)
    form = SegmentForm(request.form, _fields())
    wanted = form.parse()
    if wanted is None:
        return _page(form, None, status=422)
    try:
        segment = services.create(session(), wanted, by=current_user(), now=now_once())
    except Invalid as refusal:
        return _refused(form, None, refusal)
    return toast(go_to(_address(segment)), _("Saved “%(name)s”.", name=segment.name))


@bp.get("/<int:segment_id>")
@login_required
def show(segment_id: int) -> ResponseReturnValue:
    policies.require(current_user(), READ)
    segment = queries.get(session(), segment_id)
    return _page(_form_of(segment), segment)


@bp.post("/<int:segment_id>")
@login_required
def update(segment_id: int) -> ResponseReturnValue:
    policies.require(current_user(), BUILD)
    segment = queries.get(session(), segment_id)
    form = SegmentEditForm(request.form, _fields())
    wanted = form.parse()
    if wanted is None:
        return _page(form, segment, status=422)
    try:
        services.update(
            session(),
            segment,
            wanted,
            by=current_user(),
            now=now_once(),
            used_by=in_use.names(in_use.not_frozen(in_use.of(segment))),
        )
    except (Invalid, Conflict) as refusal:
        return _refused(form, segment, refusal)
    return toast(go_to(_address(segment)), _("Saved “%(name)s”.", name=segment.name))


@bp.post("/<int:segment_id>/deletion")
@login_required
def destroy(segment_id: int) -> ResponseReturnValue:
    policies.require(current_user(), BUILD)
    segment = queries.get(session(), segment_id)
    name = segment.name
    used_by = in_use.names(in_use.of(segment))
    services.delete(session(), segment, used_by=used_by, by=current_user(), now=now_once())
    return toast(go_to(url_for("segments.index")), _("Deleted “%(name)s”.", name=name))


@bp.post("/draft")
@login_required
@not_kept
def draft() -> ResponseReturnValue:
    """One press on a button of the builder; nothing is kept."""
    policies.require(current_user(), BUILD)
    _only_read()
    segment = _segment_of_draft()
    form = _sent_form(segment)
    form.draft.act(request.form.get("_act", ""))
    return _page(form, segment)


@bp.post("/count")
@login_required
@not_kept
def count() -> ResponseReturnValue:
    """The count while somebody types; nothing is kept."""
    policies.require(current_user(), BUILD)
    _only_read()
    segment = _segment_of_draft()
    form = _sent_form(segment)
    words = _words()
    shown = _shown(form, segment, _read(form, words), words)
    return page("segments/show.html", "segments/_answer.html", **shown)


def _page(form: AnyForm, segment: Segment | None, status: int = 200) -> Response:
    words = _words()
    shown = _shown(form, segment, _read(form, words, with_members=True), words)
    explains = {"after", "side", "who"} & request.args.keys()
    part = "segments/_sample.html" if explains else "segments/_builder_and_answer.html"
    return page("segments/show.html", part, status, **shown)


def _refused(form: AnyForm, segment: Segment | None, refusal: Invalid | Conflict) -> Response:
    text = _marked(form, refusal)
    form.errors = {"name" if refusal.code == "segments.name_taken" else "": [text]}
    form.must_confirm = refusal.code == "segments.rule_in_use"
    if segment is not None and refusal.code == "core.stale":
        theirs = _read_aloud(segment, _words())
        form.errors[""].append(_("It now reads: %(sentence)s", sentence=theirs))
    return _page(form, segment, status=errors.STATUS[type(refusal)])


def _marked(form: AnyForm, refusal: Invalid | Conflict) -> str:
    """What is wrong, by the condition's number instead of its path; put beside it too."""
    node = form.draft.at(refusal)
    rows = form.draft.rows()
    place = _("Rule")
    if isinstance(node, Row):
        place = _("Condition %(number)s", number=rows.index(node) + 1)
    text = errors.message(type(refusal)(refusal.code, **{**refusal.details, "path": place}))
    if isinstance(refusal, Invalid) and "path" in refusal.details and not node.lacks:
        node.problem = text
    return text


def _shown(
    form: AnyForm, segment: Segment | None, reading: Reading, words: Words
) -> dict[str, Any]:
    return {
        "form": form,
        "segment": segment,
        "reading": reading,
        "words": words,
        "stage_names": names.STAGES,
        "owners_shown": OWNERS_SHOWN,
        "may_build": policies.may(current_user(), BUILD),
        "used_by": in_use.of(segment) if segment is not None else [],
        "columns": _columns(reading),
    }


def _read(form: AnyForm, words: Words, *, with_members: bool = False) -> Reading:
    """Ask the draft's rule; a refusal is shown in place of the answer."""
    if form.draft.lacks():
        return Reading(lacks=True)
    rule, viewer, now = form.draft.as_rule(), current_user(), now_once()
    try:
        tree = queries.parse(session(), rule)
        counted = queries.counted(session(), rule, now=now, viewer=viewer)
        _count_alone(form, rule)
        asked = Asked.of_request() if with_members else None
        members, why = _members(rule, asked) if asked else ((), None)
    except Invalid as refusal:
        return Reading(problem=_marked(form, refusal))
    return Reading(words.sentence(tree), counted=counted, members=members, why=why, asked=asked)


def _count_alone(form: AnyForm, rule: object) -> None:
    """The figure beside each condition; where it takes too long, the whole count stands alone."""
    try:
        numbers = queries.alone(session(), rule, now=now_once(), viewer=current_user())
    except Invalid as refusal:
        if refusal.code != queries.too_slow().code:
            raise
        return
    for row, number in zip(form.draft.rows(), numbers, strict=True):
        row.alone = number


def _members(rule: object, asked: Asked) -> tuple[Sequence[Any], Any]:
    if asked.who:
        found = listing.search(session(), asked.who, viewer=current_user())[: queries.SAMPLE]
    else:
        found = queries.sample(
            session(),
            {"not": rule} if asked.is_out else rule,
            now=now_once(),
            viewer=current_user(),
            after=asked.after,
        )
    why = queries.verdicts(session(), rule, [one.id for one in found], now=now_once())
    return found, why


def _columns(reading: Reading) -> list[tuple[Panel, Mapping[int, Any]]]:
    ids = [member.id for member in reading.members]
    if not ids:
        return []
    return context.panels().load(
        "customers.column", session(), ids, viewer=current_user(), now=now_once()
    )


def _form_of(segment: Segment) -> SegmentEditForm:
    start = {
        "name": segment.name,
        "description": segment.description,
        "version": segment.version,
    }
    return _filled(SegmentEditForm(None, _fields(), start=start), segment)


def _filled(form: SomeForm, segment: Segment) -> SomeForm:
    """The form with the segment's rule drawn into it, or with what is wrong with the rule."""
    try:
        form.draft = form.draft.of_tree(queries.parse(session(), segment.rule), _fields())
    except Invalid as refusal:
        form.errors = {"": [_("This segment means nobody: %(why)s", why=errors.message(refusal))]}
    return form


def _sent_form(segment: Segment | None) -> AnyForm:
    kind = SegmentForm if segment is None else SegmentEditForm
    return kind(request.form, _fields())


def _segment_of_draft() -> Segment | None:
    segment_id = request.form.get("_segment", 0, type=int)
    return queries.get(session(), segment_id) if segment_id else None


def _read_aloud(segment: Segment, words: Words) -> str:
    try:
        return words.sentence(queries.parse(session(), segment.rule))
    except Invalid as refusal:
        return _("This segment means nobody: %(why)s", why=errors.message(refusal))


def _words() -> Words:
    return Words(session(), _fields())


def _fields() -> SegmentFields:
    return registry_of(session())


def _only_read() -> None:
    """Give back the write lock that a POST holds on SQLite: a count may take its time."""
    context.abandon()
    if isinstance(session().get_bind(), Engine):
        db.read_only(session())


def _address(segment: Segment) -> str:
    return url_for("segments.show", segment_id=segment.id)
