"""Which customers a person may see, and one of them by its id."""

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload, undefer

from crm.core.errors import NotFound
from crm.customers.models import ContactSubject, Customer, Tag
from crm.users import policies
from crm.users.models import User


def is_live(of: type[Customer] = Customer) -> ColumnElement[bool]:
    """Not merged into another. The one place that says so: a merged record is nowhere listed."""
    return of.merged_into_id.is_(None)


def visible_to(user: User, of: type[Customer] = Customer) -> ColumnElement[bool]:
    """A rep: own ones and the pool; a lead: the team's and the pool; others: all.

    `of` may be an alias. What was merged into another record is nobody's to see any more.
    """
    return and_(or_(policies.covers(user, of.owner_id), of.owner_id.is_(None)), is_live(of))


def get(session: Session, customer_id: int, *, visible_to: User) -> Customer:
    """The customer with owner and tags; of a merged record the one that survived it.

    Raises NotFound outside the viewer's scope.
    """
    return _one(session, Customer.id == customer_id, visible_to)


def get_by_public_id(session: Session, public_id: str, *, visible_to: User) -> Customer:
    """The same for programs and for links that leave the house."""
    return _one(session, Customer.public_id == public_id, visible_to)


def get_locked(session: Session, customer_id: int, *, visible_to: User) -> Customer:
    """The customer, with the person behind it locked until the transaction ends.

    The contact subject owns the rules about contacts, so all who would contact the same person,
    under whatever record, take turns. Raises NotFound outside the viewer's scope.
    """
    # Bounded: a record changes its subject only when its addresses are edited at this moment.
    for _ in range(3):
        subject_id = session.scalar(select(Customer.subject_id).where(Customer.id == customer_id))
        session.execute(
            select(ContactSubject.id).where(ContactSubject.id == subject_id).with_for_update()
        )
        customer = get(session, customer_id, visible_to=visible_to)
        if customer.subject_id == subject_id:
            return customer
    raise NotFound("core.not_found")


def _one(session: Session, which: ColumnElement[bool], user: User) -> Customer:
    found = session.scalar(
        select(Customer)
        .where(which, visible_to(user))
        .options(
            joinedload(Customer.owner),
            selectinload(Customer.tags).joinedload(Tag.group),
            undefer(Customer.custom),
        )
        .execution_options(populate_existing=True)
    )
    if found is not None:
        return found
    # What was merged into another record is found there, whoever still holds its address.
    survivor = session.scalar(select(Customer.merged_into_id).where(which))
    if survivor is None:
        raise NotFound("core.not_found")
    return _one(session, and_(Customer.id == survivor, is_live()), user)
