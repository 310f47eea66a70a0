"""What the list can be narrowed to; asked only when somebody opens the conditions."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crm.customers.models import Customer, Segment, Tag
from crm.customers.queries.records import is_live
from crm.users import policies
from crm.users.models import User

MOST = 200


def every_tag() -> Select[Tag]:
    return select(Tag).order_by(Tag.name)


def tags(session: Session) -> list[str]:
    return list(session.scalars(select(Tag.name).order_by(Tag.name).limit(MOST)))


def segments(session: Session) -> list[tuple[int, str]]:
    """Id and name: a segment describes customers and shows none."""
    found = select(Segment.id, Segment.name).order_by(Segment.name).limit(MOST)
    return [(row.id, row.name) for row in session.execute(found)]


def regions(session: Session) -> list[str]:
    found = select(Customer.region).where(Customer.region != "", is_live()).distinct()
    return list(session.scalars(found.order_by(Customer.region).limit(MOST)))


def owners(session: Session, viewer: User) -> list[User]:
    """The people whose customers the viewer sees."""
    found = select(User).where(User.id.in_(policies.member_ids(viewer)))
    return list(session.scalars(found.order_by(User.name, User.id).limit(MOST)))
