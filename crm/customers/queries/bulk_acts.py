"""Acts on many customers, as whoever did them sees them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session

from crm.core.errors import NotFound
from crm.customers.models import BulkAct, BulkChange, Customer, CustomerTag, Tag
from crm.customers.queries.records import visible_to
from crm.users.models import User


def mine(user: User) -> Select[BulkAct]:
    """The user's own acts, the latest first."""
    return select(BulkAct).where(BulkAct.by_id == user.id).order_by(BulkAct.id.desc())


def get(session: Session, public_id: str, *, user: User) -> BulkAct:
    """One of the user's own. Raises NotFound for anybody else's."""
    found = session.scalar(mine(user).where(BulkAct.public_id == public_id))
    if found is None:
        raise NotFound("core.not_found")
    return found


def find_tag(session: Session, name: str) -> Tag | None:
    return session.scalar(select(Tag).where(Tag.name == " ".join(name.split())))


def has_tag(tag_id: int) -> ColumnElement[bool]:
    return exists().where(CustomerTag.customer_id == Customer.id, CustomerTag.tag_id == tag_id)


def ids_of(session: Session, public_ids: Iterable[str], *, viewer: User) -> Sequence[int]:
    """The ids of those of them whom the viewer sees."""
    wanted = set(public_ids)
    if not wanted:
        return []
    found = select(Customer.id).where(Customer.public_id.in_(wanted), visible_to(viewer))
    return session.scalars(found).all()


def with_changes_before(then: datetime) -> Select[int]:
    """Ids of acts older than that whose changes are still kept, the oldest first."""
    kept = exists().where(BulkChange.act_id == BulkAct.id)
    return select(BulkAct.id).where(BulkAct.created_at < then, kept).order_by(BulkAct.id)
