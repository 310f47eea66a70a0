"""How an import meets HTML: the fields of a file, the choice of a column for each, the reasons."""

from collections.abc import Mapping as Mappable
from dataclasses import replace
from typing import Any, Final

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from crm.core.errors import Invalid
from crm.core.messages import ERRORS
from crm.customers.models import Import, ImportKind, ImportRejection
from crm.customers.rules.mappings import FILL, REPLACE, SKIP, Mapping

KINDS: Final = (
    (ImportKind.CUSTOMERS.value, _l("Customers")),
    (ImportKind.ORDERS.value, _l("Orders")),
)
ENCODINGS: Final = (
    ("", _l("Found out by itself")),
    ("utf-8", "UTF-8"),
    ("gb18030", "GB18030 / GBK"),
    ("big5", "Big5"),
    ("utf-16", "UTF-16"),
)
EXISTING: Final = (
    (FILL, _l("Fill in what is blank")),
    (REPLACE, _l("Take the file's values")),
    (SKIP, _l("Leave as it is")),
)
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "customers": {
        "external_id": _l("Customer number"),
        "name": _l("Name"),
        "company": _l("Company"),
        "kind": _l("Kind"),
        "phone": _l("Phone"),
        "email": _l("E-mail address"),
        "region": _l("Region"),
        "source": _l("Source"),
        "stage": _l("Lifecycle stage"),
        "tags": _l("Tags"),
        "owner": _l("Owner"),
        "note": _l("Note"),
    },
    "orders": {
        "number": _l("Order number"),
        "ordered_at": _l("Ordered at"),
        "paid_at": _l("Paid at"),
        "status": _l("Order status"),
        "currency": _l("Currency"),
        "amount": _l("Order amount"),
        "refunded": _l("Refunded"),
        "channel": _l("Sales channel"),
        "customer_external_id": _l("Customer number"),
        "customer_name": _l("Customer's name"),
        "customer_phone": _l("Customer's phone"),
        "customer_email": _l("Customer's e-mail address"),
        "customer_region": _l("Customer's region"),
        "product_code": _l("Product code"),
        "product_name": _l("Product"),
        "quantity": _l("Quantity"),
        "unit_price": _l("Unit price"),
    },
}


def chosen(item: Import, mapping: Mapping, sent: Mappable[str, str]) -> Mapping:
    """The mapping as the page sent it: a field for each column of the file, or none."""
    columns: dict[str, str] = {}
    for place, column in enumerate(item.columns):
        name = sent.get(f"column.{place}", "")
        if not name:
            continue
        if name in columns:
            label = FIELDS[item.kind.value].get(name, name)
            raise Invalid("import.field_twice", field=str(label))
        columns[name] = column
    existing = sent.get("existing", mapping.existing)
    source = sent.get("source", mapping.source).strip()
    return replace(mapping, columns=columns, existing=existing, source=source)


def reason(refusal: ImportRejection, kind: ImportKind) -> str:
    """Why a row was not taken, in the reader's language, with the field it is about."""
    text = gettext(ERRORS[refusal.code])
    said = text % {"value": refusal.value} if "%(" in text else text
    label = FIELDS[kind.value].get(refusal.field)
    return f"{label}: {said}" if label else said
