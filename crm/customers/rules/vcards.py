"""Visiting cards (vCard 2.1, 3.0 and 4.0) as rows: one card a row, under the standard's own names.

What a customer's record has no place for (further numbers, the title, the address) is kept in the
note; pictures are counted and left out.
"""

import codecs
import csv
import quopri
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crm.core.errors import Invalid
from crm.customers.rules import normalise

COLUMNS = ("FN", "ORG", "KIND", "TEL", "EMAIL", "ADR", "CATEGORIES", "BDAY", "NOTE")
LONGEST_LINE = 16 << 20
LONGEST_REGION = 80

_BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN:VCARD\b", re.IGNORECASE)
_NAME = re.compile(r"(?:[\w-]+\.)?([\w-]+)", re.ASCII)
_PARAMETER = re.compile(r';((?:[^;:"]|"[^"]*")*)')
_ESCAPED = re.compile(r"\\([\\,;:nN\"])")
_BETWEEN_PARTS = re.compile(r"(?<!\\);")
_BETWEEN_VALUES = re.compile(r"(?<!\\),")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?")
_HAN = re.compile("[\u3400-\u9fff]")
_PICTURES = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_NO_VOICE = frozenset({"FAX", "PAGER"})
_NOTED = ("TITLE", "ROLE", "URL", "ADR")


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    kinds: frozenset[str]
    value: str

    @property
    def parts(self) -> list[str]:
        return [_plain(part) for part in _BETWEEN_PARTS.split(self.value)]

    @property
    def text(self) -> str:
        return _plain(self.value)


@dataclass(slots=True)
class Card:
    properties: list[Property] = field(default_factory=list)
    pictures: int = 0

    def all(self, name: str) -> list[Property]:
        return [one for one in self.properties if one.name == name and one.value.strip(" ;")]

    def first(self, name: str) -> Property | None:
        return next(iter(self.all(name)), None)


def is_vcard(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(200)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "ignore").encode()
    return _BEGIN.match(head) is not None


def write_rows(source: Path, target: Path) -> dict[str, int]:
    """Write the cards as CSV. How many there were, and how many pictures were left out."""
    cards = pictures = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for card in read(source):
            writer.writerow(as_row(card))
            cards += 1
            pictures += card.pictures
    return {"cards": cards, "pictures": pictures}


def read(path: Path) -> Iterator[Card]:
    """The cards of a file. Raises Invalid with the line of a card that has no end."""
    card: Card | None = None
    depth = 0
    begun_at = number = 0
    for number, line in _unfolded(path):
        name = line.strip().upper()
        if name == b"BEGIN:VCARD":
            depth += 1
            if depth == 1:
                card, begun_at = Card(), number
        elif name == b"END:VCARD":
            depth -= 1
            if depth == 0 and card is not None:
                yield card
                card = None
        elif card is not None and depth == 1:  # a card within a card is its assistant's
            _take(card, line)
    if card is not None:
        raise Invalid("import.card_unfinished", line=begun_at)


def as_row(card: Card) -> list[str]:
    org = card.first("ORG")
    company = " ".join(part for part in org.parts if part) if org else ""
    name, kind = _name(card), card.first("KIND") or card.first("X-ABSHOWAS")
    is_company = kind is not None and kind.text.lower() in {"org", "company"}
    if is_company:
        name, company = "", company or name
    phone, phones = _best(card.all("TEL"), normalise.phone)
    email, emails = _best(card.all("EMAIL"), normalise.email)
    region = _region(card)
    noted = [one.text for one in card.all("NOTE")]
    noted += [f"{one.name}: {_joined(one)}" for label in _NOTED for one in card.all(label)]
    noted += [f"TEL: {text}" for text in phones] + [f"EMAIL: {text}" for text in emails]
    tags = [
        _plain(text).strip()
        for one in card.all("CATEGORIES")
        for text in _BETWEEN_VALUES.split(one.value)
    ]
    return [
        name,
        company,
        "company" if is_company else "",
        phone,
        email,
        region,
        ",".join(dict.fromkeys(tags)),
        _birthday(card),
        "\n".join(dict.fromkeys(noted)),
    ]


def _take(card: Card, line: bytes) -> None:
    head, value = _split(line)
    found = _NAME.match(head)
    if not found:
        return
    name = found[1].upper()
    if name in _PICTURES:
        card.pictures += name != "KEY"
        return
    kinds, charset, is_printable = _parameters(head)
    if is_printable:
        value = quopri.decodestring(value)
    text = _decoded(value, charset).replace("\r\n", "\n")
    card.properties.append(Property(name, kinds, text.strip()))


def _parameters(head: str) -> tuple[frozenset[str], str, bool]:
    """What kind of number or address it is, its character set, and whether it is packed."""
    kinds: set[str] = set()
    charset, is_printable = "", False
    for parameter in _PARAMETER.findall(head):
        key, _, text = parameter.upper().rpartition("=")
        if key == "CHARSET":
            charset = text.strip('"')
        elif text == "QUOTED-PRINTABLE":
            is_printable = True
        elif key == "PREF":
            kinds.add("PREF")
        elif key in {"", "TYPE"}:
            kinds.update(text.strip('"').split(","))
    return frozenset(kinds), charset, is_printable


def _split(line: bytes) -> tuple[str, bytes]:
    """Name with parameters, and the value: behind the first colon that is not quoted."""
    quoted = False
    for place, byte in enumerate(line):
        if byte == ord('"'):
            quoted = not quoted
        elif byte == ord(":") and not quoted:
            return line[:place].decode("utf-8", "replace"), line[place + 1 :]
    return "", b""


def _decoded(value: bytes, charset: str) -> str:
    """The text; a character that a telephone has cut in two is marked rather than refused."""
    for encoding in (charset,) if charset else ("utf-8", "gb18030"):
        try:
            return value.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return value.decode("utf-8", "replace")


def _unfolded(path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines with the number of their first: folded ones and soft line ends joined."""
    begun, line, is_soft = 0, b"", False
    for number, raw in enumerate(_lines(path), 1):
        text = raw.rstrip(b"\r\n")
        if b"\0" in text:
            raise Invalid("import.control_character", line=number)
        if is_soft:
            line = line[:-1] + text
        elif line and text[:1] in {b" ", b"\t"}:
            line += text[1:]
        else:
            if line:
                yield begun, line
            begun, line = number, text
        if len(line) > LONGEST_LINE:
            raise Invalid("import.field_too_long", line=number)
        head = line[:200].upper().partition(b":")[0]
        is_soft = line.endswith(b"=") and b"QUOTED-PRINTABLE" in head
    if line:
        yield begun, line


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(3)
        file.seek(3 if head == codecs.BOM_UTF8 else 0)
        if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            yield from file
            return
    with path.open(encoding="utf-16", errors="replace") as text:
        for line in text:
            yield line.encode()


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text).strip()


def _name(card: Card) -> str:
    full = card.first("FN")
    if full:
        return " ".join(full.text.split())
    structured = card.first("N")
    if structured is None:
        return ""
    family, given, middle = [*structured.parts, "", "", ""][:3]
    if _HAN.search(family + given):
        return family + middle + given
    return " ".join(part for part in (given, middle, family) if part)


def _best(found: list[Property], read: Callable[[str], str]) -> tuple[str, list[str]]:
    """The number or address to use, and the others: the preferred one, then a mobile, then any."""
    ranked = sorted(
        (one for one in found if not _NO_VOICE & one.kinds),
        key=lambda one: ("PREF" not in one.kinds, "CELL" not in one.kinds),
    )
    texts = {one: one.text.removeprefix("tel:").removeprefix("mailto:") for one in found}
    for one in ranked:
        try:
            read(texts[one])
        except Invalid:
            continue
        return texts[one], [text for other, text in texts.items() if other is not one]
    return "", list(texts.values())


def _region(card: Card) -> str:
    for address in card.all("ADR"):
        parts = [*address.parts, *[""] * 7]
        city = parts[3] or parts[4]
        if city and len(city) <= LONGEST_REGION:
            return " ".join(city.split())
    return ""


def _joined(one: Property) -> str:
    return ", ".join(" ".join(part.split()) for part in one.parts if part)


def _birthday(card: Card) -> str:
    day = card.first("BDAY")
    found = _DAY.fullmatch(day.text) if day else None
    return "-".join(found.groups()) if found else ""
