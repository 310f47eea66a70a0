"""Suggested duplicates: pairs of records that the viewer sees both of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from crm.core import bulk, paging
from crm.core.errors import NotFound
from crm.customers.models import (
    ContactPerson,
    Customer,
    DuplicateCrowd,
    DuplicateKey,
    DuplicatePair,
    DuplicateSearch,
    PairState,
)
from crm.customers.queries.records import is_live, visible_to
from crm.customers.rules import duplicates as rules
from crm.customers.rules.duplicates import Confidence, Key
from crm.users.models import User

PAGE = 25
COUNTED = 1_000
SHOWN = 5  # likely duplicates told at once
CROWDS = 10
STRONGEST_FIRST = paging.Order(
    "strength", DuplicatePair.strength, DuplicatePair.id, descending=True
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A pair with both its records, as far as a page shows them."""

    pair: DuplicatePair
    a: Customer
    b: Customer


@dataclass(frozen=True, slots=True)
class Crowd:
    """A value that many customers share, and how many of them the viewer sees."""

    crowd: DuplicateCrowd
    count: int


def page(
    session: Session,
    *,
    viewer: User,
    confidence: Confidence | None = None,
    cursor: str | None = None,
) -> paging.Page[Suggestion]:
    """Open suggestions, the surest first; of one confidence if asked."""
    statement = _open(viewer)
    if confidence is not None:
        statement = statement.where(DuplicatePair.strength == int(confidence))
    found = paging.page(session, statement, order=STRONGEST_FIRST, cursor=cursor, size=PAGE)
    items = with_records(session, found.items)
    return paging.Page(items, found.next_cursor, found.previous_cursor)


def counts(session: Session, *, viewer: User) -> dict[Confidence, int]:
    """How many open suggestions there are of each confidence, at most COUNTED + 1."""
    each = (
        select(func.count())
        .select_from(
            _open(viewer)
            .with_only_columns(DuplicatePair.id)
            .where(DuplicatePair.strength == int(one))
            .limit(COUNTED + 1)
            .subquery()
        )
        .scalar_subquery()
        for one in Confidence
    )
    return dict(zip(Confidence, session.execute(select(*each)).one(), strict=True))


def of_customer(session: Session, customer_id: int, *, viewer: User) -> list[Suggestion]:
    """The open suggestions about one customer, the surest first."""
    found = _open(viewer).where(DuplicatePair.id.in_(about(session, [customer_id])))
    pairs = session.scalars(found.order_by(*_surest()).limit(SHOWN)).all()
    return with_records(session, pairs)


def about(session: Session, customer_ids: Sequence[int]) -> CompoundSelect[int]:
    """Ids of the pairs in which one of these stands on either side: two looks into an index.

    Said with OR, a database may walk all open pairs in their order instead.
    """
    first, second = (
        select(DuplicatePair.id).where(bulk.among(session, side, customer_ids))
        for side in (DuplicatePair.a_id, DuplicatePair.b_id)
    )
    return first.union_all(second)


def get(session: Session, pair_id: int, *, visible_to: User) -> DuplicatePair:
    """The pair, open or decided. Raises NotFound unless both records are in sight."""
    found = session.scalar(_seen(visible_to).where(DuplicatePair.id == pair_id))
    if found is None:
        raise NotFound("core.not_found")
    return found


def among(session: Session, pair_ids: Sequence[int], *, viewer: User) -> list[Suggestion]:
    """Those of these pairs that are open and in sight, in their order of the page."""
    pairs = _open(viewer).where(DuplicatePair.id.in_(pair_ids)).order_by(*_surest())
    return with_records(session, session.scalars(pairs).all())


def alike(
    session: Session, keys: Iterable[Key], *, viewer: User
) -> list[tuple[Customer, set[Key]]]:
    """Customers in sight who share one of these keys, each with the keys shared as they have them.

    A value that a crowd shares says nothing, so it is left out.
    """
    wanted = list(keys)
    if not wanted:
        return []
    same = or_(
        *(and_(DuplicateKey.kind == one.kind, DuplicateKey.value == one.value) for one in wanted)
    )
    crowded = (
        select(DuplicateCrowd.kind)
        .where(DuplicateCrowd.kind == DuplicateKey.kind, DuplicateCrowd.value == DuplicateKey.value)
        .exists()
    )
    most = sum(rules.MOST.values())
    found = session.execute(
        select(DuplicateKey)
        .join(Customer, Customer.id == DuplicateKey.customer_id)
        .where(same, ~crowded, visible_to(viewer))
        .limit(most)
    )
    shared: dict[int, set[Key]] = {}
    for key in found.scalars():
        shared.setdefault(key.customer_id, set()).add(Key(key.kind, key.value, key.exact))
    records = _records(session, shared)
    return [(records[customer_id], keys_) for customer_id, keys_ in shared.items()]


def crowds(session: Session, *, viewer: User) -> list[Crowd]:
    """Values that so many share that they are not paired; only what the viewer sees of them."""
    latest = (
        select(DuplicateCrowd).order_by(DuplicateCrowd.found_at.desc()).limit(CROWDS).subquery()
    )
    counted = (
        select(latest.c.kind, latest.c.value, func.count())
        .join(
            DuplicateKey,
            and_(DuplicateKey.kind == latest.c.kind, DuplicateKey.value == latest.c.value),
        )
        .join(Customer, Customer.id == DuplicateKey.customer_id)
        .where(visible_to(viewer))
        .group_by(latest.c.kind, latest.c.value)
        .order_by(func.count().desc(), latest.c.value)
    )
    return [
        Crowd(DuplicateCrowd(kind=kind, value=value), count)
        for kind, value, count in session.execute(counted)
        if count > rules.MOST[kind]
    ]


def is_looking(session: Session) -> bool:
    """Whether the worker has still customers to look through."""
    unfinished = select(DuplicateSearch.id).where(DuplicateSearch.finished_at.is_(None))
    return session.scalar(unfinished.limit(1)) is not None


def addresses(
    session: Session, customer_ids: Sequence[int]
) -> list[tuple[int, str | None, str | None]]:
    """What the keys of these customers need: id, phone and e-mail of record, persons, merged."""
    parts: list[Select[*tuple[Any, ...]]] = [
        select(Customer.id, Customer.phone, Customer.email).where(
            bulk.among(session, Customer.id, customer_ids)
        ),
        select(Customer.merged_into_id, Customer.phone, Customer.email).where(
            bulk.among(session, Customer.merged_into_id, customer_ids)
        ),
        select(ContactPerson.customer_id, ContactPerson.phone, ContactPerson.email).where(
            bulk.among(session, ContactPerson.customer_id, customer_ids)
        ),
    ]
    return [
        (customer_id, phone, email)
        for part in parts
        for customer_id, phone, email in session.execute(part)
    ]


def with_records(session: Session, pairs: Sequence[DuplicatePair]) -> list[Suggestion]:
    """The pairs with their records, two statements whatever their number."""
    records = _records(session, {one for pair in pairs for one in (pair.a_id, pair.b_id)})
    return [Suggestion(pair, records[pair.a_id], records[pair.b_id]) for pair in pairs]


def _records(session: Session, ids: Iterable[int]) -> dict[int, Customer]:
    statement = (
        select(Customer)
        .where(Customer.id.in_(list(ids)), is_live())
        .options(joinedload(Customer.owner))
    )
    return {customer.id: customer for customer in session.scalars(statement)}


def _open(viewer: User) -> Select[DuplicatePair]:
    return _seen(viewer).where(DuplicatePair.state == PairState.OPEN)


def _seen(viewer: User) -> Select[DuplicatePair]:
    a, b = aliased(Customer), aliased(Customer)
    return (
        select(DuplicatePair)
        .join(a, a.id == DuplicatePair.a_id)
        .join(b, b.id == DuplicatePair.b_id)
        .where(visible_to(viewer, a), visible_to(viewer, b))
    )


def _surest() -> tuple[ColumnElement[int], ColumnElement[int]]:
    return DuplicatePair.strength.desc(), DuplicatePair.id.desc()
