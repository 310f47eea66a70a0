"""Money as people write it, turned into integer fen (or cents) exactly: never through a float."""

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from crm.core.errors import Invalid

# Numbers and money columns are refused beyond this: it fits 64 bits with room for sums.
LARGEST_FEN = 10**15
LONGEST_NUMBER = 40

_CURRENCY = re.compile(
    r"^(?:CNY|RMB|USD|EUR|GBP|HKD|[¥$€£])\s*|\s*(?:CNY|RMB|USD|EUR|GBP|HKD|元)$", re.I
)
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d+)?(\.\d*)?")
_UNITS = {"万": Decimal(10_000), "亿": Decimal(100_000_000)}
_CENT = Decimal("0.01")


def parse_fen(text: str, *, negative: bool = False) -> int:
    """The amount in fen. Refuses more than two decimals, and below zero unless `negative`."""
    amount = parse_number(_CURRENCY.sub("", _plain(text)))
    fen = amount * 100
    if fen != fen.to_integral_value():
        raise Invalid("core.money_decimals", value=text[:40])
    if amount < 0 and not negative:
        raise Invalid("core.money_negative", value=text[:40])
    if abs(fen) > LARGEST_FEN:
        raise Invalid("core.money_too_large", value=text[:40])
    return int(fen)


@lru_cache(maxsize=65_536)
def parse_price(text: str) -> Decimal:
    """A unit price with any number of decimals; currency signs and thousands commas are fine."""
    return parse_number(_CURRENCY.sub("", _plain(text)))


@lru_cache(maxsize=65_536)
def parse_number(text: str) -> Decimal:
    """A decimal number such as 1,000.50, １２ or 1.2万. Refuses 1.000,50, 1e308, NaN and blanks."""
    plain = _plain(text)
    unit = _UNITS.get(plain[-1:], Decimal(1))
    digits = plain[:-1].rstrip() if plain[-1:] in _UNITS else plain
    found = _NUMBER.fullmatch(digits)
    if (
        found is None
        or not (found[2] or (found[3] or "").strip("."))
        or len(digits) > LONGEST_NUMBER
    ):
        raise Invalid("core.number_invalid", value=text[:40])
    return Decimal(digits.replace(",", "")) * unit


def to_fen(amount: Decimal) -> int:
    """Rounded half up (away from zero) to whole fen."""
    return int((amount * 100).to_integral_value(ROUND_HALF_UP))


def line_total_fen(quantity: Decimal, unit_price: Decimal) -> int:
    """What a line costs. Each line is rounded, so that an order's total is the sum of its lines."""
    return to_fen(quantity * unit_price)


def plain_text(fen: int) -> str:
    """123450 as 1234.50: for files and logs, with no sign of currency and no grouping."""
    return str((Decimal(fen) / 100).quantize(_CENT))


def _plain(text: str) -> str:
    # NFKC turns full-width digits and signs (１，０００, ￥) into the plain ones.
    return unicodedata.normalize("NFKC", text).strip()
