"""Imports as their makers see them: a lead the team's, an administrator all."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from crm.core.errors import NotFound
from crm.customers.models import Customer, Import, ImportedCustomer, ImportRejection
from crm.users import policies
from crm.users.models import User

PAGE = 2_000


def visible_to(user: User) -> ColumnElement[bool]:
    return policies.covers(user, Import.by_id)


def recent(user: User, *, count: int) -> Select[*tuple[Any, ...]]:
    """The last imports, each with the name of who made it."""
    return (
        select(Import, User.name)
        .join(User, User.id == Import.by_id)
        .where(visible_to(user))
        .order_by(Import.id.desc())
        .limit(count)
    )


def get(session: Session, import_id: int, *, visible_to: User, lock: bool = False) -> Import:
    """The import. Raises NotFound outside the viewer's scope."""
    statement = select(Import).where(
        Import.id == import_id, policies.covers(visible_to, Import.by_id)
    )
    if lock:
        statement = statement.with_for_update()
    found = session.scalar(statement)
    if found is None:
        raise NotFound("core.not_found")
    return found


def refusals(session: Session, item: Import, *, count: int) -> list[ImportRejection]:
    """The first rows that were not taken."""
    return list(session.scalars(_refusals(item, after=0).limit(count)))


def staying(session: Session, item: Import, *, count: int) -> list[tuple[Customer, str]]:
    """Customers whom an undo has left as they are, each with the reason."""
    found = (
        select(Customer, ImportedCustomer.stays)
        .join(ImportedCustomer, ImportedCustomer.customer_id == Customer.id)
        .where(ImportedCustomer.import_id == item.id, ImportedCustomer.stays.is_not(None))
        .order_by(Customer.id)
        .limit(count)
    )
    return [(row[0], row[1] or "") for row in session.execute(found)]


def all_refusals(session: Session, item: Import) -> Iterator[ImportRejection]:
    """All of them, a page at a time."""
    last = 0
    while page := session.scalars(_refusals(item, after=last).limit(PAGE)).all():
        yield from page
        last = page[-1].line
        for row in page:
            session.expunge(row)


def _refusals(item: Import, *, after: int) -> Select[ImportRejection]:
    return (
        select(ImportRejection)
        .where(ImportRejection.import_id == item.id, ImportRejection.line > after)
        .order_by(ImportRejection.line)
    )
