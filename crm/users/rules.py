"""Plain decisions on sign-in: what a password must be, how many tries, how long a session lasts."""

import enum
import hashlib
import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import phonenumbers

from crm.core.messages import N_
from crm.users.models import Role

SHORTEST, LONGEST = 12, 128

#: The words most lists of leaked passwords begin with. A password made of one of them, with digits
#: or signs around it, is refused; so is one made of a single repeated or counted-up piece.
_COMMON = """
password passw0rd pass1234 letmein welcome admin administrator iloveyou sunshine princess
football baseball monkey dragon master shadow superman batman michael jordan charlie trustno1
whatever starwars computer internet freedom secret changeme default login hello qwerty
qwertyuiop qwertyui asdfghjkl zxcvbnm qazwsx qazwsxedc 1qaz2wsx q1w2e3r4 abc123 abcd1234
abcdefgh woaini woaini1314 woaini520 zhangwei wangwei liwei mima mima123 aini1314 nihao
nihaoma wodemima caonima yixiazai taobao alibaba tencent weixin baidu beijing shanghai
zhongguo china xiaomi huawei google facebook twitter samsung apple iphone android
"""
COMMON = frozenset(_COMMON.split())


ROLE_LABELS = {
    Role.REP: N_("Sales rep"),
    Role.LEAD: N_("Team lead"),
    Role.MANAGER: N_("Manager"),
    Role.ADMIN: N_("Administrator"),
}
#: Roles whose records are found through a team.
TEAM_ROLES = frozenset({Role.REP, Role.LEAD})


class Scope(enum.Enum):
    """What a program's token allows; the role of its owner bounds it further."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    ORDERS_WRITE = "orders:write"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    ACTIVITIES_READ = "activities:read"
    ACTIVITIES_WRITE = "activities:write"
    FOLLOWUPS_READ = "followups:read"
    FOLLOWUPS_WRITE = "followups:write"
    OUTREACH_READ = "outreach:read"
    OUTREACH_WRITE = "outreach:write"
    REPORTS_READ = "reports:read"
    REPORTS_WRITE = "reports:write"
    PROFILE_READ = "profile:read"
    CALENDAR_READ = "calendar:read"  # of a feed's address, which calendars ask without a header
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"


#: Scopes that only an administrator's token may carry.
ADMIN_SCOPES = frozenset({Scope.USERS_READ, Scope.USERS_WRITE})


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `tries` failures within `window`."""

    tries: int
    window: timedelta


WINDOW = timedelta(minutes=5)
PER_ACCOUNT = Limit(10, WINDOW)
PER_ADDRESS = Limit(20, WINDOW)
GLOBAL = Limit(1_000, WINDOW)
#: An address from which the account was opened within this time has tries of its own, so that a
#: stranger who uses up the account's tries does not shut its owner out.
KNOWN_ADDRESS = timedelta(days=30)

IDLE = timedelta(hours=12)
LENGTH = timedelta(days=7)
REMEMBERED = timedelta(days=30)
TOUCH_EVERY = timedelta(minutes=1)
#: For how long a password just given counts for what is dangerous (roles, tokens, other people).
RECENT = timedelta(minutes=15)

RESET_LASTS = timedelta(minutes=20)
RESETS_A_DAY = 5


def password_problem(password: str, context_words: tuple[str, ...] = ()) -> str | None:
    """The code of what is wrong with a new password; None when it will do."""
    if len(password) < SHORTEST:
        return "users.password_short"
    if len(password) > LONGEST:
        return "users.password_long"
    if _is_common(password):
        return "users.password_common"
    plain = password.casefold()
    for word in context_words:
        core = word.strip().casefold()
        if len(core) >= 3 and _without(plain, core) < SHORTEST - 4:  # noqa: PLR2004 - a short rest
            return "users.password_context"
    return None


def context_words(*, email: str, name: str, company: str) -> tuple[str, ...]:
    """What anybody would try first for this person: parts of the address, the name, our names."""
    local, _, domain = email.casefold().partition("@")
    parts = re.split(r"[^\w]+", f"{local} {domain} {name} {company}")
    return (*parts, local, name.replace(" ", ""), company, "bihuan", "bihuancrm", "闭环")


def phone(text: str) -> str | None:
    """A phone number in E.164, read as one of China unless it begins with +; None if it is none."""
    try:
        number = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def sign_in_name(login: str) -> str:
    """What a sign-in name is compared by: trimmed and case-folded."""
    return login.strip().casefold()


def digest(secret: str) -> str:
    """What is stored of a random secret. Fast on purpose: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def session_end(now: datetime, *, is_remembered: bool) -> datetime:
    return now + (REMEMBERED if is_remembered else LENGTH)


def is_idle(last_seen_at: datetime, now: datetime, *, is_remembered: bool) -> bool:
    return not is_remembered and now - last_seen_at > IDLE


def _is_common(password: str) -> bool:
    plain = password.casefold()
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    return core in COMMON or plain in COMMON or not core or _is_one_piece(plain)


def _is_one_piece(text: str) -> bool:
    """Made of one short piece again and again, or of characters that count up or down."""
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    if len(steps) == 1:
        return True
    return any(text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in range(1, 5))


def _without(text: str, word: str) -> int:
    """How many letters are left when the word and every sign and digit are taken out."""
    return len(re.sub(r"[\W\d_]", "", text.replace(word, ""))) if word in text else len(text)
