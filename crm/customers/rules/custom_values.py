"""Values of custom fields: one reader for each kind, whoever sends the value, and its way back.

A stored value is what JSON can hold: a text, a decimal number as a text ("12.5"), fen, a day as
"2026-11-19", yes or no, the key of a choice or a list of such keys. What is empty is not stored.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from crm.core import money
from crm.core.errors import Invalid
from crm.customers.models import CustomField, FieldKind
from crm.customers.rules import normalise

#: What `Customer.custom` holds under a field's key.
Stored: TypeAlias = str | int | bool | list[str]

LONGEST_TEXT = 2_000
LONGEST_LINK = 500
#: Numbers of so many digits are told apart by a 64-bit float too: SQLite compares through one.
MOST_DIGITS = 15
MOST_DECIMALS = 6

BETWEEN = re.compile(r"[,;|，；、\n]+")
_KEY = re.compile(r"c[0-9]+")
_YES = frozenset({"yes", "y", "true", "1", "on", "是", "有", "对"})
_NO = frozenset({"no", "n", "false", "0", "off", "否", "无", "没有", "不"})
_EMPTY: tuple[object, ...] = (None, "", [], ())


def read(field: CustomField, value: object, *, kept: Collection[str] = ()) -> Stored | None:
    """The value as it is stored, None for an empty one. Raises Invalid that names the field.

    An archived choice is taken only when it is among `kept`: what the record holds already.
    """
    if isinstance(value, str):
        value = value.strip()
    if value in _EMPTY:
        return None
    try:
        if field.kind in {FieldKind.CHOICE, FieldKind.MULTI_CHOICE}:
            return _chosen(field, value, kept)
        return _READERS[field.kind](value)
    except Invalid as wrong:
        raise refused(field, wrong.code, **wrong.details) from wrong


def refused(field: CustomField, code: str, **details: Any) -> Invalid:
    """A refusal that forms show beside the field, and programs find under its name."""
    return Invalid(code, **{**details, "field": field.name, "fields": {field.name: [code]}})


def as_text(field: CustomField, value: Stored | None) -> str:
    """The value in letters, for files; `read` makes the same value of them again."""
    if value is None:
        return ""
    if field.kind is FieldKind.MONEY and isinstance(value, int):
        return money.plain_text(value)
    if field.kind is FieldKind.YES_NO:
        return "yes" if value else "no"
    if field.kind in {FieldKind.CHOICE, FieldKind.MULTI_CHOICE}:
        return "; ".join(labels(field, value))
    return str(value)


def labels(field: CustomField, value: Stored | None) -> list[str]:
    """What the chosen are called; a key that is no choice is left out."""
    keys = value if isinstance(value, list) else [value]
    called = {choice["key"]: choice["label"] for choice in field.choices}
    return [called[key] for key in keys if key in called]


def choices(field: CustomField, *, kept: Collection[str] = ()) -> list[tuple[str, str]]:
    """Key and label of what may be chosen, in the order of the settings."""
    return [
        (one["key"], one["label"])
        for one in field.choices
        if not one.get("is_archived") or one["key"] in kept
    ]


def revised_choices(
    before: Sequence[dict[str, Any]], called: dict[str, str], added: Sequence[str]
) -> list[dict[str, Any]]:
    """The choices after an edit: called anew, put away where the new name is blank, and added.

    A choice that was put away comes back under its old key when its name is added again.
    """
    found = []
    for one in before:
        label = _one_line(called.get(one["key"], one["label"]))
        is_archived = bool(one.get("is_archived")) if one["key"] not in called else not label
        found.append(
            {"key": one["key"], "label": label or one["label"], "is_archived": is_archived}
        )
    highest = max((int(one["key"][1:]) for one in found), default=0)
    for text in added:
        label = _one_line(text)
        known = next((one for one in found if one["label"].casefold() == label.casefold()), None)
        if known is not None:
            known["is_archived"] = False
        elif label:
            highest += 1
            found.append({"key": f"c{highest}", "label": label, "is_archived": False})
    _check_labels([one["label"] for one in found])
    return found


def _check_labels(found: Sequence[str]) -> None:
    for label in found:
        if len(label) > 60:  # noqa: PLR2004 - as long as a tag
            raise Invalid("customers.custom_too_long", limit=60, field="choices")
        if BETWEEN.search(label) or _KEY.fullmatch(label):
            raise Invalid("customers.choice_unclear", value=label, field="choices")
    if len({label.casefold() for label in found}) < len(found):
        raise Invalid("customers.choice_twice", field="choices")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _text(value: object, limit: int = LONGEST_TEXT) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Invalid("customers.custom_text")
    if len(value) > limit:
        raise Invalid("customers.custom_too_long", limit=limit)
    if any((char < " " and char not in "\n\r\t") or "\ud800" <= char <= "\udfff" for char in value):
        raise Invalid("customers.custom_text")
    return value


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Invalid("core.number_invalid", value=_shown(value))
    found = money.parse_number(str(value)[: money.LONGEST_NUMBER + 1])
    plain = format(found.normalize(), "f")
    decimals = len(plain.partition(".")[2])
    if len(plain.strip("-0").replace(".", "")) > MOST_DIGITS or decimals > MOST_DECIMALS:
        raise Invalid("customers.custom_number", digits=MOST_DIGITS, decimals=MOST_DECIMALS)
    if abs(found) >= Decimal(10) ** MOST_DIGITS:
        raise Invalid("customers.custom_number", digits=MOST_DIGITS, decimals=MOST_DECIMALS)
    return "0" if found == 0 else plain


def _money(value: object) -> int:
    """A whole number is fen, as everywhere in the API; a text is what people write."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Invalid("core.number_invalid", value=_shown(value))
    if isinstance(value, str):
        return money.parse_fen(value, negative=True)
    if abs(value) > money.LARGEST_FEN:
        raise Invalid("core.money_too_large", value=str(value)[:40])
    return value


def _day(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        raise Invalid("import.date_invalid", value=_shown(value))
    return normalise.day(value).isoformat()


def _yes_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = unicodedata.normalize("NFKC", str(value)).strip().casefold()
    if word not in _YES | _NO:
        raise Invalid("customers.custom_yes_no", value=_shown(value))
    return word in _YES


def _link(value: object) -> str:
    text = _text(value, LONGEST_LINK)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise Invalid("customers.custom_link", value=text[:80])
    return text


def _chosen(field: CustomField, value: object, kept: Collection[str]) -> Stored:
    if field.kind is FieldKind.CHOICE:
        return _key(field, value, kept)
    given = value if isinstance(value, list | tuple) else BETWEEN.split(_text(value))
    wanted = {_key(field, one, kept) for one in given if not isinstance(one, str) or one.strip()}
    return [choice["key"] for choice in field.choices if choice["key"] in wanted]


def _key(field: CustomField, value: object, kept: Collection[str]) -> str:
    """By its key, else by its name."""
    text = _text(value).strip()
    offered = choices(field, kept=kept)
    for key, label in offered:
        if text in (key, label):
            return key
    for key, label in offered:
        if text.casefold() == label.casefold():
            return key
    raise Invalid("customers.custom_choice", value=text[:80])


def _shown(value: object) -> str:
    return str(value if isinstance(value, str | int | float) else type(value).__name__)[:40]


_READERS: dict[FieldKind, Callable[[object], Stored]] = {
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.MONEY: _money,
    FieldKind.DATE: _day,
    FieldKind.YES_NO: _yes_no,
    FieldKind.PHONE: lambda value: normalise.phone(_text(value)),
    FieldKind.EMAIL: lambda value: normalise.email(_text(value)),
    FieldKind.LINK: _link,
}
