"""Tags and their groups, for programs."""

from typing import Any

from flask_smorest import Blueprint

from crm.core.errors import Invalid
from crm.customers.models import Tag, TagGroup, TagRemoval
from crm.customers.queries import tags as queries
from crm.customers.schemas.tags import (
    MergeInto,
    RemovalOut,
    TagEditIn,
    TagGroupIn,
    TagGroupOut,
    TagGroupsOut,
    TagMergeIn,
    TagWithGroupOut,
)
from crm.customers.services import tag_settings
from crm.customers.services.tag_settings import DescribeGroup, ReviseTag
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web import context

blp = Blueprint("tag_settings_api", __name__, url_prefix="/api/v1/tags", description="Labels")
groups_blp = Blueprint(
    "tag_groups_api", __name__, url_prefix="/api/v1/tag-groups", description="Groups of labels"
)


@blp.put("/<int:tag_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(TagEditIn)
@blp.response(200, TagWithGroupOut)
def update(wanted: ReviseTag, tag_id: int) -> Tag:
    """Another name or group; segments that ask for the tag follow."""
    tag = queries.get(context.session(), tag_id)
    by, now = current_user(), context.now_once()
    tag_settings.revise(context.session(), tag, wanted, by=by, now=now)
    return tag


@blp.post("/<int:tag_id>/merging")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(TagMergeIn)
@blp.response(200, RemovalOut)
def merge(wanted: MergeInto, tag_id: int) -> TagRemoval:
    """Into another tag; the answer's id takes it back."""
    session, by = context.session(), current_user()
    tag, into = queries.get(session, tag_id), queries.find(session, wanted.into_id)
    policies.require(by, "customers.manage_tags")
    if into is None:
        raise Invalid("customers.tag_into_itself", field="into_id")
    return tag_settings.merge(session, tag, into, by=by, now=context.now_once())


@blp.delete("/<int:tag_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, RemovalOut)
def destroy(tag_id: int) -> TagRemoval:
    """Take it off everybody; the answer's id brings it back. Refused while a rule asks for it."""
    tag = queries.get(context.session(), tag_id)
    by, now = current_user(), context.now_once()
    return tag_settings.remove(context.session(), tag, by=by, now=now)


@blp.post("/removals/<int:removal_id>/undo")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, TagWithGroupOut)
def bring_back(removal_id: int) -> Tag:
    session = context.session()
    removal = queries.get_removal(session, removal_id)
    by, now = current_user(), context.now_once()
    return tag_settings.bring_back(session, removal, by=by, now=now)


@groups_blp.get("")
@token_required(Scope.CUSTOMERS_READ)
@groups_blp.response(200, TagGroupsOut)
def index() -> dict[str, Any]:
    return {"items": queries.groups(context.session())}


@groups_blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@groups_blp.arguments(TagGroupIn)
@groups_blp.response(201, TagGroupOut)
def create_group(wanted: DescribeGroup) -> TagGroup:
    by, now = current_user(), context.now_once()
    return tag_settings.add_group(context.session(), wanted, by=by, now=now)


@groups_blp.put("/<int:group_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@groups_blp.arguments(TagGroupIn)
@groups_blp.response(200, TagGroupOut)
def update_group(wanted: DescribeGroup, group_id: int) -> TagGroup:
    group = queries.get_group(context.session(), group_id)
    tag_settings.revise_group(context.session(), group, wanted, by=current_user())
    return group


@groups_blp.delete("/<int:group_id>")
@token_required(Scope.CUSTOMERS_WRITE)
@groups_blp.response(204)
def destroy_group(group_id: int) -> None:
    """Its tags stay. Refused while a segment asks for the group."""
    group = queries.get_group(context.session(), group_id)
    by, now = current_user(), context.now_once()
    tag_settings.remove_group(context.session(), group, by=by, now=now)
