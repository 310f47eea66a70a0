"""A row of cells made into a customer or an order, or refused with the field that is wrong."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from crm.core import money, spreadsheet
from crm.core.errors import Invalid
from crm.customers.models import CustomerKind, OrderStatus, Stage
from crm.customers.rules import normalise
from crm.customers.rules.mappings import Mapping

LIMITS = {
    "external_id": 100, "name": 120, "company": 160, "phone": 60, "email": 400, "region": 80,
    "source": 80, "note": 20_000, "tags": 1_000, "owner": 254, "number": 100, "channel": 80,
    "customer_external_id": 100, "customer_name": 120, "customer_region": 80,
    "product_code": 100, "product_name": 200,
}  # fmt: skip
LONGEST_CELL = 400
LONGEST_TAG = 60
LONGEST_PINYIN = 200
LONGEST_INITIALS = 40
LARGEST_QUANTITY = Decimal(10**10)
LARGEST_AMOUNT_MILLI = money.LARGEST_FEN * 10

_AS_FLOAT = re.compile(r"(-?\d+)\.0+")
_BETWEEN_TAGS = re.compile(r"[,;|，；、\n]+")
_MILLI = Decimal("0.001")
_TENTH_OF_MILLI = Decimal("0.0001")

STAGE_WORDS = {
    "潜在": Stage.PROSPECT, "意向": Stage.INTERESTED, "新客": Stage.NEW, "老客": Stage.REGULAR,
    "忠诚": Stage.LOYAL, "沉睡": Stage.DORMANT, "流失": Stage.LOST,
    **{stage.value: stage for stage in Stage},
}  # fmt: skip
KIND_WORDS = {
    "个人": CustomerKind.PERSON, "公司": CustomerKind.COMPANY, "企业": CustomerKind.COMPANY,
    **{kind.value: kind for kind in CustomerKind},
}  # fmt: skip
STATUS_WORDS = {
    "等待买家付款": OrderStatus.UNPAID, "待付款": OrderStatus.UNPAID, "未付款": OrderStatus.UNPAID,
    "买家已付款,等待卖家发货": OrderStatus.PAID, "买家已付款，等待卖家发货": OrderStatus.PAID,
    "卖家已发货,等待买家确认": OrderStatus.PAID, "卖家已发货，等待买家确认": OrderStatus.PAID,
    "待发货": OrderStatus.PAID, "待收货": OrderStatus.PAID, "已付款": OrderStatus.PAID,
    "已发货": OrderStatus.PAID, "交易成功": OrderStatus.COMPLETED, "已完成": OrderStatus.COMPLETED,
    "交易关闭": OrderStatus.CANCELLED, "已取消": OrderStatus.CANCELLED,
    "已关闭": OrderStatus.CANCELLED, "作废": OrderStatus.VOID, "草稿": OrderStatus.DRAFT,
    **{status.value: status for status in OrderStatus},
}  # fmt: skip

E = TypeVar("E", bound=Enum)
T = TypeVar("T")


class Refused(Exception):
    """One row is not taken; the others are."""

    def __init__(self, code: str, *, field: str = "", value: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.value = value


#: The row's number, why it is refused, and its cells.
Refusal: TypeAlias = tuple[int, Refused, list[str]]


@dataclass(slots=True)
class CustomerRow:
    """What one row says about a customer; empty where it says nothing."""

    row: int
    external_id: str | None = None
    name: str = ""
    company: str = ""
    kind: CustomerKind | None = None
    phone: str | None = None
    email: str | None = None
    email_key: str | None = None
    region: str = ""
    source: str = ""
    stage: Stage | None = None
    tags: tuple[str, ...] = ()
    owner: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    product_code: str
    product_name: str
    quantity: Decimal
    unit_price: Decimal
    amount_milli: int


@dataclass(slots=True)
class OrderRow:
    """What one row says about an order, about its customer, and at most one of its lines."""

    row: int
    number: str
    ordered_at: datetime | None
    paid_at: datetime | None
    status: OrderStatus | None
    currency: str | None
    amount_fen: int | None
    refunded_fen: int | None
    channel: str
    customer: CustomerRow | None
    line: Line | None


class Cells:
    """Finds the mapped cells of a row: trimmed, blanks left out, defaults filled in."""

    def __init__(self, mapping: Mapping, places: dict[str, int], width: int) -> None:
        self._plan = [
            (name, place, LIMITS.get(name, LONGEST_CELL)) for name, place in places.items()
        ]
        self._blank = frozenset(mapping.blank)
        self._whole = frozenset(mapping.whole_numbers)
        self._values = mapping.values
        self._defaults = mapping.defaults
        self._width = width

    def read(self, cells: Sequence[str]) -> dict[str, str]:
        if len(cells) != self._width and (len(cells) < self._width or any(cells[self._width :])):
            raise Refused("import.row_shape", value=f"{len(cells)}/{self._width}")
        if spreadsheet.has_control_characters(cells):
            raise Refused("import.row_control_character")
        found = dict(self._defaults)
        for name, place, limit in self._plan:
            text = cells[place].strip()
            if not text or text in self._blank:
                continue
            if len(text) > limit:
                raise Refused("import.value_too_long", field=name, value=str(limit))
            found[name] = spreadsheet.verbatim(text) if text[0] == "'" else text
        self._translate(found)
        return found

    def _translate(self, found: dict[str, str]) -> None:
        for name in self._whole:
            if (text := found.get(name, "")) and (whole := _AS_FLOAT.fullmatch(text)):
                found[name] = whole[1]
        for name, words in self._values.items():
            if name in found:
                found[name] = words.get(found[name], found[name])


class CustomerRows:
    """Reads the rows of a customers file."""

    def __init__(self, mapping: Mapping, places: dict[str, int], width: int) -> None:
        self._cells = Cells(mapping, places, width)
        self._source = mapping.source
        self.existing = mapping.existing

    def read(self, row: int, cells: Sequence[str]) -> CustomerRow:
        found = self._cells.read(cells)
        name, company = found.get("name", ""), found.get("company", "")
        external_id = found.get("external_id")
        phone = _try("phone", normalise.phone, found.get("phone"))
        email = _try("email", normalise.email, found.get("email"))
        if not (name or company or external_id or phone or email):
            raise Refused("import.nobody")
        return CustomerRow(
            row=row,
            external_id=external_id,
            name=name,
            company=company,
            kind=_word("kind", KIND_WORDS, found.get("kind")),
            phone=phone,
            email=email,
            email_key=normalise.email_key(email) if email else None,
            region=found.get("region", ""),
            source=found.get("source") or self._source,
            stage=_word("stage", STAGE_WORDS, found.get("stage")),
            tags=_tags(found.get("tags")),
            owner=found.get("owner", ""),
            note=found.get("note", ""),
        )


class OrderRows:
    """Reads the rows of an orders file: whole orders, lines of orders, or lines alone."""

    def __init__(
        self, mapping: Mapping, places: dict[str, int], width: int, *, zone: ZoneInfo
    ) -> None:
        self._cells = Cells(mapping, places, width)
        self.mapping = mapping
        self._zone = zone

    def read(self, row: int, cells: Sequence[str]) -> OrderRow:
        found = self._cells.read(cells)
        number = found.get("number")
        if not number:
            raise Refused("import.value_missing", field="number")
        has_orders = self.mapping.has_orders
        ordered_at = self._moment("ordered_at", found)
        if has_orders and ordered_at is None:
            raise Refused("import.value_missing", field="ordered_at")
        return OrderRow(
            row=row,
            number=number,
            ordered_at=ordered_at,
            paid_at=self._moment("paid_at", found),
            status=self._status(number, found),
            currency=self._currency_of(found),
            amount_fen=self._amount(found),
            refunded_fen=_try("refunded", money.parse_fen, found.get("refunded")),
            channel=found.get("channel", ""),
            customer=self._customer(row, found) if has_orders else None,
            line=_line(found) if self.mapping.has_lines else None,
        )

    def _moment(self, name: str, found: dict[str, str]) -> datetime | None:
        return _try(name, lambda text: normalise.moment(text, self._zone), found.get(name))

    def _status(self, number: str, found: dict[str, str]) -> OrderStatus | None:
        prefix = self.mapping.cancelled_prefix
        if prefix and number.startswith(prefix):
            return OrderStatus.CANCELLED
        return _word("status", STATUS_WORDS, found.get("status"))

    def _currency_of(self, found: dict[str, str]) -> str | None:
        currency = found.get("currency", "").upper()
        if not currency:
            return None
        if not re.fullmatch("[A-Z]{3}", currency):
            raise Refused("import.value_unknown", field="currency", value=currency[:40])
        return currency

    def _amount(self, found: dict[str, str]) -> int | None:
        if "amount" not in self.mapping.columns:
            return None
        amount = _try(
            "amount", lambda text: money.parse_fen(text, negative=True), found.get("amount")
        )
        if amount is None:
            raise Refused("import.value_missing", field="amount")
        return amount

    def _customer(self, row: int, found: dict[str, str]) -> CustomerRow | None:
        external_id = found.get("customer_external_id")
        phone = _try("customer_phone", normalise.phone, found.get("customer_phone"))
        email = _try("customer_email", normalise.email, found.get("customer_email"))
        if not (external_id or phone or email):
            return None
        return CustomerRow(
            row=row,
            external_id=external_id,
            name=found.get("customer_name", ""),
            phone=phone,
            email=email,
            email_key=normalise.email_key(email) if email else None,
            region=found.get("customer_region", ""),
            source=self.mapping.source,
        )


def read_all(
    reader: CustomerRows | OrderRows, numbered: Iterable[tuple[int, list[str]]]
) -> tuple[list[tuple[Any, list[str]]], list[Refusal]]:
    """The rows that can be read, each with its cells, and the others with the reason."""
    rows: list[tuple[Any, list[str]]] = []
    refusals: list[Refusal] = []
    for number, cells in numbered:
        try:
            rows.append((reader.read(number, cells), cells))
        except Refused as refused:
            refusals.append((number, refused, cells))
    return rows, refusals


def search_spelling(name: str, company: str) -> tuple[str, str]:
    """How the record is found by typing: pinyin and initials of the name, else of the company."""
    spelling = normalise.pinyin(name or company)
    return spelling.full[:LONGEST_PINYIN], spelling.initials[:LONGEST_INITIALS]


def _try(field: str, read: Callable[[str], T], text: str | None) -> T | None:
    if not text:
        return None
    try:
        return read(text)
    except Invalid as wrong:
        raise Refused(wrong.code, field=field, value=text[:200]) from wrong


def _word(field: str, words: dict[str, E], text: str | None) -> E | None:
    if not text:
        return None
    found = words.get(text) or words.get(text.casefold())
    if found is None:
        raise Refused("import.value_unknown", field=field, value=text[:200])
    return found


def _tags(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    found = tuple(dict.fromkeys(tag for part in _BETWEEN_TAGS.split(text) if (tag := part.strip())))
    if any(len(tag) > LONGEST_TAG for tag in found):
        raise Refused("import.value_too_long", field="tags", value=str(LONGEST_TAG))
    return found


def _line(found: dict[str, str]) -> Line:
    quantity = _try("quantity", money.parse_number, found.get("quantity"))
    price = _try("unit_price", money.parse_price, found.get("unit_price"))
    if quantity is None or price is None:
        missing = "quantity" if quantity is None else "unit_price"
        raise Refused("import.value_missing", field=missing)
    if abs(quantity) > LARGEST_QUANTITY or quantity % _MILLI:
        raise Refused("core.number_invalid", field="quantity", value=str(quantity)[:200])
    if abs(price) > LARGEST_QUANTITY or price % _TENTH_OF_MILLI:
        raise Refused("core.number_invalid", field="unit_price", value=str(price)[:200])
    amount = (quantity * price * 1000).to_integral_value(ROUND_HALF_UP)
    if abs(amount) > LARGEST_AMOUNT_MILLI:
        raise Refused("core.money_too_large", field="unit_price", value=str(price)[:200])
    return Line(
        product_code=found.get("product_code", ""),
        product_name=found.get("product_name", ""),
        quantity=quantity,
        unit_price=price,
        amount_milli=int(amount),
    )
