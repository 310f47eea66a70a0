"""What a file says beyond the usual: the profile, and the company's own fields."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from crm.core import money
from crm.core.errors import Invalid
from crm.customers.models import CustomField, PurchasingPower, Sex
from crm.customers.models.fields import PREFIX
from crm.customers.rules import custom_values, normalise
from crm.customers.rules.cells import Refused, value_of, word

MOST_POINTS = 10**12

SEX_WORDS = {
    "男": Sex.MALE, "女": Sex.FEMALE, "其他": Sex.OTHER, "先生": Sex.MALE, "女士": Sex.FEMALE,
    "m": Sex.MALE, "f": Sex.FEMALE, "nonbinary": Sex.OTHER, "non-binary": Sex.OTHER,
    **{sex.value: sex for sex in Sex},
}  # fmt: skip
POWER_WORDS = {
    "低": PurchasingPower.LOW, "中": PurchasingPower.MEDIUM, "高": PurchasingPower.HIGH,
    **{power.value: power for power in PurchasingPower},
}  # fmt: skip


def _points(text: str) -> int:
    found = money.parse_number(text)
    if found != int(found) or not 0 <= found <= MOST_POINTS:
        raise Invalid("core.number_invalid", value=text[:40])
    return int(found)


#: Columns of the profile, and how each cell is read.
PROFILE: dict[str, Callable[[str], Any]] = {
    "birth_on": lambda text: value_of("birth_on", normalise.day, text),
    "sex": lambda text: word("sex", SEX_WORDS, text),
    "channel": str,
    "interests": str,
    "purchasing_power": lambda text: word("purchasing_power", POWER_WORDS, text),
    "member_level": str,
    "points": lambda text: value_of("points", _points, text),
}


class MoreFacts:
    """Reads the cells that are mapped to the profile and to own fields; most files have none."""

    def __init__(self, names: Iterable[str], fields: Sequence[CustomField]) -> None:
        wanted = list(names)
        known = {field.name: field for field in fields}
        gone = [name for name in wanted if name.startswith(PREFIX) and name not in known]
        if gone:
            raise Invalid("import.mapping_invalid", problem=f"there is no field {gone[0]}")
        self._profile = [(name, PROFILE[name]) for name in wanted if name in PROFILE]
        self._own = [known[name] for name in wanted if name in known]

    @property
    def is_asked(self) -> bool:
        return bool(self._profile or self._own)

    def read(self, cells: Mapping[str, str]) -> dict[str, Any]:
        """Column → value; own fields stand by their keys under "custom". Blanks are left out."""
        found = {name: read(cells[name]) for name, read in self._profile if name in cells}
        custom = {
            field.key: value
            for field in self._own
            if field.name in cells and (value := _own(field, cells[field.name])) is not None
        }
        return found | {"custom": custom} if custom else found


def _own(field: CustomField, text: str) -> custom_values.Stored | None:
    try:
        return custom_values.read(field, text)
    except Invalid as wrong:
        if wrong.code == "customers.custom_too_long":
            limit = str(wrong.details["limit"])
            raise Refused("import.value_too_long", field=field.name, value=limit) from wrong
        code = "core.number_invalid" if wrong.code == "customers.custom_number" else wrong.code
        raise Refused(code, field=field.name, value=text[:200]) from wrong
