"""Segments for programs: described, counted and listed by the same rules as on the pages."""

from typing import Any

from flask import Response, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint
from werkzeug.exceptions import PreconditionFailed

from crm.core import paging
from crm.core.company import company
from crm.core.deadline import deadline
from crm.core.errors import Conflict, Invalid
from crm.customers.forms import segment_use as in_use
from crm.customers.models import Customer, Segment
from crm.customers.queries import segment_moves as moving
from crm.customers.queries import segments as queries
from crm.customers.schemas import answers
from crm.customers.schemas.segments import (
    Ask,
    CountOut,
    MembersIn,
    MembersOut,
    PageOf,
    Patch,
    RuleIn,
    SegmentIn,
    SegmentMovesIn,
    SegmentMovesOut,
    SegmentOut,
    SegmentPatchIn,
    SegmentsOut,
    SinceDay,
)
from crm.customers.services import segments as services
from crm.customers.services.segments import Describe
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web.api import link_next
from crm.web.context import now_once, session

blp = Blueprint(
    "segments_api", __name__, url_prefix="/api/v1/segments", description="Groups of customers"
)

READ, BUILD = "segments.read", "segments.build"
PAGE = 100


@blp.get("")
@token_required(Scope.SEGMENTS_READ)
@blp.arguments(MembersIn, location="query")
@blp.response(200, SegmentsOut)
def index(asked: PageOf) -> ResponseReturnValue:
    """Segments by name."""
    policies.require(current_user(), READ)
    order = paging.Order("name", Segment.name, Segment.id)
    found = paging.page(session(), queries.every(), order=order, cursor=asked.cursor, size=PAGE)
    return _listed(SegmentOut(many=True).dump(found.items), found.next_cursor)


@blp.post("")
@token_required(Scope.SEGMENTS_WRITE)
@blp.arguments(SegmentIn)
@blp.response(201, SegmentOut)
def create(wanted: Describe) -> ResponseReturnValue:
    policies.require(current_user(), BUILD)
    segment = services.create(session(), wanted, by=current_user(), now=now_once())
    return _one(segment, 201)


@blp.get("/<public_id>")
@token_required(Scope.SEGMENTS_READ)
@blp.response(200, SegmentOut)
def show(public_id: str) -> ResponseReturnValue:
    policies.require(current_user(), READ)
    return _one(queries.get_by_public_id(session(), public_id))


@blp.patch("/<public_id>")
@token_required(Scope.SEGMENTS_WRITE)
@blp.arguments(SegmentPatchIn)
@blp.response(200, SegmentOut)
def update(wanted: Patch, public_id: str) -> ResponseReturnValue:
    """Change what is sent. The version seen is required, as If-Match or as `version`."""
    policies.require(current_user(), BUILD)
    segment = queries.get_by_public_id(session(), public_id)
    revised = wanted.of_version(_version(wanted))
    try:
        used_by = in_use.names(in_use.not_frozen(in_use.of(segment)))
        services.update(
            session(), segment, revised, by=current_user(), now=now_once(), used_by=used_by
        )
    except Conflict as refusal:
        if refusal.code == "core.stale" and request.headers.get("If-Match"):
            raise PreconditionFailed from None
        raise
    return _one(segment)


@blp.delete("/<public_id>")
@token_required(Scope.SEGMENTS_WRITE)
@blp.response(204)
def destroy(public_id: str) -> ResponseReturnValue:
    """Drop it, unless something depends on it."""
    policies.require(current_user(), BUILD)
    segment = queries.get_by_public_id(session(), public_id)
    used_by = in_use.names(in_use.of(segment))
    services.delete(session(), segment, used_by=used_by, by=current_user(), now=now_once())
    return "", 204


@blp.get("/<public_id>/count")
@token_required(Scope.SEGMENTS_READ)
@blp.response(200, CountOut)
def show_count(public_id: str) -> queries.Counted:
    """How many fit now, among the customers that the token's owner may see."""
    policies.require(current_user(), READ)
    segment = queries.get_by_public_id(session(), public_id)
    return _counted(segment.rule)


@blp.get("/<public_id>/moves")
@token_required(Scope.SEGMENTS_READ)
@blp.arguments(SegmentMovesIn, location="query")
@blp.response(200, SegmentMovesOut)
def show_moves(asked: SinceDay, public_id: str) -> ResponseReturnValue:
    """Who came into it and who left since a day, net, among those the token's owner may see."""
    policies.require(current_user(), READ)
    segment = queries.get_by_public_id(session(), public_id)
    since = company(session()).day_start(asked.since)
    found = moving.moves(session(), segment, since, now=now_once(), viewer=current_user())
    return jsonify(SegmentMovesOut().dump(found))


@blp.post("/count")
@token_required(Scope.SEGMENTS_READ)
@blp.arguments(RuleIn)
@blp.response(200, CountOut)
def count(asked: Ask) -> queries.Counted:
    """Count a rule without keeping it."""
    policies.require(current_user(), READ)
    return _counted(asked.rule)


@blp.get("/<public_id>/members")
@token_required(Scope.SEGMENTS_READ)
@blp.arguments(MembersIn, location="query")
@blp.response(200, MembersOut)
def members(asked: PageOf, public_id: str) -> ResponseReturnValue:
    """Who fits now, among the customers that the token's owner may see."""
    policies.require(current_user(), READ)
    segment = queries.get_by_public_id(session(), public_id)
    who = queries.listed(session(), segment.rule, now=now_once(), viewer=current_user())
    order = paging.Order("id", Customer.id, Customer.id)
    with deadline(session(), queries.PATIENCE, queries.too_slow()):
        found = paging.page(session(), who, order=order, cursor=asked.cursor, size=PAGE)
    items = MembersOut().dump({"items": found.items})["items"]
    return _listed(items, found.next_cursor)


def _counted(rule: object) -> queries.Counted:
    return queries.counted(session(), rule, now=now_once(), viewer=current_user())


def _version(wanted: Patch) -> int:
    given = request.headers.get("If-Match", "").removeprefix("W/").strip('"')
    if given:
        return int(given) if given.isdecimal() else -1
    if wanted.version is None:
        raise Invalid("core.invalid", fields={"version": ["If-Match"]})
    return wanted.version


def _one(segment: Segment, status: int = 200) -> Response:
    response = make_response(jsonify(SegmentOut().dump(segment)), status)
    response.headers["ETag"] = f'"{segment.version}"'
    return response


def _listed(items: list[Any], cursor: str | None) -> Response:
    response = jsonify({"items": items, "next_cursor": cursor})
    link_next(response, answers.page_url(cursor))
    return response
