"""Keeping views of the list. A shared one changes only by its owner's or an administrator's word.

Whoever else wants it otherwise keeps a copy of his own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import CustomerView, ListChoice
from crm.customers.queries import list_columns
from crm.customers.queries import saved_views as queries
from crm.customers.queries.listing import Filters
from crm.customers.rules import columns as rules
from crm.users import policies
from crm.users.models import Role, User

MOST = 50  # views of one person
KEPT = timedelta(days=7)  # a deleted one can be had back this long


@dataclass(frozen=True, slots=True)
class KeepView:
    """A new view of what is on the screen."""

    name: str
    filters: Filters
    columns: Sequence[str] = ()
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class ReviseView:
    """A change to a view; what is None stays. `version` is what the editor had before his eyes."""

    version: int
    name: str | None = None
    is_shared: bool | None = None
    filters: Filters | None = None
    columns: Sequence[str] | None = None


def may_change(view: CustomerView, by: User) -> bool:
    return view.owner_id == by.id or (view.is_shared and by.role is Role.ADMIN)


def create(session: Session, wanted: KeepView, *, by: User, now: datetime) -> CustomerView:
    """Keep the list under a name that the maker has not used yet."""
    kept = queries.own(session, by.id)
    if len(kept) >= MOST:
        raise Invalid("views.too_many", limit=MOST)
    view = CustomerView(
        name=_name(session, wanted.name, by.id, but=None),
        owner_id=by.id,
        is_shared=False,
        filters=queries.as_json(wanted.filters),
        columns=_columns(session, wanted.columns),
        sort=queries.sort_of(wanted.filters),
        position=kept[-1].position + 1 if kept else 0,
        created_at=now,
        updated_at=now,
    )
    session.add(view)
    session.flush()
    _share(session, view, shared=wanted.is_shared, by=by, now=now)
    return view


def revise(
    session: Session, view: CustomerView, wanted: ReviseView, *, by: User, now: datetime
) -> None:
    """Change what is given. Raises Conflict when somebody changed it since it was opened."""
    _require(view, by)
    if wanted.version != view.version:
        raise Conflict("views.stale", name=view.name, version=view.version)
    was_shared = view.is_shared
    if wanted.name is not None:
        view.name = _name(session, wanted.name, view.owner_id, but=view.id)
    if wanted.filters is not None:
        view.filters = queries.as_json(wanted.filters)
        view.sort = queries.sort_of(wanted.filters)
    if wanted.columns is not None:
        view.columns = _columns(session, wanted.columns)
    if wanted.is_shared is not None:
        _share(session, view, shared=wanted.is_shared, by=by, now=now)
    view.updated_at = now
    session.flush()
    if was_shared and view.is_shared:
        _record(session, "views.update_shared", view, by=by, now=now)


def delete(session: Session, view: CustomerView, *, by: User, now: datetime) -> None:
    """Take it out of everybody's sight; for a week it can be had back."""
    _require(view, by)
    view.deleted_at = now
    session.flush()
    if view.is_shared:
        _record(session, "views.delete_shared", view, by=by, now=now)


def restore(session: Session, view: CustomerView, *, by: User, now: datetime) -> None:
    _require(view, by)
    if queries.is_name_taken(session, view.name, view.owner_id, but=view.id):
        raise Conflict("views.name_taken", name=view.name)
    view.deleted_at = None
    view.updated_at = now
    session.flush()


def move(session: Session, view: CustomerView, step: int, *, by: User) -> None:
    """Put an own view a place further left (-1) or right (+1) in the row of tabs."""
    if view.owner_id != by.id:
        raise NotAllowed("core.not_allowed")
    order = list(queries.own(session, by.id))
    place = order.index(view)
    order.insert(min(max(place + step, 0), len(order) - 1), order.pop(place))
    for position, one in enumerate(order):
        one.position = position


def open_with(session: Session, view: CustomerView | None, *, by: User) -> None:
    """The view that the list opens with for this person; None: as the house has it."""
    _choice(session, by).default_view_id = view.id if view else None


def choose_columns(session: Session, names: Sequence[str], *, by: User) -> None:
    """The columns of the list outside any view, for this person."""
    _choice(session, by).columns = _columns(session, names)


def forget_deleted(session: Session, now: datetime) -> bool:
    """Drop a view that was deleted a week ago. True while there are more."""
    found = session.scalars(queries.deleted_before(now - KEPT).limit(2)).all()
    if found:
        session.delete(found[0])
    return len(found) > 1


def _require(view: CustomerView, by: User) -> None:
    if not may_change(view, by):
        raise NotAllowed("views.not_yours", name=view.name)


def _share(session: Session, view: CustomerView, *, shared: bool, by: User, now: datetime) -> None:
    if view.is_shared == shared:
        return
    if shared:
        policies.require(by, "views.share")
    view.is_shared = shared
    session.flush()
    _record(session, "views.share" if shared else "views.unshare", view, by=by, now=now)


def _name(session: Session, name: str, owner_id: int, *, but: int | None) -> str:
    clean = " ".join(name.split())
    if queries.is_name_taken(session, clean, owner_id, but=but):
        raise Invalid("views.name_taken", name=clean)
    return clean


def _columns(session: Session, names: Sequence[str]) -> list[str]:
    """Names that the list knows; those of panels are the upper modules' affair and stay."""
    known = [column.name for column in list_columns.offered(session)]
    panels = [name for name in names if name.startswith(rules.PANEL)]
    return rules.chosen(names, [*known, *panels])


def _choice(session: Session, by: User) -> ListChoice:
    found = queries.choice(session, by)
    if found is None:
        found = ListChoice(user_id=by.id, columns=[])
        session.add(found)
    return found


def _record(session: Session, action: str, view: CustomerView, *, by: User, now: datetime) -> None:
    audit.record(session, action, by_id=by.id, thing=f"customer_view:{view.id}", now=now)
