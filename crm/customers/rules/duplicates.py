"""When two records may be one customer, and how sure that is. Nothing is ever merged by itself.

What two records have in common gives a confidence, and only `CERTAIN` ones may be merged many at
once, by somebody who was told the number:

- certain: a phone together with a name or an e-mail, or an e-mail with a name. A number is one
  household's or one shop's, and the second witness says which of it.
- likely: a phone or an e-mail alone. A couple, a shop or an info@ may share one; a name spelt in
  another way is more common.
- likely: a phone but for its country, with a name: one was written down under a wrong country.
- likely: name and company. Two people of one name in one company are rare.
- possible: a phone but for its country, alone. Chance makes such pairs in large lists.
- possible: a name as it sounds, with company or region. 王芳 and 王方 may be one typist's slip.
- possible: name and region, or a name alone. 张伟 in 杭州 are many; a name is never more than a
  hint (T-70, T-71).

One step down when the other system tells them apart (two numbers of one source), and when one is a
person and the other a company: a shop and its owner share a phone and are two customers. What
falls below possible is no suggestion.

A value that a crowd shares tells nobody apart: 1,000 customers with one phone would make 499,500
pairs. From `MOST` on, its customers are not paired, and the page says so.
"""

import enum
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import phonenumbers

from crm.customers.models import CustomerKind, KeyKind
from crm.customers.rules import normalise


class Confidence(enum.IntEnum):
    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3


class Reason(enum.Enum):
    """What two records have in common, the strongest first."""

    PHONE = "phone"
    EMAIL = "email"
    PHONE_TAIL = "phone_tail"
    NAME_COMPANY = "name_company"
    SOUND_COMPANY = "sound_company"
    NAME_PLACE = "name_place"
    SOUND_PLACE = "sound_place"
    NAME = "name"


#: How many customers may share a value and still be compared one by one.
MOST: Final[Mapping[KeyKind, int]] = {
    KeyKind.PHONE: 20,
    KeyKind.EMAIL: 20,
    KeyKind.NAME_COMPANY: 20,
    KeyKind.NAME_PLACE: 10,
    KeyKind.NAME: 4,
}

_NAMED = frozenset({Reason.NAME, Reason.NAME_COMPANY, Reason.NAME_PLACE})
_ALONE: Final[Mapping[Reason, Confidence]] = {
    Reason.PHONE: Confidence.LIKELY,
    Reason.EMAIL: Confidence.LIKELY,
    Reason.NAME_COMPANY: Confidence.LIKELY,
    Reason.PHONE_TAIL: Confidence.POSSIBLE,
    Reason.SOUND_COMPANY: Confidence.POSSIBLE,
    Reason.NAME_PLACE: Confidence.POSSIBLE,
    Reason.SOUND_PLACE: Confidence.POSSIBLE,
    Reason.NAME: Confidence.POSSIBLE,
}
_EXACT_AND_ALIKE: Final[Mapping[KeyKind, tuple[Reason, Reason | None]]] = {
    KeyKind.PHONE: (Reason.PHONE, Reason.PHONE_TAIL),
    KeyKind.EMAIL: (Reason.EMAIL, None),
    KeyKind.NAME_COMPANY: (Reason.NAME_COMPANY, Reason.SOUND_COMPANY),
    KeyKind.NAME_PLACE: (Reason.NAME_PLACE, Reason.SOUND_PLACE),
    KeyKind.NAME: (Reason.NAME, None),
}
_LEGAL_FORM = re.compile(
    r"(股份有限公司|有限责任公司|有限公司|公司|coltd|limited|ltd|inc|llc|gmbh)$"
)
_BETWEEN_ADDRESSES = re.compile(r"[\s,;，；、/|]+")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Key:
    """Equal `value` makes two records alike, equal `exact` the same in this."""

    kind: KeyKind
    value: str
    exact: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a record; addresses also of its contact persons."""

    name: str
    company: str
    region: str
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What may tell two records apart again."""

    kind: CustomerKind
    source: str
    external_id: str | None


def keys(known: Known) -> Iterator[Key]:
    """By what a record is compared; a record that says little has few."""
    seen = set()
    for key in _keys(known):
        clean = Key(key.kind, key.value[:_LONGEST], key.exact[:_LONGEST])
        if (clean.kind, clean.value) not in seen:
            seen.add((clean.kind, clean.value))
            yield clean


def reason(kind: KeyKind, *, is_exact: bool) -> Reason | None:
    """What it means to share a key of this kind."""
    exact, alike = _EXACT_AND_ALIKE[kind]
    return exact if is_exact else alike


def sorted_reasons(found: Iterable[Reason]) -> list[Reason]:
    """Each once, the strongest first; the weaker form of what is said already is left out."""
    given = set(found)
    if Reason.PHONE in given:
        given.discard(Reason.PHONE_TAIL)
    if given & {Reason.NAME_COMPANY, Reason.NAME_PLACE}:
        given.discard(Reason.NAME)
    return [one for one in Reason if one in given]


def confidence(reasons: Iterable[Reason], first: Side, second: Side) -> Confidence | None:
    """How sure it is that two records are one customer; None: not worth a look."""
    given = set(reasons)
    if not given:
        return None
    found = max(_ALONE[one] for one in given)
    if _agree(given):
        found = Confidence.CERTAIN
    elif Reason.PHONE_TAIL in given and given & _NAMED:
        found = Confidence.LIKELY
    lowered = found - _told_apart(first, second)
    return Confidence(lowered) if lowered >= Confidence.POSSIBLE else None


def fold(text: str) -> str:
    """One spelling of a name: without width, case, spaces and punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def fold_company(text: str) -> str:
    """The same for a company, without its legal form."""
    plain = fold(text)
    return _LEGAL_FORM.sub("", plain) or plain


def email_keys(text: str) -> list[str]:
    """The matching keys of the addresses in a field, which may hold several."""
    found = (one for one in _BETWEEN_ADDRESSES.split(text) if "@" in one)
    return [normalise.email_key(one.strip("<>").lower()) for one in found]


def _keys(known: Known) -> Iterator[Key]:
    for phone in known.phones:
        yield Key(KeyKind.PHONE, _national(phone), phone)
    for text in known.emails:
        yield from (Key(KeyKind.EMAIL, one, one) for one in email_keys(text))
    company = fold_company(known.company)
    name = fold(known.name) or company
    if len(name) < 2:  # noqa: PLR2004 - one letter names nobody
        return
    yield Key(KeyKind.NAME, name, name)
    sound = normalise.pinyin(known.name or known.company).full or name
    if company and company != name:
        yield Key(KeyKind.NAME_COMPANY, f"{sound}|{company}", f"{name}|{company}")
    if region := fold(known.region):
        yield Key(KeyKind.NAME_PLACE, f"{sound}|{region}", f"{name}|{region}")


def _national(phone: str) -> str:
    """The number without its country; most are Chinese, which needs no parsing."""
    if phone.startswith("+86"):
        return phone[3:]
    try:
        return str(phonenumbers.parse(phone).national_number)
    except phonenumbers.NumberParseException:
        return phone.lstrip("+0")


def _agree(given: set[Reason]) -> bool:
    """A number or an address, and a second witness."""
    if Reason.PHONE in given:
        return bool(given & {*_NAMED, Reason.EMAIL})
    return Reason.EMAIL in given and bool(given & _NAMED)


def _told_apart(first: Side, second: Side) -> int:
    """How many witnesses say that they are two."""
    numbered = bool(first.external_id and second.external_id and first.source == second.source)
    return int(numbered) + int(first.kind is not second.kind)
