"""Values of customers as the cells of a file: understood by people, and by an import again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from crm.core.i18n import gettext_for
from crm.core.money import plain_text
from crm.core.spreadsheet import harmless
from crm.customers.models import CustomField, names
from crm.customers.rules import custom_values
from crm.customers.rules.columns import Column, ColumnKind
from crm.customers.rules.custom_values import Stored
from crm.customers.rules.headers import CUSTOMERS, HEADERS

#: One value to one cell; None is a blank.
Convert = Callable[[Any], str]

BETWEEN_TAGS = "; "
CHINA = "+86"
MOBILE = len("+8613800138000")


def header(column: Column, locale: str) -> str:
    """The column's head: where an import knows the field, a name that the import understands."""
    aliases = HEADERS[CUSTOMERS].get(column.field, ())
    if not aliases:
        own = column.kind is ColumnKind.CUSTOM
        return harmless(column.label if own else gettext_for(locale)(column.label))
    if locale.startswith("zh"):
        return aliases[0]
    english = next((alias for alias in aliases if alias.isascii()), aliases[0])
    return english[:1].upper() + english[1:]


def converters(columns: Sequence[Column], *, locale: str, zone: ZoneInfo) -> list[Convert]:
    """For each column what makes its values cells; what people wrote is made harmless."""
    say = gettext_for(locale)
    words: Mapping[str, Mapping[str, str]] = {
        "stage": {stage.value: say(text) for stage, text in names.STAGES.items()},
        "kind": {kind.value: say(text) for kind, text in names.KINDS.items()},
        "sex": {sex.value: say(text) for sex, text in names.SEXES.items()},
        "purchasing_power": {power.value: say(text) for power, text in names.POWERS.items()},
    }
    yes, no = say("Yes"), say("No")

    @lru_cache(maxsize=4_096)
    def moment(value: datetime) -> str:
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"

    ways: dict[ColumnKind, Convert] = {
        ColumnKind.NUMBER: str,
        ColumnKind.TAGS: lambda _value: "",  # told by whoever knows them, as are own fields
        ColumnKind.CUSTOM: lambda _value: "",
        ColumnKind.MONEY: plain_text,
        ColumnKind.DAY: date.isoformat,
        ColumnKind.MOMENT: moment,
        ColumnKind.YES_NO: lambda value: yes if value else no,
    }

    def way(column: Column) -> Convert:
        if column.kind is ColumnKind.WORD:
            table = words[column.name]
            return lambda value: table.get(value, value)
        return ways.get(column.kind, harmless)

    return [way(column) for column in columns]


def tags(names_of_tags: Iterable[str]) -> str:
    return harmless(BETWEEN_TAGS.join(names_of_tags))


def text(value: str) -> str:
    return harmless(value)


def own_field(field: CustomField, value: Stored | None) -> str:
    return harmless(custom_values.as_text(field, value))


def phone(e164: str) -> str:
    """A number as people here write it: a mobile without +86, any other one whole."""
    is_ours = e164.startswith(CHINA) and len(e164) == MOBILE and e164[3] == "1"
    return e164[3:] if is_ours else e164
