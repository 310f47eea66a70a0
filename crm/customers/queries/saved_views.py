"""Saved views of the list: which ones a person sees, and their filters as plain values."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session, aliased, joinedload

from crm.core.errors import NotFound
from crm.customers.models import CustomerView, ListChoice, Stage
from crm.customers.models.fields import PREFIX
from crm.customers.queries.listing import Filters, Next, Tab
from crm.customers.rules import columns
from crm.users.models import Role, User

MOST_SHOWN = 40


def visible_to(viewer: User) -> ColumnElement[bool]:
    """Own views; shared ones of the own team's lead, of managers and of administrators."""
    mine = CustomerView.owner_id == viewer.id
    return (CustomerView.deleted_at.is_(None)) & or_(mine, _shared_with(viewer))


def shown(session: Session, viewer: User) -> Sequence[CustomerView]:
    """The viewer's own in his order, then the shared ones by name; one statement."""
    own_first = (CustomerView.owner_id != viewer.id).asc()
    return session.scalars(
        every(viewer)
        .order_by(own_first, CustomerView.position, CustomerView.name, CustomerView.id)
        .limit(MOST_SHOWN)
    ).all()


def every(viewer: User) -> Select[CustomerView]:
    """All that the viewer sees, with their owners."""
    return select(CustomerView).where(visible_to(viewer)).options(joinedload(CustomerView.owner))


def get(session: Session, view_id: int, *, viewer: User) -> CustomerView:
    """Raises NotFound for another person's own view."""
    return _one(session, every(viewer).where(CustomerView.id == view_id))


def get_by_public_id(session: Session, public_id: str, *, viewer: User) -> CustomerView:
    return _one(session, every(viewer).where(CustomerView.public_id == public_id))


def get_deleted(session: Session, view_id: int, *, viewer: User) -> CustomerView:
    """One that its owner (or, once shared, an administrator) has just deleted."""
    found = select(CustomerView).where(
        CustomerView.id == view_id, CustomerView.deleted_at.is_not(None)
    )
    if viewer.role is Role.ADMIN:
        mine = or_(CustomerView.owner_id == viewer.id, CustomerView.is_shared)
    else:
        mine = CustomerView.owner_id == viewer.id
    return _one(session, found.where(mine).options(joinedload(CustomerView.owner)))


def choice(session: Session, viewer: User) -> ListChoice | None:
    return session.get(ListChoice, viewer.id)


def own(session: Session, owner_id: int) -> Sequence[CustomerView]:
    """The views that this person keeps, in his order."""
    kept = select(CustomerView).where(
        CustomerView.owner_id == owner_id, CustomerView.deleted_at.is_(None)
    )
    return session.scalars(kept.order_by(CustomerView.position, CustomerView.id)).all()


def is_name_taken(session: Session, name: str, owner_id: int, *, but: int | None) -> bool:
    same = select(func.count()).where(
        CustomerView.owner_id == owner_id,
        CustomerView.name == name,
        CustomerView.deleted_at.is_(None),
        CustomerView.id != (but or 0),
    )
    return bool(session.scalar(same))


def deleted_before(then: datetime) -> Select[CustomerView]:
    return select(CustomerView).where(CustomerView.deleted_at < then)


def as_json(filters: Filters) -> dict[str, Any]:
    """What the filters ask for, without the sort; what asks nothing is left out."""
    found: dict[str, Any] = {
        "tab": filters.tab.value if filters.tab is not Tab.ALL else None,
        "q": filters.q,
        "stage": [stage.value for stage in filters.stage],
        "tag": filters.tag,
        "region": filters.region,
        "source": filters.source,
        "owner": filters.owner,
        "next": filters.next.value if filters.next else None,
        "segment": filters.segment,
        **filters.custom,
    }
    return {name: value for name, value in found.items() if value}


def from_json(kept: Mapping[str, Any], sort: str = "next") -> Filters:
    """Kept filters; a value that no longer means anything (a stage is gone) is passed over."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    return Filters(
        tab=_known(Tab, kept.get("tab")) or Tab.ALL,
        stage=[one for value in kept.get("stage", ()) if (one := _known(Stage, value))] or (),
        next=_known(Next, kept.get("next")),
        q=_text(kept, "q"),
        tag=_text(kept, "tag"),
        region=_text(kept, "region"),
        source=_text(kept, "source"),
        owner=_number(kept, "owner"),
        segment=_number(kept, "segment"),
        custom={key: str(value) for key, value in kept.items() if key.startswith(PREFIX)},
        sort=name if columns.is_sort(name) else "next",
        down=down and columns.is_sort(name),
    )


def sort_of(filters: Filters) -> str:
    return ("-" if filters.down else "") + filters.sort


def filters_of(view: CustomerView) -> Filters:
    return from_json(view.filters, view.sort)


def _known(kind: Callable[[Any], Any], value: object) -> Any:  # noqa: ANN401 - an enum's member
    try:
        return kind(value) if value else None
    except ValueError:
        return None


def _text(kept: Mapping[str, Any], name: str) -> str:
    return str(kept.get(name, ""))


def _number(kept: Mapping[str, Any], name: str) -> int | None:
    value = kept.get(name)
    return value if isinstance(value, int) else None


def _shared_with(viewer: User) -> ColumnElement[bool]:
    if viewer.role in (Role.MANAGER, Role.ADMIN):
        return CustomerView.is_shared & true()
    maker = aliased(User)
    reaching = select(maker.id).where(
        or_(maker.role.in_((Role.MANAGER, Role.ADMIN)), maker.team_id == viewer.team_id)
    )
    return CustomerView.is_shared & CustomerView.owner_id.in_(reaching)


def _one(session: Session, statement: Select[CustomerView]) -> CustomerView:
    found = session.scalar(statement)
    if found is None:
        raise NotFound("core.not_found")
    return found
