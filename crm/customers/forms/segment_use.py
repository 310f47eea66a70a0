"""What depends on a segment: other segments, and what upper modules tell by their panels."""

from collections.abc import Sequence
from typing import TypedDict

from flask import url_for

from crm.customers.models import Segment
from crm.customers.queries import rules_in_use
from crm.customers.segment_fields.nested import SEGMENT
from crm.users.auth import current_user
from crm.web import context
from crm.web.context import now_once, session


class _Named(TypedDict):
    name: str
    url: str


class Use(_Named, total=False):
    """`is_frozen`: it has taken its customers already, a new rule changes nothing there."""

    is_frozen: str


def of(segment: Segment) -> Sequence[Use]:
    """Everything that would be left without its customers if the segment were gone."""
    segments: list[Use] = [
        {"name": one.name, "url": url_for("segments.show", segment_id=one.id)}
        for one in rules_in_use.of_value(session(), SEGMENT, segment.id)
        if one.id != segment.id
    ]
    loaded = context.panels().load(
        "segments.used_by", session(), [segment.id], viewer=current_user(), now=now_once()
    )
    return [*segments, *(user for _panel, by_id in loaded for user in by_id.get(segment.id, ()))]


def not_frozen(uses: Sequence[Use]) -> Sequence[Use]:
    return [use for use in uses if "is_frozen" not in use]


def names(uses: Sequence[Use]) -> Sequence[str]:
    return [use["name"] for use in uses]
