"""What pages and programs may say about contact persons."""

from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load

from crm.core import phones
from crm.customers.models import ContactPerson
from crm.customers.rules.masking import mask_email
from crm.customers.services.persons import DescribePerson, RevisePerson
from crm.web.schemas import InputSchema, at_most, no_controls


@dataclass(frozen=True, slots=True)
class PatchPerson:
    version: int
    changes: dict[str, Any]


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=[no_controls, at_most(length)])


def _address(length: int) -> fields.String:
    return fields.String(
        load_default=None, allow_none=True, validate=[no_controls, at_most(length)]
    )


class PersonIn(InputSchema[DescribePerson]):
    command: ClassVar[type[DescribePerson]] = DescribePerson

    name = _text(120)
    role = _text(80)
    phone = _address(40)
    email = _address(254)
    is_main = fields.Boolean(load_default=False)
    note = _text(500)


class PersonEditIn(PersonIn):
    command = RevisePerson

    version = fields.Integer(required=True)


class PersonPatchIn(PersonIn):
    """Only what is sent is changed."""

    version = fields.Integer(required=True)

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> PatchPerson:
        return PatchPerson(data.pop("version"), data)


class PersonOut(Schema):
    id = fields.String(attribute="public_id")
    name = fields.String()
    role = fields.String()
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    is_main = fields.Boolean()
    note = fields.String()
    version = fields.Integer()


class PersonsOut(Schema):
    items = fields.List(fields.Nested(PersonOut))


def shown(person: ContactPerson, *, is_full: bool) -> dict[str, Any]:
    """The person with addresses as this viewer may see them."""
    found: dict[str, Any] = PersonOut().dump(person)
    if is_full:
        return found
    email = mask_email(person.email) if person.email else None
    return found | {"phone": phones.mask_phone(person.phone) or None, "email": email}
