"""A row of an orders file made into what it says about an order, its customer and one line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from crm.core import money
from crm.customers.models import OrderStatus
from crm.customers.rules import normalise
from crm.customers.rules.cells import (
    Cells,
    Refused,
    must_be_sound,
    must_be_whole,
    value_of,
    word,
)
from crm.customers.rules.customer_rows import CustomerRow
from crm.customers.rules.headers import HEADERS, ORDERS
from crm.customers.rules.mappings import LINE_FIELDS, Mapping

LARGEST_QUANTITY = Decimal(10**10)
LARGEST_AMOUNT_MILLI = money.LARGEST_FEN * 10

_CURRENCY = re.compile("[A-Z]{3}")
_MILLI = Decimal("0.001")
_TENTH_OF_MILLI = Decimal("0.0001")

STATUS_WORDS = {
    "等待买家付款": OrderStatus.UNPAID, "待付款": OrderStatus.UNPAID, "未付款": OrderStatus.UNPAID,
    "买家已付款,等待卖家发货": OrderStatus.PAID, "买家已付款，等待卖家发货": OrderStatus.PAID,
    "卖家已发货,等待买家确认": OrderStatus.PAID, "卖家已发货，等待买家确认": OrderStatus.PAID,
    "待发货": OrderStatus.PAID, "待收货": OrderStatus.PAID, "已付款": OrderStatus.PAID,
    "已发货": OrderStatus.PAID, "交易成功": OrderStatus.COMPLETED, "已完成": OrderStatus.COMPLETED,
    "交易关闭": OrderStatus.CANCELLED, "已取消": OrderStatus.CANCELLED,
    "付款以前，卖家或买家主动关闭交易": OrderStatus.CANCELLED,
    "付款以前,卖家或买家主动关闭交易": OrderStatus.CANCELLED,
    "付款以后用户退款成功，交易自动关闭": OrderStatus.CANCELLED,
    "付款以后用户退款成功,交易自动关闭": OrderStatus.CANCELLED,
    "已支付": OrderStatus.PAID, "已签收": OrderStatus.PAID, "交易完成": OrderStatus.COMPLETED,
    "等待付款": OrderStatus.UNPAID, "待支付": OrderStatus.UNPAID,
    "已退款": OrderStatus.CANCELLED, "全额退款": OrderStatus.CANCELLED,
    "已关闭": OrderStatus.CANCELLED, "作废": OrderStatus.VOID, "草稿": OrderStatus.DRAFT,
    **{status.value: status for status in OrderStatus},
}  # fmt: skip


class Line(NamedTuple):
    """One line; a plain tuple in the order of its columns, since there may be millions."""

    product_code: str
    product_name: str
    quantity: Decimal
    unit_price: Decimal
    amount_milli: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a row says about the order as a whole; None where it says nothing."""

    number: str
    ordered_at: datetime | None
    paid_at: datetime | None
    status: OrderStatus | None
    currency: str | None
    amount_fen: int | None
    refunded_fen: int | None
    channel: str | None
    customer: CustomerRow | None


@dataclass(frozen=True, slots=True)
class OrderRow:
    row: int
    head: Head
    line: Line | None


class OrderRows:
    """Reads the rows of an orders file: whole orders, lines of orders, or lines alone."""

    def __init__(
        self, mapping: Mapping, places: dict[str, int], width: int, *, zone: ZoneInfo
    ) -> None:
        self.mapping = mapping
        self._cells = Cells(mapping, places, HEADERS[ORDERS].keys() - LINE_FIELDS)
        self._line_cells = Cells(mapping, places, LINE_FIELDS)
        self._width = width
        self._zone = zone
        # Lines of one order mostly follow each other and repeat what is said about the order.
        self._head_of = itemgetter(*self._cells.places.values())
        self._last: tuple[object, Head] | None = None

    def read(self, row: int, cells: Sequence[str]) -> OrderRow:
        must_be_sound(cells, self._width)
        key = self._head_of(cells)
        if self._last is None or self._last[0] != key:
            self._last = key, self._head(row, self._cells.read(cells))
        line = _line(self._line_cells.read(cells)) if self.mapping.has_lines else None
        return OrderRow(row, self._last[1], line)

    def _head(self, row: int, found: dict[str, str]) -> Head:
        number = found.get("number")
        if not number:
            raise Refused("import.value_missing", field="number")
        must_be_whole("number", number)
        must_be_whole("customer_external_id", found.get("customer_external_id"))
        has_orders = self.mapping.has_orders
        ordered_at = self._moment("ordered_at", found)
        if has_orders and ordered_at is None:
            raise Refused("import.value_missing", field="ordered_at")
        return Head(
            number=number,
            ordered_at=ordered_at,
            paid_at=self._moment("paid_at", found),
            status=self._status(number, found),
            currency=_currency(found),
            amount_fen=self._amount(found),
            refunded_fen=value_of("refunded", money.parse_fen, found.get("refunded")),
            channel=found.get("channel"),
            customer=self._customer(row, found) if has_orders else None,
        )

    def _moment(self, name: str, found: dict[str, str]) -> datetime | None:
        return value_of(name, lambda text: normalise.moment(text, self._zone), found.get(name))

    def _status(self, number: str, found: dict[str, str]) -> OrderStatus | None:
        prefix = self.mapping.cancelled_prefix
        if prefix and number.startswith(prefix):
            return OrderStatus.CANCELLED
        return word("status", STATUS_WORDS, found.get("status"))

    def _amount(self, found: dict[str, str]) -> int | None:
        if "amount" not in self.mapping.columns:
            return None
        amount = value_of("amount", _signed_fen, found.get("amount"))
        if amount is None:
            raise Refused("import.value_missing", field="amount")
        return amount

    def _customer(self, row: int, found: dict[str, str]) -> CustomerRow | None:
        external_id = found.get("customer_external_id")
        phone = value_of("customer_phone", normalise.phone, found.get("customer_phone"))
        email = value_of("customer_email", normalise.email, found.get("customer_email"))
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


def _currency(found: dict[str, str]) -> str | None:
    currency = found.get("currency", "").upper()
    if currency and not _CURRENCY.fullmatch(currency):
        raise Refused("import.value_unknown", field="currency", value=currency[:40])
    return currency or None


def _signed_fen(text: str) -> int:
    return money.parse_fen(text, negative=True)


def _line(found: dict[str, str]) -> Line:
    quantity, price, amount = _figures(found.get("quantity", ""), found.get("unit_price", ""))
    return Line(
        found.get("product_code", ""), found.get("product_name", ""), quantity, price, amount
    )


@lru_cache(maxsize=65_536)
def _figures(quantity_text: str, price_text: str) -> tuple[Decimal, Decimal, int]:
    """Quantity, unit price, and what they come to in thousandths."""
    quantity = value_of("quantity", money.parse_number, quantity_text)
    price = value_of("unit_price", money.parse_price, price_text)
    if quantity is None or price is None:
        missing = "quantity" if quantity is None else "unit_price"
        raise Refused("import.value_missing", field=missing)
    if abs(quantity) > LARGEST_QUANTITY or quantity % _MILLI:
        raise Refused("core.number_invalid", field="quantity", value=quantity_text[:200])
    if abs(price) > LARGEST_QUANTITY or price % _TENTH_OF_MILLI:
        raise Refused("core.number_invalid", field="unit_price", value=price_text[:200])
    amount = (quantity * price * 1000).to_integral_value(ROUND_HALF_UP)
    if abs(amount) > LARGEST_AMOUNT_MILLI:
        raise Refused("core.money_too_large", field="unit_price", value=price_text[:200])
    return quantity, price, int(amount)
