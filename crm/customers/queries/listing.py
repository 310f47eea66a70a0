"""The list of customers: its tabs, filters and sorts, a page of it, and quick search."""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload

from crm.core import paging
from crm.core.company import company
from crm.core.deadline import deadline
from crm.core.errors import Invalid
from crm.customers.models import Customer, CustomerStats, CustomerTag, Segment, Stage, Tag
from crm.customers.queries import segments
from crm.customers.queries.records import visible_to
from crm.users.models import User

PAGE = 25
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
LARGEST_FIRST = frozenset({"last", "created", "updated", "stage_since", *_BY_TOTALS})


def page(
    session: Session, wanted: Filters, *, viewer: User, now: datetime, cursor: str | None = None
) -> paging.Page[Customer]:
    """One page, each customer with owner and tags; the totals come by `totals`."""
    return paging.page(
        session,
        listing(session, wanted, viewer=viewer, now=now),
        order=order_of(wanted),
        cursor=cursor,
        size=PAGE,
    )


def listing(session: Session, wanted: Filters, *, viewer: User, now: datetime) -> Select[Customer]:
    """The customers that the viewer may see and asked for, with what a row shows."""
    statement = select(Customer).where(*within(session, wanted, viewer=viewer, now=now))
    if wanted.sort in _BY_TOTALS:
        statement = statement.outerjoin(CustomerStats, CustomerStats.customer_id == Customer.id)
    if wanted.sort == "owner":
        statement = statement.outerjoin(User, User.id == Customer.owner_id)
    return statement.options(joinedload(Customer.owner), selectinload(Customer.tags))


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


def order_of(wanted: Filters) -> paging.Order:
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
    if wanted.sort not in _BY_CUSTOMER:
        raise Invalid("core.sort_unknown", field=wanted.sort)
    column, nullable = _BY_CUSTOMER[wanted.sort]
    return paging.Order(name, column, Customer.id, descending=wanted.down, nullable=nullable)


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
    """Name, company, pinyin and initials hold the text; a phone ends in the digits."""
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
    if spelling.isascii() and spelling.isalnum():
        ways.append(Customer.name_pinyin.contains(spelling))
        ways.append(Customer.name_initials.contains(spelling))
        ways.append(Customer.external_id == text)
    digits = re.sub(r"[ ()\-]", "", text)
    if digits.lstrip("+").isdecimal() and len(digits) >= SHORTEST_TAIL:
        ways.append(Customer.phone.endswith(digits))
    if "@" in text:
        ways.append(Customer.email == text)
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
