"""How a customer's facts meet HTML: labels, choices, and refusals beside their fields."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from crm.core.errors import DomainError
from crm.customers.models import Customer, Stage, names
from crm.customers.queries.listing import Next, Tab
from crm.customers.schemas.customers import (
    AssignIn,
    CustomerEditIn,
    CustomerIn,
    CustomersIn,
    Listed,
    StageIn,
    TagIn,
    TagManyIn,
)
from crm.customers.services.customers import FACTS, AssignCustomer, CustomerFacts, EditCustomer
from crm.customers.services.stages import ChangeStage
from crm.customers.services.tags import PutTag, TagMany
from crm.web import filters
from crm.web.forms import Form

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
}
KINDS = [(kind.value, _l(name)) for kind, name in names.KINDS.items()]
TABS = {Tab.MINE: _l("My customers"), Tab.ALL: _l("All that I see"), Tab.POOL: _l("Pool")}
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
    schema = CustomerIn
    labels: ClassVar[Mapping[str, Any]] = LABELS

    def field_of(self, error: DomainError) -> str:
        return _BESIDE.get(error.code, "_schema")


class CustomerEditForm(CustomerForm):
    schema = CustomerEditIn


class StageForm(Form[ChangeStage]):
    schema = StageIn


class AssignForm(Form[AssignCustomer]):
    schema = AssignIn


class TagForm(Form[PutTag]):
    schema = TagIn


class TagManyForm(Form[TagMany]):
    schema = TagManyIn


class ListForm(Form[Listed]):
    schema = CustomersIn


def starting_values(customer: Customer) -> dict[str, Any]:
    """The stored facts as the form shows them."""
    values = {name: getattr(customer, name) for name in FACTS}
    return values | {
        "kind": customer.kind.value,
        "phone": filters.phone(customer.phone),
        "is_internal": "true" if customer.is_internal else "",
        "version": customer.version,
    }


def differences(customer: Customer, wanted: EditCustomer) -> list[tuple[Any, str, str]]:
    """Label, stored value and the editor's, for every fact in which they differ."""
    stored = starting_values(customer)
    mine = {name: getattr(wanted, name) for name in FACTS} | {
        "kind": wanted.kind.value,
        "is_internal": "true" if wanted.is_internal else "",
    }
    return [
        (LABELS[name], _shown(name, stored[name]), _shown(name, mine[name]))
        for name in FACTS
        if (stored[name] or "") != (mine[name] or "")
    ]


def stage_choices() -> list[tuple[str, str]]:
    return [(stage.value, gettext(names.STAGES[stage])) for stage in Stage]


def _shown(name: str, value: object) -> str:
    if name == "kind":
        return f"{dict(KINDS)[str(value)]}"
    if name == "is_internal":
        return str(gettext("Yes") if value else gettext("No"))
    text = str(value or "")
    return text if text else filters.DASH
