"""How tags and their groups are changed on pages."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from crm.customers.models import Tag, TagColour, TagGroup
from crm.customers.schemas.tags import (
    MergeInto,
    TagEditIn,
    TagGroupIn,
    TagMergeIn,
    TagsAsked,
    TagsIn,
)
from crm.customers.services.tag_settings import DescribeGroup, ReviseTag
from crm.web.forms import Choices, Form

COLOURS: Mapping[TagColour, Any] = {
    TagColour.GREY: _l("Grey"),
    TagColour.INDIGO: _l("Indigo"),
    TagColour.PINE: _l("Green"),
    TagColour.AMBER: _l("Ochre"),
    TagColour.RED: _l("Red"),
    TagColour.PLUM: _l("Purple"),
    TagColour.SKY: _l("Sky blue"),
}


class TagEditForm(Form[ReviseTag]):
    schema = TagEditIn
    labels: ClassVar[Mapping[str, Any]] = {"name": _l("Tag"), "group_id": _l("Tag group")}


class MergeForm(Form[MergeInto]):
    schema = TagMergeIn


class GroupForm(Form[DescribeGroup]):
    schema = TagGroupIn
    labels: ClassVar[Mapping[str, Any]] = {"name": _l("Name of the group"), "colour": _l("Colour")}


class TagsForm(Form[TagsAsked]):
    schema = TagsIn


def colour_choices() -> list[tuple[str, Any]]:
    return [(colour.value, label) for colour, label in COLOURS.items()]


def group_choices(groups: Sequence[TagGroup]) -> Choices:
    return [("", _l("In no group")), *((str(group.id), group.name) for group in groups)]


def starting_values(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name, "group_id": str(tag.group.id) if tag.group else ""}


def values_of_group(group: TagGroup) -> dict[str, Any]:
    return {"name": group.name, "colour": group.colour.value, "version": group.version}
