"""How a contact person meets HTML."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from crm.core import phones
from crm.core.errors import DomainError
from crm.customers.models import ContactPerson
from crm.customers.schemas.persons import PersonEditIn, PersonIn
from crm.customers.services.persons import DescribePerson
from crm.web.forms import Form

_BESIDE = {
    "customers.phone_invalid": "phone",
    "customers.phone_as_number": "phone",
    "customers.email_invalid": "email",
    "customers.person_nobody": "name",
}


class PersonForm(Form[DescribePerson]):
    schema = PersonIn
    labels: ClassVar[Mapping[str, Any]] = {
        "name": _l("Name"),
        "role": _l("Position"),
        "phone": _l("Phone"),
        "email": _l("E-mail address"),
        "is_main": _l("First person to ask"),
        "note": _l("Note"),
    }

    def field_of(self, error: DomainError) -> str:
        return _BESIDE.get(error.code, "_schema")


class PersonEditForm(PersonForm):
    schema = PersonEditIn


def starting_values(person: ContactPerson) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "phone": phones.phone(person.phone),
        "email": person.email,
        "is_main": "true" if person.is_main else "",
        "note": person.note,
        "version": person.version,
    }
