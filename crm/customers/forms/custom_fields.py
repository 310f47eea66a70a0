"""How the company's own fields are defined on a page."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from crm.customers.models import CustomField, FieldKind
from crm.customers.schemas.custom_fields import CustomFieldEditIn, CustomFieldIn
from crm.customers.services.custom_fields import CHOSEN, DefineField, ReviseField
from crm.web.forms import Form

KINDS: Mapping[FieldKind, Any] = {
    FieldKind.TEXT: _l("Text"),
    FieldKind.NUMBER: _l("Number"),
    FieldKind.MONEY: _l("Amount of money"),
    FieldKind.DATE: _l("Date"),
    FieldKind.CHOICE: _l("One choice"),
    FieldKind.MULTI_CHOICE: _l("Several choices"),
    FieldKind.YES_NO: _l("Yes or no"),
    FieldKind.PHONE: _l("Phone"),
    FieldKind.EMAIL: _l("E-mail address"),
    FieldKind.LINK: _l("Link"),
}
LABELS: Mapping[str, Any] = {
    "label": _l("Name of the field"),
    "kind": _l("What it holds"),
    "is_required": _l("Must be filled in"),
    "choices": _l("Choices"),
}
_CALLED = "called."


class FieldForm(Form[DefineField]):
    schema = CustomFieldIn
    labels: ClassVar[Mapping[str, Any]] = LABELS

    def _as_data(self) -> dict[str, Any]:
        data = super()._as_data()
        lines = "\n".join(self.values("choices")).splitlines()
        return data | {"choices": [line.strip() for line in lines if line.strip()]}


class FieldEditForm(Form[ReviseField]):
    """A new name for each choice stands under its key; a blank one puts the choice away."""

    schema = CustomFieldEditIn
    labels: ClassVar[Mapping[str, Any]] = LABELS

    def _as_data(self) -> dict[str, Any]:
        sent = super()._as_data()
        data = {name: value for name, value in sent.items() if not name.startswith(_CALLED)}
        lines = "\n".join(self.values("choices")).splitlines()
        called = {
            name.removeprefix(_CALLED): self.value(name)
            for name in self._sent or ()
            if name.startswith(_CALLED)
        }
        added = [line.strip() for line in lines if line.strip()]
        return data | {"called": called, "choices": added}


def kind_choices() -> list[tuple[str, Any]]:
    return [(kind.value, label) for kind, label in KINDS.items()]


def starting_values(field: CustomField) -> dict[str, Any]:
    called = {_CALLED + one["key"]: one["label"] for one in field.choices if not _is_away(one)}
    return {
        "label": field.label,
        "is_required": "true" if field.is_required else "",
        "version": field.version,
    } | called


def has_choices(field: CustomField) -> bool:
    return field.kind in CHOSEN


def _is_away(choice: Mapping[str, Any]) -> bool:
    return bool(choice.get("is_archived"))
