"""A row of a customers file made into what it says about a customer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crm.customers.models import CustomerKind, CustomField, Stage, names
from crm.customers.rules import normalise
from crm.customers.rules.cells import (
    Cells,
    Refused,
    must_be_sound,
    must_be_whole,
    value_of,
    word,
)
from crm.customers.rules.headers import CUSTOMERS, HEADERS
from crm.customers.rules.mappings import Mapping
from crm.customers.rules.more_facts import MoreFacts

LONGEST_TAG = 60
LONGEST_PINYIN = 200
LONGEST_INITIALS = 40

_HAN = re.compile("[\u3400-\u9fff]")
_BETWEEN_TAGS = re.compile(r"[,;|，；、\n]+")

STAGE_WORDS = {
    "潜在": Stage.PROSPECT, "意向": Stage.INTERESTED, "新客": Stage.NEW, "老客": Stage.REGULAR,
    "忠诚": Stage.LOYAL, "沉睡": Stage.DORMANT, "流失": Stage.LOST,
    **{stage.value: stage for stage in Stage},
    **{label.casefold(): stage for stage, label in names.STAGES.items()},  # as files of ours say
}  # fmt: skip
KIND_WORDS = {
    "个人": CustomerKind.PERSON, "公司": CustomerKind.COMPANY, "企业": CustomerKind.COMPANY,
    **{kind.value: kind for kind in CustomerKind},
}  # fmt: skip


@dataclass(slots=True, eq=False)
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
    more: dict[str, Any] | None = None  # columns of the profile, own fields under "custom"


class CustomerRows:
    """Reads the rows of a customers file. Raises Invalid for a mapping to an own field not known.

    `fields` are the company's own.
    """

    def __init__(
        self,
        mapping: Mapping,
        places: dict[str, int],
        width: int,
        fields: Sequence[CustomField] = (),
    ) -> None:
        more = MoreFacts({**mapping.columns, **mapping.defaults}, fields)
        self._more = more if more.is_asked else None
        self._cells = Cells(mapping, places, [*HEADERS[CUSTOMERS], *(one.name for one in fields)])
        self._width = width
        self._source = mapping.source
        self.existing = mapping.existing

    def read(self, row: int, cells: Sequence[str]) -> CustomerRow:
        must_be_sound(cells, self._width)
        found = self._cells.read(cells)
        get = found.get
        name, company, external_id = get("name", ""), get("company", ""), get("external_id")
        name = name or _full_name(get("given_name", ""), get("family_name", ""))
        must_be_whole("external_id", external_id)
        phone = value_of("phone", normalise.phone, get("phone"))
        email = value_of("email", normalise.email, get("email"))
        if not (name or company or external_id or phone or email):
            raise Refused("import.nobody")
        return CustomerRow(
            row,
            external_id,
            name,
            company,
            word("kind", KIND_WORDS, get("kind")),
            phone,
            email,
            normalise.email_key(email) if email else None,
            get("region", ""),
            get("source") or self._source,
            word("stage", STAGE_WORDS, get("stage")),
            _tags(get("tags")),
            get("owner", ""),
            get("note", ""),
            self._more.read(found) if self._more else None,
        )


def search_spelling(name: str, company: str) -> tuple[str, str]:
    """How the record is found by typing: pinyin and initials of the name, else of the company."""
    spelling = normalise.pinyin(name or company)
    return spelling.full[:LONGEST_PINYIN], spelling.initials[:LONGEST_INITIALS]


def _full_name(given: str, family: str) -> str:
    if family and _HAN.search(family + given):
        return family + given
    return f"{given} {family}".strip()


def _tags(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    found = tuple(dict.fromkeys(tag for part in _BETWEEN_TAGS.split(text) if (tag := part.strip())))
    if any(len(tag) > LONGEST_TAG for tag in found):
        raise Refused("import.value_too_long", field="tags", value=str(LONGEST_TAG))
    return found
