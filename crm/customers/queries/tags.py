"""Tags and their groups: what there is, on how many customers, and what was taken away lately."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from crm.core import paging
from crm.core.errors import NotFound
from crm.customers.models import CustomerTag, Tag, TagGroup, TagPlace, TagRemoval

PAGE = 100
UNDO_FOR = timedelta(days=7)
RECENT = 10

_BY_NAME = paging.Order("tag", Tag.name, Tag.id)


def page(
    session: Session, *, q: str = "", group_id: int | None = None, cursor: str | None = None
) -> paging.Page[Tag]:
    """Tags by name, each with its group."""
    found = select(Tag).options(joinedload(Tag.group))
    if q.strip():
        found = found.where(Tag.name.icontains(q.strip(), autoescape=True))
    if group_id is not None:
        found = found.where(Tag.id.in_(in_group([group_id])))
    return paging.page(session, found, order=_BY_NAME, cursor=cursor, size=PAGE)


def in_group(group_ids: Sequence[int]) -> Select[int]:
    """Ids of the tags that stand in these groups."""
    return select(TagPlace.tag_id).where(TagPlace.group_id.in_(group_ids))


def sizes(session: Session, tag_ids: Sequence[int]) -> dict[int, int]:
    """On how many customers each of these tags is."""
    counts = (
        select(CustomerTag.tag_id, func.count())
        .where(CustomerTag.tag_id.in_(tag_ids))
        .group_by(CustomerTag.tag_id)
    )
    return {tag_id: int(count) for tag_id, count in session.execute(counts)}


def groups(session: Session) -> Sequence[TagGroup]:
    return session.scalars(select(TagGroup).order_by(TagGroup.name, TagGroup.id)).all()


def sizes_of_groups(session: Session) -> dict[int, int]:
    """How many tags each group has."""
    counts = select(TagPlace.group_id, func.count()).group_by(TagPlace.group_id)
    return {group_id: int(count) for group_id, count in session.execute(counts)}


def get(session: Session, tag_id: int) -> Tag:
    """Raises NotFound."""
    found = find(session, tag_id)
    if found is None:
        raise NotFound("core.not_found")
    return found


def find(session: Session, tag_id: int) -> Tag | None:
    found = select(Tag).where(Tag.id == tag_id).options(joinedload(Tag.group))
    return session.scalar(found.execution_options(populate_existing=True))


def get_group(session: Session, group_id: int) -> TagGroup:
    """Raises NotFound."""
    found = session.get(TagGroup, group_id)
    if found is None:
        raise NotFound("core.not_found")
    return found


def find_named(session: Session, name: str) -> Tag | None:
    return session.scalar(select(Tag).where(Tag.name == " ".join(name.split())))


def get_removal(session: Session, removal_id: int) -> TagRemoval:
    """Raises NotFound."""
    found = session.get(TagRemoval, removal_id)
    if found is None:
        raise NotFound("core.not_found")
    return found


def removals(session: Session, *, now: datetime) -> Sequence[TagRemoval]:
    """What can still be taken back, the latest first."""
    found = select(TagRemoval).where(TagRemoval.undone_at.is_(None), TagRemoval.at > now - UNDO_FOR)
    return session.scalars(found.order_by(TagRemoval.id.desc()).limit(RECENT)).all()
