"""Pages of the vocabulary: tags, their groups, and what was taken away lately."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from crm.core.errors import Conflict, Invalid
from crm.customers.forms import tags as forms
from crm.customers.forms.tags import GroupForm, TagEditForm, TagsForm
from crm.customers.models import Tag, TagGroup
from crm.customers.queries import tags as queries
from crm.customers.schemas import answers
from crm.customers.schemas.tags import TagsAsked
from crm.customers.services import tag_settings
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.users.models import User
from crm.web import context
from crm.web.htmx import go_to, page, toast

bp = Blueprint("tags", __name__, url_prefix="/settings/tags", template_folder="../templates")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    _keeper()
    return _index(_group_form())


@bp.get("/<int:tag_id>/edit")
@login_required
def edit(tag_id: int) -> ResponseReturnValue:
    tag = _tag(tag_id)
    return _edit(tag, _tag_form(start=forms.starting_values(tag)))


@bp.post("/<int:tag_id>")
@login_required
def update(tag_id: int) -> ResponseReturnValue:
    tag, form = _tag(tag_id), _tag_form(sent=True)
    wanted = form.parse()
    if wanted is None:
        return _edit(tag, form, status=422)
    try:
        by, now = current_user(), context.now_once()
        tag_settings.revise(context.session(), tag, wanted, by=by, now=now)
    except Invalid as refusal:
        form.refuse(refusal)
        return _edit(tag, form, status=422)
    return toast(_home(), gettext("Saved: %(name)s.", name=tag.name))


@bp.post("/<int:tag_id>/merging")
@login_required
def merge(tag_id: int) -> ResponseReturnValue:
    """Into the tag that is named; the toast can take it back."""
    tag, session = _tag(tag_id), context.session()
    into = queries.find_named(session, request.form.get("into", ""))
    if into is None:
        form = _tag_form(start=forms.starting_values(tag))
        form.errors = {"into": [gettext("There is no tag of this name.")]}
        return _edit(tag, form, status=422)
    name = tag.name
    removal = tag_settings.merge(session, tag, into, by=current_user(), now=context.now_once())
    text = gettext("Tag %(tag)s is part of %(into)s now", tag=name, into=into.name)
    return toast(_home(), text, undo=url_for(".bring_back", removal_id=removal.id))


@bp.post("/<int:tag_id>/removal")
@login_required
def destroy(tag_id: int) -> ResponseReturnValue:
    tag = _tag(tag_id)
    by, now = current_user(), context.now_once()
    removal = tag_settings.remove(context.session(), tag, by=by, now=now)
    text = ngettext(
        "Tag %(tag)s is deleted, and taken off %(num)d customer",
        "Tag %(tag)s is deleted, and taken off %(num)d customers",
        removal.customer_count,
        tag=removal.name,
    )
    return toast(_home(), text, undo=url_for(".bring_back", removal_id=removal.id))


@bp.post("/removals/<int:removal_id>/undo")
@login_required
def bring_back(removal_id: int) -> ResponseReturnValue:
    by, session = _keeper(), context.session()
    removal = queries.get_removal(session, removal_id)
    tag = tag_settings.bring_back(session, removal, by=by, now=context.now_once())
    return toast(_home(), gettext("Tag %(tag)s is back", tag=tag.name))


@bp.post("/groups")
@login_required
def create_group() -> ResponseReturnValue:
    by, form = _keeper(), _group_form(sent=True)
    wanted = form.parse()
    if wanted is None:
        return _index(form, status=422)
    try:
        group = tag_settings.add_group(context.session(), wanted, by=by, now=context.now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return _index(form, status=422)
    return toast(_home(), gettext("Group added: %(name)s", name=group.name))


@bp.get("/groups/<int:group_id>/edit")
@login_required
def edit_group(group_id: int) -> ResponseReturnValue:
    group = _group(group_id)
    return _edit_group(group, _group_form(start=group))


@bp.post("/groups/<int:group_id>")
@login_required
def update_group(group_id: int) -> ResponseReturnValue:
    group, form = _group(group_id), _group_form(sent=True)
    wanted = form.parse()
    if wanted is None:
        return _edit_group(group, form, status=422)
    try:
        tag_settings.revise_group(context.session(), group, wanted, by=current_user())
    except (Conflict, Invalid) as refusal:
        form.refuse(refusal)
        return _edit_group(group, form, status=409 if isinstance(refusal, Conflict) else 422)
    return toast(_home(), gettext("Saved: %(name)s.", name=group.name))


@bp.post("/groups/<int:group_id>/removal")
@login_required
def destroy_group(group_id: int) -> ResponseReturnValue:
    group = _group(group_id)
    name, by = group.name, current_user()
    tag_settings.remove_group(context.session(), group, by=by, now=context.now_once())
    return toast(_home(), gettext("Group %(name)s is gone; its tags stay", name=name))


def _keeper() -> User:
    user: User = current_user()
    policies.require(user, "customers.manage_tags")
    return user


def _tag(tag_id: int) -> Tag:
    _keeper()
    return queries.get(context.session(), tag_id)


def _group(group_id: int) -> TagGroup:
    _keeper()
    return queries.get_group(context.session(), group_id)


def _tag_form(*, sent: bool = False, start: dict[str, str] | None = None) -> TagEditForm:
    choices = {"group_id": forms.group_choices(queries.groups(context.session()))}
    return TagEditForm(request.form if sent else None, start=start, choices=choices)


def _group_form(*, sent: bool = False, start: TagGroup | None = None) -> GroupForm:
    values = forms.values_of_group(start) if start else {"colour": "grey"}
    choices = {"colour": forms.colour_choices()}
    return GroupForm(request.form if sent else None, start=values, choices=choices)


def _index(form: GroupForm, *, status: int = 200) -> ResponseReturnValue:
    session = context.session()
    asked = TagsForm(request.args).parse() or TagsAsked()
    found = queries.page(session, q=asked.q, group_id=asked.group, cursor=asked.cursor)
    return page(
        "tags/index.html",
        status=status,
        form=form,
        asked=asked,
        tags=found.items,
        sizes=queries.sizes(session, [tag.id for tag in found.items]),
        next_url=answers.page_url(found.next_cursor),
        previous_url=answers.page_url(found.previous_cursor),
        groups=queries.groups(session),
        sizes_of_groups=queries.sizes_of_groups(session),
        removals=queries.removals(session, now=context.now_once()),
        days=queries.UNDO_FOR.days,
    )


def _edit(tag: Tag, form: TagEditForm, *, status: int = 200) -> ResponseReturnValue:
    session = context.session()
    return page(
        "tags/edit.html",
        status=status,
        tag=tag,
        form=form,
        count=queries.sizes(session, [tag.id]).get(tag.id, 0),
        others=[one for one in queries.page(session).items if one.id != tag.id],
    )


def _edit_group(group: TagGroup, form: GroupForm, *, status: int = 200) -> ResponseReturnValue:
    return page("tags/group.html", status=status, group=group, form=form)


def _home() -> Response:
    return go_to(url_for(".index"))
