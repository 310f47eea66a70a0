"""The list of customers: its tabs, filters and sorts, a page of it, and quick search."""

import enum
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, defer, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from crm.core import bulk, paging
from crm.core.company import company
from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import Customer, CustomerStats, CustomerTag, Segment, Stage, Tag
from crm.customers.models.fields import PREFIX
from crm.customers.queries import custom_fields, custom_filters, persons, segments
from crm.customers.queries.records import visible_to
from crm.users.models import User

PAGE = 25
FEW = 500
COUNTED = 1_000  # a tab's count stops here: "1000+" is read as well and costs the same for ever
SHORTEST_TAIL = 4


class Tab(enum.Enum):
    MINE = "mine"
    ALL = "all"
    POOL = "pool"


class Next(enum.Enum):
    """Customers by their next follow-up."""

    OVERDUE = "overdue"
    TODAY = "today"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a viewer asked the list for; empty means no limit."""

    tab: Tab = Tab.ALL
    q: str = ""
    stage: Sequence[Stage] = ()
    tag: str = ""
    region: str = ""
    source: str = ""
    owner: int | None = None
    next: Next | None = None
    segment: int | None = None
    custom: Mapping[str, str] = field(default_factory=dict)  # own fields: "custom.f12" → value
    sort: str = "next"
    down: bool = False


#: Column to sort by → the database's, and whether a customer may lack a value.
_BY_CUSTOMER: Mapping[str, tuple[SQLColumnExpression[Any], bool]] = {
    "name": (Customer.name_pinyin, False),
    "last": (Customer.last_contact_at, True),
    "next": (Customer.next_followup_at, True),
    "created": (Customer.created_at, False),
    "updated": (Customer.updated_at, False),
    "company": (Customer.company, False),
    "kind": (type_coerce(Customer.kind, String), False),
    "phone": (Customer.phone, True),
    "email": (Customer.email, True),
    "channel": (Customer.channel, False),
    "member_level": (Customer.member_level, False),
    "points": (Customer.points, True),
    "birth_on": (Customer.birth_on, True),
    "sex": (type_coerce(Customer.sex, String), True),
    "purchasing_power": (type_coerce(Customer.purchasing_power, String), True),
    "region": (Customer.region, False),
    "source": (Customer.source, False),
    "external_id": (Customer.external_id, True),
    "stage_since": (Customer.stage_since, False),
    "stage": (
        case({stage.value: place for place, stage in enumerate(Stage)}, value=Customer.stage),
        False,
    ),
    "owner": (User.name, True),
}
_BY_TOTALS: Mapping[str, InstrumentedAttribute[Any]] = {
    "amount": CustomerStats.amount_fen,
    "orders": CustomerStats.order_count,
    "first_order": CustomerStats.first_order_at,
    "last_order": CustomerStats.last_order_at,
}
SORTS = (*_BY_CUSTOMER, *_BY_TOTALS)
#: What is pressed for the greatest or the latest first.
LARGEST_FIRST = frozenset({"last", "created", "updated", "stage_since", "points", *_BY_TOTALS})


@dataclass(frozen=True, slots=True)
class At:
    """Which page of the list, and what its rows show (None: all but own fields)."""

    cursor: str | None = None
    shown: Collection[str] | None = None


FIRST = At()


def page(
    session: Session, wanted: Filters, *, viewer: User, now: datetime, at: At = FIRST
) -> paging.Page[Customer]:
    """One page, each customer with what is shown of it; the totals come by `totals`."""
    order = order_of(session, wanted)
    meant = within(session, wanted, viewer=viewer, now=now)
    with deadline(session, segments.PATIENCE, segments.too_slow()):
        if wanted != Filters(sort=wanted.sort, down=wanted.down):
            meant = _few(session, meant) or meant
        statement = _sortable(wanted, meant).options(*loaded(at.shown))
        return paging.page(session, statement, order=order, cursor=at.cursor, size=PAGE)


def _few(session: Session, meant: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """The customers by id where a filter leaves few; nothing where it leaves many.

    A page is found by walking along the sort's index until it is full. Where hardly anybody fits,
    that reads every customer there is: then those who fit are found first, and sorted.
    """
    found = session.scalars(select(Customer.id).where(*meant).limit(FEW + 1)).all()
    return [bulk.among(session, Customer.id, found)] if len(found) <= FEW else []


def loaded(shown: Collection[str] | None) -> list[ORMOption]:
    """Only what is shown is loaded: owners, tags, long texts and own fields only where asked."""
    if shown is None:
        return [joinedload(Customer.owner), selectinload(Customer.tags).joinedload(Tag.group)]
    options: list[ORMOption] = [
        defer(column, raiseload=True)
        for name, column in (("note", Customer.note), ("interests", Customer.interests))
        if name not in shown
    ]
    if "owner" in shown:
        options.append(joinedload(Customer.owner))
    if "tags" in shown:
        options.append(selectinload(Customer.tags).joinedload(Tag.group))
    if any(name.startswith(PREFIX) for name in shown):
        options.append(custom_fields.loaded())
    return options


def listing(session: Session, wanted: Filters, *, viewer: User, now: datetime) -> Select[Customer]:
    """The customers that the viewer may see and asked for."""
    return _sortable(wanted, within(session, wanted, viewer=viewer, now=now))


def _sortable(wanted: Filters, meant: Sequence[ColumnElement[bool]]) -> Select[Customer]:
    """With what the sort goes by, where that is not the customer's own."""
    statement = select(Customer).where(*meant)
    if wanted.sort in _BY_TOTALS:
        statement = statement.outerjoin(CustomerStats, CustomerStats.customer_id == Customer.id)
    if wanted.sort == "owner":
        statement = statement.outerjoin(User, User.id == Customer.owner_id)
    return statement


def within(
    session: Session, wanted: Filters, *, viewer: User, now: datetime
) -> list[ColumnElement[bool]]:
    """The conditions alone, the viewer's scope first: what acts on a whole list asks with."""
    return [visible_to(viewer), *_conditions(session, wanted, viewer, now)]


def count(session: Session, wanted: Filters, *, viewer: User, now: datetime) -> int:
    """Exactly how many the list means, for what names a number before it acts."""
    meant = within(session, wanted, viewer=viewer, now=now)
    with deadline(session, segments.PATIENCE, segments.too_slow()):
        return session.scalar(select(func.count()).select_from(Customer).where(*meant)) or 0


def order_of(session: Session, wanted: Filters) -> paging.Order:
    """Raises Invalid for a sort that the list does not know."""
    name = f"{wanted.sort}-{'down' if wanted.down else 'up'}"
    if wanted.sort in _BY_TOTALS:
        return paging.Order(
            name,
            _BY_TOTALS[wanted.sort],
            CustomerStats.customer_id,
            descending=wanted.down,
            nullable=True,
            empty_id=Customer.id,
        )
    if wanted.sort.startswith(PREFIX):
        column = custom_filters.order(session, wanted.sort)
        return paging.Order(name, column, Customer.id, descending=wanted.down, nullable=True)
    if wanted.sort not in _BY_CUSTOMER:
        raise Invalid("core.sort_unknown", field=wanted.sort)
    by, nullable = _BY_CUSTOMER[wanted.sort]
    return paging.Order(name, by, Customer.id, descending=wanted.down, nullable=nullable)


def totals(session: Session, customer_ids: Sequence[int]) -> dict[int, CustomerStats]:
    """The totals of these customers; one without a valid order is missing."""
    if not customer_ids:
        return {}
    found = select(CustomerStats).where(CustomerStats.customer_id.in_(customer_ids))
    return {one.customer_id: one for one in session.scalars(found)}


def tab_counts(session: Session, viewer: User) -> dict[Tab, int]:
    """How many stand in each tab, at most COUNTED + 1."""
    counts = (
        select(func.count())
        .select_from(
            select(Customer.id)
            .where(visible_to(viewer), _in_tab(tab, viewer))
            .limit(COUNTED + 1)
            .subquery()
        )
        .scalar_subquery()
        for tab in Tab
    )
    return dict(zip(Tab, session.execute(select(*counts)).one(), strict=True))


def search(session: Session, q: str, *, viewer: User, limit: int = 8) -> Sequence[Customer]:
    """Quick search over what the viewer may see, by name, pinyin, initials or digits."""
    if not q.strip():
        return []
    found = (
        select(Customer)
        .where(visible_to(viewer), matches(q))
        .options(joinedload(Customer.owner))
        .order_by(Customer.id.desc())
        .limit(limit)
    )
    return session.scalars(found).all()


def matches(q: str) -> ColumnElement[bool]:
    """Name, company, pinyin and initials hold the text; a phone ends in the digits.

    A company is found by its contact persons as well.
    """
    text = " ".join(q.split())[:80]
    if "\x00" in text:
        return false()
    # Chinese has no case, and to fold it anyway doubles the cost of every row looked at.
    ways: list[ColumnElement[bool]] = [
        column.contains(text, autoescape=True)
        if text.lower() == text.upper()
        else column.icontains(text, autoescape=True)
        for column in (Customer.name, Customer.company)
    ]
    spelling = text.lower().replace(" ", "").replace("'", "")
    is_spelt = spelling.isascii() and spelling.isalnum()
    if is_spelt:
        ways.append(Customer.name_pinyin.contains(spelling))
        ways.append(Customer.name_initials.contains(spelling))
        ways.append(Customer.external_id == text)
    digits = re.sub(r"[ ()\-]", "", text)
    is_tail = digits.lstrip("+").isdecimal() and len(digits) >= SHORTEST_TAIL
    if is_tail:
        ways.append(Customer.phone.endswith(digits))
    if "@" in text:
        ways.append(Customer.email == text)
    met = persons.matching(
        text, spelling=spelling if is_spelt else "", digits=digits if is_tail else ""
    )
    ways.append(Customer.id.in_(met))
    return or_(*ways)


def _conditions(
    session: Session, wanted: Filters, viewer: User, now: datetime
) -> list[ColumnElement[bool]]:
    given: list[ColumnElement[bool]] = [_in_tab(wanted.tab, viewer)]
    if wanted.q.strip():
        given.append(matches(wanted.q))
    if wanted.stage:
        given.append(Customer.stage.in_(wanted.stage))
    if wanted.tag:
        given.append(_has_tag(wanted.tag))
    if wanted.owner is not None:
        given.append(Customer.owner_id == wanted.owner)
    given.extend(
        column == value
        for column, value in ((Customer.region, wanted.region), (Customer.source, wanted.source))
        if value
    )
    if wanted.next is not None:
        given.append(_next_is(session, wanted.next, now))
    if wanted.segment is not None:
        segment = session.get(Segment, wanted.segment)
        given.append(segments.meaning(session, segment, now=now) if segment else false())
    given.extend(custom_filters.condition(session, *one) for one in wanted.custom.items())
    return given


def _in_tab(tab: Tab, viewer: User) -> ColumnElement[bool]:
    if tab is Tab.MINE:
        return Customer.owner_id == viewer.id
    if tab is Tab.POOL:
        return Customer.owner_id.is_(None)
    return true()


def _has_tag(name: str) -> ColumnElement[bool]:
    return exists().where(
        CustomerTag.customer_id == Customer.id,
        CustomerTag.tag_id == select(Tag.id).where(Tag.name == name).scalar_subquery(),
    )


def _next_is(session: Session, wanted: Next, now: datetime) -> ColumnElement[bool]:
    """By the company's day: what is due today is not overdue."""
    if wanted is Next.NONE:
        return Customer.next_followup_at.is_(None)
    house = company(session)
    today = house.day_of(now)
    start = house.day_start(today)
    if wanted is Next.OVERDUE:
        return Customer.next_followup_at < start
    tomorrow = house.day_start(today + timedelta(days=1))
    return and_(Customer.next_followup_at >= start, Customer.next_followup_at < tomorrow)
