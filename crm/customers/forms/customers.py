"""How a customer's facts meet HTML: labels, choices, and refusals beside their fields."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from crm.core.errors import DomainError, Invalid
from crm.customers.models import Customer, CustomField, FieldKind, Stage, names
from crm.customers.models.fields import PREFIX
from crm.customers.queries.listing import Next, Tab
from crm.customers.queries.timeline import Kind
from crm.customers.rules import custom_values
from crm.customers.schemas.custom_fields import display
from crm.customers.schemas.customers import (
    AssignIn,
    CustomerEditIn,
    CustomerIn,
    StageIn,
    TagIn,
    TimelineAsked,
    TimelineIn,
)
from crm.customers.services.customers import FACTS, AssignCustomer, CustomerFacts, EditCustomer
from crm.customers.services.stages import ChangeStage
from crm.customers.services.tags import PutTag
from crm.web import filters
from crm.web.forms import Choices, Form

LABELS: Mapping[str, Any] = {
    "name": _l("Name"),
    "kind": _l("Kind"),
    "company": _l("Company"),
    "phone": _l("Phone"),
    "email": _l("E-mail address"),
    "region": _l("Region"),
    "source": _l("Source"),
    "external_id": _l("Customer number"),
    "note": _l("Note"),
    "is_internal": _l("Staff or test record: left out of every figure"),
    "birth_on": _l("Birthday"),
    "sex": _l("Sex"),
    "channel": _l("Won through"),
    "interests": _l("Interests"),
    "purchasing_power": _l("Purchasing power"),
    "member_level": _l("Member level"),
    "points": _l("Member points"),
}
NOTHING = ("", "–")
SEXES = [NOTHING, *((sex.value, _l(name)) for sex, name in names.SEXES.items())]
POWERS = [NOTHING, *((power.value, _l(name)) for power, name in names.POWERS.items())]
YES_NO = [NOTHING, ("true", _l("Yes")), ("false", _l("No"))]
KINDS = [(kind.value, _l(name)) for kind, name in names.KINDS.items()]
TABS = {Tab.MINE: _l("My customers"), Tab.ALL: _l("All that I see"), Tab.POOL: _l("Pool")}
_NAMED: dict[str, Choices] = {"kind": KINDS, "sex": SEXES, "purchasing_power": POWERS}
_PROFILE = (
    "sex", "birth_on", "member_level", "points", "purchasing_power", "interests", "channel",
)  # fmt: skip
#: Label, text, and where it leads.
Fact: TypeAlias = tuple[Any, str, str]
TIMELINE = {
    None: _l("Everything"),
    Kind.FOLLOWUPS: _l("Follow-ups"),
    Kind.ORDERS: _l("Orders"),
    Kind.ACTIVITIES: _l("Activities"),
    Kind.CONTACTS: _l("Contacts"),
    Kind.HELD: _l("Held"),
    Kind.STAGES: _l("Stages"),
    Kind.OWNERS: _l("Owners"),
    Kind.MERGES: _l("Merges"),
}
NEXTS = {
    Next.OVERDUE: _l("Overdue"),
    Next.TODAY: _l("Due today"),
    Next.NONE: _l("Nothing planned"),
}
_BESIDE = {
    "customers.phone_invalid": "phone",
    "customers.phone_as_number": "phone",
    "customers.email_invalid": "email",
    "customers.number_taken": "external_id",
    "customers.nobody": "name",
}


class CustomerForm(Form[CustomerFacts]):
    """The built-in facts, and the company's own fields (`custom`) under their names."""

    schema = CustomerIn
    labels: ClassVar[Mapping[str, Any]] = LABELS

    def __init__(
        self,
        sent: "MultiDict[str, str] | None" = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
        custom: Sequence[CustomField] = (),
    ) -> None:
        self.custom = custom
        self._by_name = {field.name: field for field in custom}
        own = {field.name: _offered(field, (start or {}).get(field.name)) for field in custom}
        fixed: dict[str, Choices] = {"kind": KINDS, "sex": SEXES, "purchasing_power": POWERS}
        super().__init__(sent, start=start, choices=fixed | own)

    def field_of(self, error: DomainError) -> str:
        return _BESIDE.get(error.code) or super().field_of(error)

    def label(self, name: str) -> object:
        return self._by_name[name].label if name in self._by_name else super().label(name)

    def is_required(self, name: str) -> bool:
        if name in self._by_name:
            return self._by_name[name].is_required
        return super().is_required(name)

    def _as_data(self) -> dict[str, Any]:
        sent = super()._as_data()
        data = {name: value for name, value in sent.items() if not name.startswith(PREFIX)}
        asked = {name for name in self._sent or () if name.startswith(PREFIX)}
        if asked:
            data["custom"] = {name.removeprefix(PREFIX): self._custom_value(name) for name in asked}
        return data

    def _custom_value(self, name: str) -> object:
        values = [value for value in self.values(name) if value.strip()]
        field = self._by_name.get(name)
        if field is not None and field.kind is FieldKind.MULTI_CHOICE:
            return values
        return values[-1] if values else None


class CustomerEditForm(CustomerForm):
    schema = CustomerEditIn


class StageForm(Form[ChangeStage]):
    schema = StageIn


class AssignForm(Form[AssignCustomer]):
    schema = AssignIn


class TagForm(Form[PutTag]):
    schema = TagIn


class TimelineForm(Form[TimelineAsked]):
    schema = TimelineIn


def starting_values(customer: Customer, custom: Sequence[CustomField] = ()) -> dict[str, Any]:
    """The stored facts as the form shows them, with the values of these custom fields."""
    return (
        {name: _as_sent(getattr(customer, name)) for name in FACTS}
        | {field.name: _in_form(field, customer.custom.get(field.key)) for field in custom}
        | {
            "phone": filters.phone(customer.phone),
            "is_internal": "true" if customer.is_internal else "",
            "version": customer.version,
        }
    )


def differences(
    customer: Customer, wanted: EditCustomer, custom: Sequence[CustomField] = ()
) -> list[tuple[Any, str, str]]:
    """Label, stored value and the editor's, for every fact in which they differ."""
    stored = starting_values(customer)
    mine = {name: _as_sent(getattr(wanted, name)) for name in FACTS} | {
        "is_internal": "true" if wanted.is_internal else "",
    }
    return [
        (LABELS[name], _shown(name, stored[name]), _shown(name, mine[name]))
        for name in FACTS
        if (stored[name] or "") != (mine[name] or "")
    ] + [
        (field.label, display(field, before, is_full=True), display(field, after, is_full=True))
        for field in custom
        if field.key in wanted.custom
        for before in [customer.custom.get(field.key)]
        for after in [_read(field, wanted.custom[field.key], before)]
        if before != after
    ]


def facts(customer: Customer, custom: Sequence[CustomField], *, is_full: bool) -> list[Fact]:
    """What the record's page says beside the addresses; what is empty is left out."""
    own = [
        (LABELS[name], _shown(name, _as_sent(getattr(customer, name))), "")
        for name in _PROFILE
        if getattr(customer, name) not in (None, "")
    ]
    added = [
        (field.label, display(field, value, is_full=is_full), _link(field, value))
        for field in custom
        if (value := customer.custom.get(field.key)) is not None
    ]
    return own + added


def stage_choices() -> list[tuple[str, str]]:
    return [(stage.value, gettext(names.STAGES[stage])) for stage in Stage]


def _offered(field: CustomField, stored: object) -> Choices:
    """What the control of a custom field offers; an archived choice only where it is stored."""
    if field.kind is FieldKind.YES_NO:
        return YES_NO
    kept = stored if isinstance(stored, list) else [str(stored)]
    found = custom_values.choices(field, kept=kept)
    return [NOTHING, *found] if field.kind is FieldKind.CHOICE else found


def _in_form(field: CustomField, value: custom_values.Stored | None) -> object:
    if field.kind is FieldKind.MONEY:
        return custom_values.as_text(field, value)
    return _as_sent(value)


def _as_sent(value: object) -> object:
    """A fact as its control sends it."""
    if isinstance(value, Enum):
        return value.value
    return value if not isinstance(value, bool) else str(value).lower()


def _read(field: CustomField, value: object, stored: object) -> custom_values.Stored | None:
    """What the editor means; nothing where it cannot be read, which the service then refuses."""
    kept = stored if isinstance(stored, list) else [str(stored)]
    try:
        return custom_values.read(field, value, kept=kept)
    except Invalid:
        return None


def _link(field: CustomField, value: object) -> str:
    return str(value) if field.kind is FieldKind.LINK else ""


def _shown(name: str, value: object) -> str:
    if name in _NAMED:
        return f"{dict(_NAMED[name]).get(str(value or ''), filters.DASH)}"
    if name == "is_internal":
        return str(gettext("Yes") if value else gettext("No"))
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, int):
        return filters.number(value)
    text = str(value or "")
    return text if text else filters.DASH
