"""Who is to be parted among whom, and what was parted before."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session

from crm.core import bulk, paging
from crm.core.errors import Invalid, NotFound
from crm.customers.models import Assignment, Customer, OwnerChange
from crm.customers.queries.records import is_live, visible_to
from crm.customers.rules.sharing import Holder, Member
from crm.users import policies
from crm.users.models import Role, User

SELLERS = (Role.REP, Role.LEAD)
PAGE = 50


def members(
    session: Session, which: ColumnElement[bool], *, viewer: User, lock: bool = False
) -> Sequence[Member]:
    """The customers of this condition that the viewer may give away, in order of their ids."""
    found = (
        select(Customer.id, Customer.owner_id, Customer.region, Customer.next_followup_at)
        .where(visible_to(viewer), which)
        .order_by(Customer.id)
    )
    if lock:
        found = found.with_for_update(of=Customer)
    return [
        Member(row_id, owner_id, region, due is not None)
        for row_id, owner_id, region, due in session.execute(found)
    ]


def ticked(session: Session, customer_ids: Iterable[int]) -> ColumnElement[bool]:
    return bulk.among(session, Customer.id, customer_ids)


def holders(session: Session, rep_ids: Sequence[int]) -> list[Holder]:
    """These people with how many customers they have, and with how many a contact is planned."""
    counts = (
        select(Customer.owner_id, func.count(), func.count(Customer.next_followup_at))
        .where(Customer.owner_id.in_(rep_ids), is_live())
        .group_by(Customer.owner_id)
    )
    known = {owner_id: (owned, planned) for owner_id, owned, planned in session.execute(counts)}
    return [Holder(rep_id, *known.get(rep_id, (0, 0))) for rep_id in sorted(rep_ids)]


def sellers(session: Session) -> frozenset[int]:
    """Everybody who may own a customer."""
    found = select(User.id).where(User.disabled_at.is_(None), User.role.in_(SELLERS))
    return frozenset(session.scalars(found))


def lock_people(session: Session, user_ids: Iterable[int]) -> None:
    """Whoever would count the customers of these people against a limit takes turns."""
    wanted = select(User.id).where(User.id.in_(sorted(set(user_ids)))).order_by(User.id)
    session.execute(wanted.with_for_update()).all()


def listed(viewer: User) -> Select[Any]:
    """Assignments with who made them; a lead reads the team's own."""
    found: Any = select(Assignment, User.name).join(User, User.id == Assignment.by_id)
    return cast("Select[Any]", found.where(_readable(viewer)))


def get(session: Session, which: ColumnElement[bool], *, viewer: User) -> Assignment:
    """Raises NotFound outside the viewer's scope."""
    found = session.scalar(select(Assignment).where(which, _readable(viewer)))
    if found is None:
        raise NotFound("core.not_found")
    return found


def _readable(viewer: User) -> ColumnElement[bool]:
    if policies.RECORDS[viewer.role] is policies.TEAM:
        mine = Assignment.by_id == viewer.id
        return or_(mine, Assignment.by_id.in_(policies.member_ids(viewer)))
    return true()


def changes(
    session: Session, assignment: Assignment, *, viewer: User, cursor: str | None
) -> paging.Page[tuple[OwnerChange, Customer]]:
    """Who changed hands, by id, as far as the viewer may see them now."""
    statement: Any = (
        select(OwnerChange, Customer)
        .join(Customer, Customer.id == OwnerChange.customer_id)
        .where(OwnerChange.batch == assignment.public_id, visible_to(viewer))
    )
    order = paging.Order("customer", OwnerChange.customer_id, OwnerChange.customer_id)
    return paging.page(session, statement, order=order, cursor=cursor, size=PAGE)


def names(
    session: Session, assignment: Assignment, found: Sequence[tuple[OwnerChange, Customer]]
) -> dict[int, str]:
    """The names of all who stand in these changes, and of who made and undid the assignment."""
    ids = {one for change, _ in found for one in (change.before_id, change.after_id)}
    ids |= {assignment.by_id, assignment.undone_by_id}
    rows = session.execute(
        select(User.id, User.name).where(User.id.in_([one for one in ids if one is not None]))
    )
    return {row.id: row.name for row in rows}


def people(session: Session, public_ids: Iterable[str]) -> dict[str, int]:
    """The ids of these people. Raises Invalid for one who is not there."""
    return _ids(session, User, sorted(set(public_ids)))


def customer_ids(session: Session, public_ids: Iterable[str]) -> Sequence[int]:
    return list(_ids(session, Customer, sorted(set(public_ids))).values())


def _ids(
    session: Session, model: type[User] | type[Customer], public_ids: Sequence[str]
) -> dict[str, int]:
    rows = session.execute(select(model.public_id, model.id).where(model.public_id.in_(public_ids)))
    found = {row.public_id: row.id for row in rows}
    if len(found) != len(public_ids):
        raise Invalid("assignments.unknown")
    return found
