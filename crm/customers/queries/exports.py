"""Exports as their makers see them, and the rows that go into the file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    SQLColumnExpression,
    String,
    literal,
    null,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.errors import NotFound
from crm.customers.models import (
    Customer,
    CustomerStats,
    CustomerTag,
    Export,
    ExportState,
    Tag,
)
from crm.customers.rules.columns import Column, ColumnKind
from crm.users.models import User

_STATS: Mapping[str, SQLColumnExpression[Any]] = {
    "amount": CustomerStats.amount_fen,
    "orders": CustomerStats.order_count,
    "first_order": CustomerStats.first_order_at,
    "last_order": CustomerStats.last_order_at,
}
_NAMED: Mapping[str, SQLColumnExpression[Any]] = {
    "owner": User.name,
    "last": Customer.last_contact_at,
    "next": Customer.next_followup_at,
    "created": Customer.created_at,
    "updated": Customer.updated_at,
    **_STATS,
}


def mine(user: User) -> Select[Export]:
    """The user's own exports, the latest first: a file holds what its maker may see."""
    return select(Export).where(Export.by_id == user.id).order_by(Export.id.desc())


def get(session: Session, public_id: str, *, user: User, lock: bool = False) -> Export:
    """One of the user's own. Raises NotFound for anybody else's."""
    statement = select(Export).where(Export.public_id == public_id, Export.by_id == user.id)
    found = session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound("core.not_found")
    return found


def under_way() -> Select[Export]:
    return (
        select(Export)
        .where(Export.state.in_((ExportState.RUNNING, ExportState.PACKING)))
        .order_by(Export.id)
    )


def due(now: datetime) -> Select[Export]:
    """Those of them that nobody is at: a workbook is packed outside any transaction."""
    free = Export.lease_until.is_(None) | (Export.lease_until < now)
    return under_way().where(free)


def expired(now: datetime) -> Select[Export]:
    return select(Export).where(Export.state == ExportState.DONE, Export.expires_at < now)


def rows(
    session: Session,
    columns: Sequence[Column],
    where: Sequence[ColumnElement[bool]],
    *,
    after: int,
    limit: int,
) -> Sequence[Row[Any]]:
    """The next customers by id: plain rows of id, owner, own fields and the wanted values."""
    has_own = any(column.kind is ColumnKind.CUSTOM for column in columns)
    leading = (Customer.id, Customer.owner_id, Customer.custom if has_own else null())
    statement = (
        select(*leading, *(_value(column) for column in columns))
        .where(*where, Customer.id > after)
        .order_by(Customer.id)
        .limit(limit)
    )
    names = {column.name for column in columns}
    if names & _STATS.keys():
        statement = statement.outerjoin(CustomerStats, CustomerStats.customer_id == Customer.id)
    if "owner" in names:
        statement = statement.outerjoin(User, User.id == Customer.owner_id)
    return session.execute(statement).all()


def tags(session: Session, customer_ids: Sequence[int]) -> dict[int, list[str]]:
    """The names of these customers' tags."""
    found: dict[int, list[str]] = {}
    statement = (
        select(CustomerTag.customer_id, Tag.name)
        .join(Tag, Tag.id == CustomerTag.tag_id)
        .where(bulk.among(session, CustomerTag.customer_id, customer_ids))
        .order_by(Tag.name)
    )
    for customer_id, name in session.execute(statement):
        found.setdefault(customer_id, []).append(name)
    return found


def running_count(session: Session, user: User) -> int:
    return len(session.scalars(under_way().where(Export.by_id == user.id)).all())


def _value(column: Column) -> SQLColumnExpression[Any]:
    """What the database gives for a column; words come as they are stored, not as enums."""
    if column.kind in {ColumnKind.TAGS, ColumnKind.CUSTOM}:
        return literal(0)  # told from elsewhere: tags by a statement of their own
    if column.kind is ColumnKind.WORD:
        return type_coerce(getattr(Customer, column.name), String)
    found: SQLColumnExpression[Any] = _NAMED.get(column.name) or getattr(Customer, column.name)
    return found
