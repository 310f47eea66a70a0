"""One spelling for what people write in many: phones, e-mail addresses, times, names as typed."""

import importlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from types import ModuleType
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from crm.core.errors import Invalid

HOME_REGION = "CN"
_UTC = ZoneInfo("UTC")
LONGEST_EMAIL = 254
LONGEST_LOCAL_PART = 64
LONGEST_PERSON_NAME = 4

_EXPONENT = re.compile(r"\d(?:\.\d+)?[eE]\+?\d+")
_AS_FLOAT = re.compile(r"(\d{5,})\.0")
_SEPARATORS = str.maketrans("", "", " -‐‑–—\u00a0\u2007\u202f\t")
_APOSTROPHES = str.maketrans("", "", "'’`")
_MOMENT = re.compile(
    r"((?:19|20)\d\d)(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?"
    r"(?:[T ]\s*(\d{1,2})(?::|时)(\d{2})(?:(?::|分)(\d{2})(?:\.\d+)?秒?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HANZI = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+")
_CHUNKS = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+|[^\W_]+")

# Read otherwise as a surname than as a word; pypinyin gives the word's reading.
_SURNAMES = {
    "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha", "盖": "ge",
    "朴": "piao", "任": "ren", "华": "hua", "纪": "ji", "宓": "mi", "冼": "xian", "员": "yun",
    "翟": "zhai", "缪": "miao", "乐": "yue", "折": "she", "秘": "bi", "种": "chong", "繁": "po",
    "洗": "xian", "黑": "he", "宿": "su", "逄": "pang", "隗": "wei", "郗": "xi", "祭": "zhai",
    "燕": "yan", "应": "ying", "覃": "qin", "召": "shao", "重": "chong", "车": "che", "哈": "ha",
    "谌": "chen", "阚": "kan", "牟": "mu", "撒": "sa", "句": "gou", "能": "nai", "那": "na",
    "占": "zhan", "卜": "bu", "干": "gan", "盛": "sheng", "晟": "cheng", "柏": "bai", "薄": "bo",
    "贠": "yun", "褚": "chu", "郇": "xun", "都": "du", "角": "jue", "行": "xing", "贾": "jia",
    "尉": "wei", "长": "chang", "贲": "ben", "佴": "nai", "幺": "yao", "教": "jiao",
    "尉迟": "yuchi", "万俟": "moqi", "令狐": "linghu", "长孙": "zhangsun", "澹台": "tantai",
    "单于": "chanyu", "鲜于": "xianyu", "呼延": "huyan", "独孤": "dugu", "夏侯": "xiahou",
    "洗马": "xianma",
}  # fmt: skip
_INITIALS_OF_TWO = {
    "尉迟": "yc", "万俟": "mq", "令狐": "lh", "长孙": "zs", "澹台": "tt", "单于": "cy",
    "鲜于": "xy", "呼延": "hy", "独孤": "dg", "夏侯": "xh", "洗马": "xm",
}  # fmt: skip


def phone(text: str) -> str:
    """The number in E.164 (+8613800138000). A number without a country is read as a Chinese one."""
    found = _phone(text)
    if found is None:
        spoilt = _EXPONENT.fullmatch(text.strip())
        raise Invalid(
            "customers.phone_as_number" if spoilt else "customers.phone_invalid", value=text[:40]
        )
    return found


def email(text: str) -> str:
    """The address as it is shown and written to: trimmed, its domain in lower case and ASCII."""
    address = unicodedata.normalize("NFC", text).strip()
    local, at, domain = address.rpartition("@")
    if not at or not local or "@" in local:
        raise Invalid("customers.email_invalid", value=text[:80], reason="at")
    if len(local) > LONGEST_LOCAL_PART or _LOCAL_PART.fullmatch(local) is None:
        raise Invalid("customers.email_invalid", value=text[:80], reason="local_part")
    host = _domain(domain)
    if host is None or len(local) + 1 + len(host) > LONGEST_EMAIL:
        raise Invalid("customers.email_invalid", value=text[:80], reason="domain")
    return f"{local}@{host}"


def email_key(address: str) -> str:
    """The matching key of a clean address: case of the local part does not tell people apart."""
    local, _, domain = address.rpartition("@")
    return f"{local.casefold()}@{domain}"


@lru_cache(maxsize=65_536)
def moment(text: str, zone: ZoneInfo) -> datetime:
    """An instant in UTC from 2016/8/6 19:06 and the like; without a zone it is read in `zone`."""
    found = _MOMENT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        raise Invalid("import.date_invalid", value=text[:40])
    year, month, day, hour, minute, second, offset = found.groups()
    try:
        at = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            tzinfo=zone,
        )  # fmt: skip
        if offset:
            at = at.replace(tzinfo=_offset(offset))
    except ValueError:
        raise Invalid("import.date_invalid", value=text[:40]) from None
    return at.astimezone(UTC)


@lru_cache(maxsize=65_536)
def day(text: str) -> date:
    """The day that somebody wrote, as in 1990/8/6 or 1990年8月6日; a time behind it is dropped."""
    return moment(text, _UTC).date()


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a name is typed on a keyboard: whole (zhangwei) and by initials (zw)."""

    full: str
    initials: str


@lru_cache(maxsize=65_536)
def pinyin(name: str) -> Spelling:
    """The spelling for quick search. Surnames are read as surnames (单 is shan)."""
    clean = unicodedata.normalize("NFKC", name).strip().translate(_APOSTROPHES)
    whole: list[str] = []
    first: list[str] = []
    rest = clean
    if len(clean) <= LONGEST_PERSON_NAME and _HANZI.fullmatch(clean):
        for surname in (clean[:2], clean[:1]):
            if surname in _SURNAMES and len(clean) > 1:
                whole.append(_SURNAMES[surname])
                first.append(_INITIALS_OF_TWO.get(surname, _SURNAMES[surname][0]))
                rest = clean[len(surname) :]
                break
    for chunk in _CHUNKS.findall(rest):
        syllables = _syllables(chunk) if _HANZI.match(chunk) else [chunk.lower()]
        whole.extend(syllables)
        first.extend(syllable[0] for syllable in syllables)
    return Spelling("".join(whole), "".join(first))


def _phone(text: str) -> str | None:
    plain = unicodedata.normalize("NFKC", text).strip()
    spreadsheet = _AS_FLOAT.fullmatch(plain)
    plain = spreadsheet[1] if spreadsheet else plain
    digits = plain.translate(_SEPARATORS)
    if digits.startswith("+86"):
        digits = digits[3:]
    # Most numbers are Chinese mobiles: the library's own pattern answers ten times quicker alone.
    pattern, length = _home_mobile()
    if len(digits) == length and pattern.fullmatch(digits):
        return "+86" + digits
    try:
        number = phonenumbers.parse(plain, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


@lru_cache(maxsize=1)
def _home_mobile() -> tuple[re.Pattern[str], int]:
    """The library's own pattern of a mobile number at home, and its length."""
    home = PhoneMetadata.metadata_for_region(HOME_REGION)
    if home is None or home.mobile is None:
        raise LookupError(HOME_REGION)
    return re.compile(home.mobile.national_number_pattern or ""), home.mobile.possible_length[0]


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    hours, minutes = int(text[1:3]), int(text[-2:])
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


@lru_cache(maxsize=8_192)
def _domain(text: str) -> str | None:
    try:
        host = text.lower().encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    labels = host.split(".")
    if len(labels) == 1 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return None if labels[-1].isdigit() else host


def _syllables(hanzi: str) -> list[str]:
    """Readings one by one, with the phrases that read otherwise than their characters (重庆)."""
    found: list[str] = []
    at = 0
    while at < len(hanzi):
        for phrase, sounds in _phrases(hanzi[at]):
            if hanzi.startswith(phrase, at):
                found.extend(sounds)
                at += len(phrase)
                break
        else:
            found.append(_reading(hanzi[at]))
            at += 1
    return found


@cache
def _phrases(first: str) -> list[tuple[str, list[str]]]:
    """Phrases that begin so and read otherwise than character by character, longest first."""
    found = []
    for phrase in _phrases_by_first().get(first, ()):
        sounds = [_without_tone(sound[0]) for sound in _dictionary().PHRASES_DICT[phrase]]
        plain = [_reading(character) for character in phrase]
        if len(sounds) == len(phrase) and sounds != plain:
            found.append((phrase, sounds))
    return sorted(found, key=lambda known: -len(known[0]))


@cache
def _phrases_by_first() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for phrase in _dictionary().PHRASES_DICT:
        found.setdefault(phrase[0], []).append(phrase)
    return found


@cache
def _dictionary() -> ModuleType:
    """Loaded when the first name is read: half a second that no other start should wait for."""
    return importlib.import_module("pypinyin.core")


@cache
def _reading(character: str) -> str:
    found = _dictionary().lazy_pinyin(character, errors="ignore")
    return found[0] if found else character


def _without_tone(sound: str) -> str:
    apart = unicodedata.normalize("NFD", sound).replace("u\u0308", "v")
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
