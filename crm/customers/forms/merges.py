"""How the values of two records are shown side by side, and which of them is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from crm.customers.forms.customers import LABELS
from crm.customers.models import Customer, CustomField, names
from crm.customers.rules import merging as rules
from crm.customers.rules.merging import Face
from crm.customers.schemas.custom_fields import display
from crm.customers.schemas.merges import MergeFormIn, Merging
from crm.web import filters
from crm.web.forms import Form

MORE_LABELS: Mapping[str, Any] = {"owner_id": _l("Owner"), "stage": _l("Stage")}


@dataclass(frozen=True, slots=True)
class Line:
    """One field: both values as texts, and what is proposed."""

    name: str
    label: Any
    kept: str
    merged: str
    proposed: str
    is_same: bool
    can_be_both: bool


class MergeForm(Form[Merging]):
    schema = MergeFormIn


def lines(
    pair: tuple[Customer, Customer], faces: tuple[Face, Face], fields: Sequence[CustomField]
) -> list[Line]:
    """Each field that at least one of the two has; those that differ first."""
    found = []
    by_key = {field.key: field for field in fields}
    for name in rules.fields(*faces):
        mine, theirs = (face.value(name) for face in faces)
        is_custom = name in by_key
        if (rules.is_empty(mine) and rules.is_empty(theirs)) or not (
            is_custom or name in rules.FACTS
        ):
            continue
        kept, merged = (
            _text(name, face.value(name), customer, by_key.get(name))
            for face, customer in zip(faces, pair, strict=True)
        )
        found.append(
            Line(
                name,
                by_key[name].label if is_custom else label(name),
                kept,
                merged,
                rules.default(name, *faces).value,
                mine == theirs,
                name == "note" and bool(mine) and bool(theirs) and mine != theirs,
            )
        )
    return sorted(found, key=lambda line: line.is_same)


def label(name: str) -> object:
    return MORE_LABELS.get(name) or LABELS.get(name, name)


def _text(name: str, value: Any, customer: Customer, field: CustomField | None) -> str:  # noqa: ANN401
    if name == "owner_id":
        return customer.owner.name if customer.owner else gettext("Pool")
    if rules.is_empty(value):
        return filters.DASH
    if name == "external_id":
        return " · ".join(one for one in (customer.source, str(value)) if one)
    if field is not None:
        return display(field, value, is_full=True)
    if name == "phone":
        return filters.phone(value)
    return gettext("Yes") if value is True else _named(value)


def _named(value: Any) -> str:  # noqa: ANN401 - any fact
    for called in (names.STAGES, names.KINDS, names.SEXES, names.POWERS):
        if value in called:
            return gettext(called[value])
    return str(value)
