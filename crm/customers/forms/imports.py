"""How an import meets HTML: the fields of a file, the choice of a column for each, the reasons."""

import enum
import re
from collections.abc import Mapping as Mappable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _l

from crm.core.errors import Invalid
from crm.core.messages import ERRORS
from crm.core.spreadsheet import Limits, plain_header
from crm.customers.models import Import, ImportKind, ImportRejection
from crm.customers.models.names import KINDS as CUSTOMER_KINDS
from crm.customers.models.names import OPPORTUNITY_STAGES, POWERS, SEXES, STAGES
from crm.customers.queries import custom_fields
from crm.customers.rules import custom_values
from crm.customers.rules.cells import Refused
from crm.customers.rules.customer_rows import CustomerRow
from crm.customers.rules.headers import HEADERS
from crm.customers.rules.mappings import FILL, MERGE, REPLACE, SKIP, Mapping
from crm.customers.rules.opportunity_rows import OpportunityRow
from crm.customers.rules.order_rows import OrderRow
from crm.customers.services.importing_checks import Tried
from crm.customers.services.importing_files import Reading
from crm.customers.services.importing_undo import CHANGED, USED
from crm.web import context

HEADER_ROWS: Final = 6
LONGEST_SHOWN: Final = 40
STAYS: Final = {
    CHANGED: _l("Changed since"),
    USED: _l("In use since: orders, contacts, tags or notes"),
}

_PLACEHOLDER = re.compile(r"%\(\w+\)s")

#: What the values of enums are called.
WORDS: Final[dict[Any, str]] = {
    **STAGES,
    **CUSTOMER_KINDS,
    **SEXES,
    **POWERS,
    **OPPORTUNITY_STAGES,
}

KINDS: Final = (
    (ImportKind.CUSTOMERS.value, _l("Customers")),
    (ImportKind.ORDERS.value, _l("Orders")),
    (ImportKind.OPPORTUNITIES.value, _l("Opportunities")),
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
    (MERGE, _l("Merge")),
    (REPLACE, _l("Take the file's values")),
    (SKIP, _l("Leave as it is")),
)
EXISTING_MEANING: Final = {
    FILL: _l(
        "Values that are there stay. Only blanks are filled; tags go to customers without any."
    ),
    MERGE: _l("Blanks are filled, tags of both are kept, and the file's note is put under ours."),
    REPLACE: _l("The file's values win. A blank cell takes nothing away; tags are added."),
    SKIP: _l("Known customers stay as they are. Only new ones are made."),
}
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "customers": {
        "external_id": _l("Customer number"),
        "name": _l("Name"),
        "given_name": _l("Given name"),
        "family_name": _l("Family name"),
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
        "birth_on": _l("Birthday"),
        "sex": _l("Sex"),
        "member_level": _l("Member level"),
        "points": _l("Member points"),
        "purchasing_power": _l("Purchasing power"),
        "interests": _l("Interests"),
        "channel": _l("Won through"),
    },
    "opportunities": {
        "number": _l("Opportunity number"),
        "title": _l("What it is about"),
        "stage": _l("Deal stage"),
        "amount": _l("Amount"),
        "product": _l("Product"),
        "entered_on": _l("Entered"),
        "expected_on": _l("Expected close"),
        "closed_on": _l("Closed"),
        "lost_reason": _l("Why it was lost"),
        "customer_number": _l("Customer number"),
        "customer_phone": _l("Customer's phone"),
        "customer_email": _l("Customer's e-mail"),
        "customer": _l("Customer's name or company"),
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


def fields_of(kind: str) -> dict[str, Any]:
    """What a column may be read as: the built-in fields, and the company's own."""
    if kind != ImportKind.CUSTOMERS.value:
        return FIELDS.get(kind, {})
    own = custom_fields.shown(context.session())
    return FIELDS[kind] | {field.name: field.label for field in own}


def chosen(item: Import, mapping: Mapping, sent: Mappable[str, str]) -> Mapping:
    """The mapping as the page sent it: a field for each column of the file, or none."""
    columns: dict[str, str] = {}
    for place, column in enumerate(item.columns):
        name = sent.get(f"column.{place}", "")
        if not name:
            continue
        if name in columns:
            label = fields_of(item.kind.value).get(name, name)
            raise Invalid("import.field_twice", field=str(label))
        columns[name] = column
    if not any(key.startswith("column.") for key in sent):
        return mapping  # from the check, where the columns are settled
    existing = sent.get("existing", mapping.existing)
    source = sent.get("source", mapping.source).strip()
    return replace(mapping, columns=columns, existing=existing, source=source)


def reading(sent: Mappable[str, str], *, limits: Limits) -> Reading:
    """How the page wants the file read."""
    header_row = sent.get("header_row", "")
    return Reading(
        encoding=sent.get("encoding") or None,
        sheet=sent.get("sheet") or None,
        header_row=int(header_row) if header_row.isascii() and header_row.isdigit() else None,
        limits=limits,
    )


def header_of(kind: str, name: str) -> str:
    """What a template calls the field: a name that is understood, in the reader's language."""
    label = str(fields_of(kind)[name])
    known = HEADERS[kind].get(name, ())
    plain = plain_header(label)
    if any(plain_header(one) == plain for one in known) or not known:
        return label
    is_chinese = str(get_locale() or "").startswith("zh")
    return known[0] if is_chinese else next(filter(str.isascii, known), label)


def header_rows(mapping: Mapping) -> list[tuple[int, str]]:
    """The choices of the row that names the columns."""
    known = sorted({*range(1, HEADER_ROWS + 1), mapping.header_row} - {0})
    choices = [(number, gettext("Row %(number)s", number=number)) for number in known]
    return [*choices, (0, gettext("There is none"))]


def tried(one: Tried, places: Mappable[str, int], kind: ImportKind) -> dict[str, Any]:
    """A row of the preview: each cell, what it becomes, and whether it is what is wrong."""
    cells = []
    for name, place in places.items():
        text = one.cells[place].strip() if place < len(one.cells) else ""
        is_wrong = one.refused is not None and one.refused.field == name
        becomes = shown(one.row, name) if one.row is not None else text
        cells.append((text[:LONGEST_SHOWN], becomes[:LONGEST_SHOWN], is_wrong))
    return {
        "number": one.number,
        "cells": cells,
        "wrong": reason(one.refused, kind) if one.refused is not None else "",
    }


def pace(item: Import, *, now: datetime) -> dict[str, int] | None:
    """How fast it goes and how long it will take; None before that can be said."""
    passed = (now - item.started_at).total_seconds() if item.started_at else 0
    if passed < 1 or not item.position or not item.row_count:
        return None
    speed = item.position / passed
    return {
        "rows_a_second": round(speed),
        "seconds_left": max(1, round((item.row_count - item.position) / speed)),
    }


def seconds(item: Import) -> int:
    """How long the reading took."""
    if item.finished_at is None:
        return 0
    return max(1, round((item.finished_at - (item.started_at or item.created_at)).total_seconds()))


def reason(refusal: ImportRejection | Refused, kind: ImportKind) -> str:
    """Why a row was not taken, in the reader's language, with the field it is about."""
    text = gettext(ERRORS[refusal.code])
    said = text % {"value": refusal.value} if "%(" in text else text
    label = fields_of(kind.value).get(refusal.field)
    return f"{label}: {said}" if label else said


def reasons(item: Import) -> list[tuple[str, int]]:
    """How many rows were not taken for each reason, the most frequent first."""
    counted = sorted(item.reasons.items(), key=lambda one: -one[1])
    return [(_without_value(gettext(ERRORS[code])), count) for code, count in counted]


def shown(row: CustomerRow | OrderRow | OpportunityRow | None, name: str) -> str:
    """What a cell has become, as people write it."""
    if isinstance(row, OpportunityRow):
        value = _of_opportunity(row, name)
    else:
        value = _of_order(row, name) if isinstance(row, OrderRow) else _of_customer(row, name)
    if isinstance(value, tuple):
        return "、".join(value)
    if isinstance(value, enum.Enum):
        return str(gettext(WORDS.get(value, str(value.value))))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return "" if value is None else str(value)


def _of_customer(row: CustomerRow | None, name: str) -> object:
    more = (row.more if row is not None else None) or {}
    field = custom_fields.find(context.session(), name)
    if field is not None:
        return custom_values.as_text(field, more.get("custom", {}).get(field.key))
    return more[name] if name in more else getattr(row, name, None)


def _of_opportunity(row: OpportunityRow, name: str) -> object:
    if name == "amount":
        return f"{row.amount_fen / 100:.2f}"
    return getattr(row, name.removeprefix("customer_") if name != "customer_number" else name, None)


def _of_order(row: OrderRow, name: str) -> object:
    if name.startswith("customer_"):
        return getattr(row.head.customer, name.removeprefix("customer_"), None)
    if name in {"amount", "refunded"}:
        fen = row.head.amount_fen if name == "amount" else row.head.refunded_fen
        return None if fen is None else f"{fen / 100:.2f}"
    return getattr(row.head, name, None) or getattr(row.line, name, None)


def _without_value(text: str) -> str:
    return _PLACEHOLDER.sub("…", text)
