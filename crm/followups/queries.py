"""Reads of follow-ups; every list begins with `visible_to`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from crm.core.clock import Window
from crm.core.company import Company, company
from crm.core.errors import NotFound
from crm.customers import queries as customer_queries
from crm.customers.models import Customer
from crm.followups.models import ContactPlanning, FollowUp
from crm.users.models import Role, User

UPCOMING_DAYS = 7
LONGEST_GROUP = {"overdue": 50, "today": 50, "upcoming": 20}
UNPLANNED_SHOWN = 7


def visible_to(user: User) -> ColumnElement[bool]:
    """A rep's own, a lead's team's; managers and admins read all."""
    if user.role in {Role.MANAGER, Role.ADMIN}:
        return true()
    if user.role is Role.LEAD and user.team_id is not None:
        return FollowUp.owner_id.in_(select(User.id).where(User.team_id == user.team_id))
    return FollowUp.owner_id == user.id


def get(session: Session, followup_id: int, *, visible_to_user: User) -> FollowUp:
    """The follow-up with customer and owner. Raises NotFound outside the viewer's scope."""
    found = session.scalar(
        select(FollowUp)
        .where(FollowUp.id == followup_id, visible_to(visible_to_user))
        .options(*_SHOWN)
    )
    if found is None:
        raise NotFound("core.not_found")
    return found


def listed(
    user: User, *, customer_id: int | None = None, are_open: bool | None = None
) -> Select[FollowUp]:
    """Follow-ups that the user may see; of one customer, or by whether they are open, if asked."""
    found = select(FollowUp).where(visible_to(user))
    if customer_id is not None:
        found = found.where(FollowUp.customer_id == customer_id)
    if are_open is not None:
        found = found.where(is_open() if are_open else ~is_open())
    return found


def open_followups() -> Select[FollowUp]:
    return select(FollowUp).where(is_open())


def is_open() -> ColumnElement[bool]:
    return and_(FollowUp.completed_at.is_(None), FollowUp.cancelled_at.is_(None))


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the rep's day: how many there are, and the first of them."""

    count: int
    followups: Sequence[FollowUp]


@dataclass(frozen=True, slots=True)
class Day:
    overdue: Group
    today: Group
    upcoming: Group


def day(session: Session, *, for_user: User, mine: bool, now: datetime) -> Day:
    """Overdue, today, the next seven days: cut by the company's day. Four statements."""
    whose = FollowUp.owner_id == for_user.id if mine else visible_to(for_user)
    spans = _spans(company(session), now)
    counts = _counts(session, whose, spans)
    return Day(
        *(
            _group(session, whose, span, count=counts[name], most=LONGEST_GROUP[name])
            for name, span in spans.items()
        )
    )


def count_due(session: Session, user: User, now: datetime) -> int:
    """How many open contacts of the user's own are overdue or due today."""
    today = company(session).day_of(now)
    end = company(session).day_start(today + timedelta(days=1))
    mine = select(func.count()).select_from(FollowUp)
    return (
        session.scalar(mine.where(FollowUp.owner_id == user.id, is_open(), FollowUp.due_at < end))
        or 0
    )


def unplanned(session: Session, *, for_user: User) -> tuple[int, Sequence[Customer]]:
    """Own customers with nothing planned next: how many, and those silent the longest."""
    mine = and_(
        Customer.owner_id == for_user.id,
        Customer.next_followup_at.is_(None),
        customer_queries.is_live(),
    )
    count = session.scalar(select(func.count()).select_from(Customer).where(mine)) or 0
    first = (
        select(Customer)
        .where(mine)
        .order_by(Customer.last_contact_at, Customer.id)
        .limit(UNPLANNED_SHOWN)
        # A contact logged in this request has moved the dates past the loaded record.
        .execution_options(populate_existing=True)
    )
    return count, session.scalars(first).all()


def open_of_customer(
    session: Session, customer_id: int, *, activity_id: int | None = None
) -> FollowUp | None:
    """The open contact with this customer that falls due first; within an activity if named."""
    wanted = open_of_customers([customer_id]).limit(1)
    if activity_id is not None:
        wanted = wanted.where(FollowUp.activity_id == activity_id)
    return session.scalars(wanted).first()


def open_of_customers(customer_ids: Sequence[int]) -> Select[FollowUp]:
    """The open contacts of these customers with owner and activity, those due first."""
    return (
        open_followups()
        .where(FollowUp.customer_id.in_(customer_ids))
        .options(*_SHOWN)
        .order_by(FollowUp.due_at, FollowUp.id)
    )


def planned_for(user: User, *, since: datetime, until: datetime) -> Select[FollowUp]:
    """The user's own open contacts due in that time, those due first."""
    return (
        open_followups()
        .where(FollowUp.owner_id == user.id, FollowUp.due_at >= since, FollowUp.due_at < until)
        .options(*_SHOWN)
        .order_by(FollowUp.due_at, FollowUp.id)
    )


def next_due(session: Session, customer_ids: Sequence[int]) -> Mapping[int, datetime]:
    """When each customer's next open contact falls due; those without one are missing."""
    rows = session.execute(
        select(FollowUp.customer_id, func.min(FollowUp.due_at))
        .where(FollowUp.customer_id.in_(customer_ids), is_open())
        .group_by(FollowUp.customer_id)
    )
    return dict(rows.all())


def open_by_subject(session: Session, subject_ids: Sequence[int]) -> Mapping[int, datetime]:
    """People who are to be contacted anyway, under whatever record: when."""
    rows = session.execute(
        select(Customer.subject_id, func.min(FollowUp.due_at))
        .join(Customer, Customer.id == FollowUp.customer_id)
        .where(Customer.subject_id.in_(subject_ids), is_open())
        .group_by(Customer.subject_id)
    )
    return dict(rows.all())


def planned_by_owner(session: Session, activity_id: int) -> Mapping[int, int]:
    """How many contacts each owner was given in this activity."""
    rows = session.execute(
        select(FollowUp.owner_id, func.count())
        .where(FollowUp.activity_id == activity_id)
        .group_by(FollowUp.owner_id)
    )
    return dict(rows.all())


def unreminded(*, by: datetime) -> Select[FollowUp]:
    """Open contacts that are due and whose present due time has no reminder yet."""
    return (
        open_followups()
        .where(
            FollowUp.due_at <= by,
            or_(FollowUp.reminded_for.is_(None), FollowUp.reminded_for != FollowUp.due_at),
        )
        .options(*_SHOWN)
        .order_by(FollowUp.due_at, FollowUp.id)
    )


def unfinished_planning(session: Session) -> ContactPlanning | None:
    """The oldest launch whose contacts are still being planned, locked; others skip it."""
    return session.scalars(
        select(ContactPlanning)
        .where(ContactPlanning.finished_at.is_(None))
        .order_by(ContactPlanning.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()


def progress(session: Session, activity_id: int) -> ContactPlanning | None:
    return session.scalars(
        select(ContactPlanning).where(ContactPlanning.activity_id == activity_id)
    ).first()


_SHOWN = (
    joinedload(FollowUp.customer),
    joinedload(FollowUp.owner),
    joinedload(FollowUp.activity),
)


def _spans(house: Company, now: datetime) -> dict[str, Window]:
    today = house.day_of(now)

    def start(day: date) -> datetime:
        return house.day_start(day)

    tomorrow = today + timedelta(days=1)
    beginning = now - timedelta(days=36_500)
    return {
        "overdue": Window(beginning, start(today)),
        "today": Window(start(today), start(tomorrow)),
        "upcoming": Window(start(tomorrow), start(tomorrow + timedelta(days=UPCOMING_DAYS))),
    }


def _counts(
    session: Session, whose: ColumnElement[bool], spans: Mapping[str, Window]
) -> dict[str, int]:
    columns = [
        func.count().filter(FollowUp.due_at >= span.start, FollowUp.due_at < span.end)
        for span in spans.values()
    ]
    last = max(span.end for span in spans.values())
    row = session.execute(select(*columns).where(whose, is_open(), FollowUp.due_at < last)).one()
    return dict(zip(spans, row, strict=True))


def _group(
    session: Session, whose: ColumnElement[bool], span: Window, *, count: int, most: int
) -> Group:
    within = (
        open_followups()
        .where(whose, FollowUp.due_at >= span.start, FollowUp.due_at < span.end)
        .options(*_SHOWN)
        .order_by(FollowUp.due_at, FollowUp.id)
        .limit(most)
    )
    return Group(count, session.scalars(within).all() if count else [])
