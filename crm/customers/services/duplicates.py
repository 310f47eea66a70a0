"""Finding records that may mean one customer: set by set, for those touched, never all by all."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from sqlalchemy import Select, String, and_, cast, delete, func, insert, literal, or_, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.errors import Conflict
from crm.customers import queries
from crm.customers.models import (
    Customer,
    CustomerMerge,
    DuplicateCrowd,
    DuplicateKey,
    DuplicatePair,
    DuplicateSearch,
    Import,
    ImportedCustomer,
    ImportState,
    KeyKind,
    PairState,
)
from crm.customers.queries import duplicates as pairs
from crm.customers.queries.records import is_live
from crm.customers.rules import duplicates as rules
from crm.customers.rules import normalise
from crm.customers.rules.duplicates import Confidence, Known, Reason, Side
from crm.users import policies
from crm.users.models import User

PAGE = 250  # a step holds the lock of SQLite for well below a second
OVER = (ImportState.DONE, ImportState.CANCELLED, ImportState.FAILED)

Pair = tuple[int, int]
Value = tuple[KeyKind, str]


@dataclass(frozen=True, slots=True)
class Likely:
    """A known customer who may be the one about to be made, and why."""

    customer: Customer
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class _Found:
    reasons: list[Reason]
    strength: int


def advance(session: Session, now: datetime) -> bool:
    """One page of the oldest search. True while there is more to look through.

    Everybody is looked through once; from then on those whom an import has met. Who is made or
    edited by hand is looked at there and then.
    """
    # The dictionary of readings loads for seconds: before the first statement, which on SQLite
    # takes the lock that every other writer waits for.
    normalise.pinyin("查重")
    search = _next_search(session, now)
    if search is None:
        return False
    ids = session.scalars(_page(search)).all()
    if ids:
        look(session, ids, now=now)
        search.position = ids[-1]
        if (search.position // PAGE).bit_count() == 1:
            bulk.refresh_statistics(session, DuplicateKey)
    if len(ids) < PAGE:
        search.finished_at = now
    session.flush()
    return True


def look(session: Session, customer_ids: Sequence[int], *, now: datetime) -> None:
    """Bring the keys and the open suggestions of these customers up to date.

    A fixed number of statements. Pairs that somebody has decided about stay as they are.
    """
    wanted = sorted(set(customer_ids))
    _write_keys(session, wanted)
    shared = _shared_values(session, wanted, now)
    found = _judged(session, _reasons(shared, set(wanted)))
    _forget(session, wanted, keep=found)
    _write_pairs(session, found, now)


def likely(session: Session, known: Known, side: Side, *, viewer: User) -> list[Likely]:
    """Who, of those the viewer sees, is likely to be the customer described; writes nothing."""
    mine = {(key.kind, key.value): key for key in rules.keys(known)}
    found = []
    for customer, theirs in pairs.alike(session, mine.values(), viewer=viewer):
        given = {
            rules.reason(key.kind, is_exact=key.exact == mine[key.kind, key.value].exact)
            for key in theirs
        }
        reasons = rules.sorted_reasons(one for one in given if one)
        other = Side(customer.kind, customer.source, customer.external_id)
        sure = rules.confidence(reasons, side, other)
        if sure is not None and sure >= Confidence.LIKELY:
            found.append((sure, Likely(customer, reasons)))
    found.sort(key=lambda one: (-one[0], one[1].customer.id))
    return [one for _, one in found[: pairs.SHOWN]]


def dismiss(session: Session, pair: DuplicatePair, *, by: User, now: datetime) -> None:
    """They are two: not suggested again. Raises Conflict when it is decided already."""
    require_both(session, pair, by=by)
    if pair.state is not PairState.OPEN:
        raise Conflict("duplicates.already_decided")
    pair.state, pair.decided_at, pair.decided_by_id = PairState.DISMISSED, now, by.id


def reopen(session: Session, pair: DuplicatePair, *, by: User) -> None:
    """Undo of `dismiss`."""
    require_both(session, pair, by=by)
    if pair.state is not PairState.DISMISSED:
        raise Conflict("duplicates.already_decided")
    pair.state, pair.decided_at, pair.decided_by_id = PairState.OPEN, None, None


def settle(session: Session, item: CustomerMerge, *, merged: bool, by: User, now: datetime) -> None:
    """The pair was merged; or it was split again, which says that they are two."""
    a_id, b_id = sorted((item.kept_id, item.merged_id))
    values = {
        "state": PairState.MERGED if merged else PairState.DISMISSED,
        "decided_at": now,
        "decided_by_id": by.id,
    }
    stored = bulk.table(DuplicatePair).c
    new = {"a_id": a_id, "b_id": b_id, "reasons": [], "strength": 0, "found_at": now}
    session.execute(
        bulk.insert(session, DuplicatePair)
        .values(new | values)
        .on_conflict_do_update(index_elements=[stored.a_id, stored.b_id], set_=values)
    )
    look(session, [a_id, b_id], now=now)


def require_both(session: Session, pair: DuplicatePair, *, by: User) -> None:
    """Both records are in sight and may be merged by this user; else NotFound or NotAllowed."""
    for customer_id in (pair.a_id, pair.b_id):
        policies.require(by, "customers.merge", queries.get(session, customer_id, visible_to=by))


def _next_search(session: Session, now: datetime) -> DuplicateSearch | None:
    unfinished = select(DuplicateSearch).where(DuplicateSearch.finished_at.is_(None))
    search = session.scalar(
        unfinished.order_by(DuplicateSearch.id).limit(1).with_for_update(skip_locked=True)
    )
    if search is not None:
        return search
    everybody = select(DuplicateSearch.id).where(DuplicateSearch.import_id.is_(None))
    if session.scalar(everybody) is None:
        _leave_to_everybody(session, now)
        return _begin(session, None, now)
    met = select(DuplicateSearch.id).where(DuplicateSearch.import_id == Import.id)
    waiting = select(Import.id).where(Import.state.in_(OVER), ~met.exists())
    import_id = session.scalar(waiting.order_by(Import.id).limit(1))
    return None if import_id is None else _begin(session, import_id, now)


def _leave_to_everybody(session: Session, now: datetime) -> None:
    """Whom earlier imports met is looked at with everybody, not once more for each import."""
    at = literal(now, DuplicateSearch.created_at.type)
    columns = ["import_id", "position", "created_at", "finished_at"]
    over = select(Import.id, literal(0), at, at).where(Import.state.in_(OVER))
    session.execute(insert(DuplicateSearch).from_select(columns, over))


def _begin(session: Session, import_id: int | None, now: datetime) -> DuplicateSearch:
    search = DuplicateSearch(import_id=import_id, position=0, created_at=now)
    session.add(search)
    session.flush()
    return search


def _page(search: DuplicateSearch) -> Select[int]:
    if search.import_id is None:
        found = select(Customer.id).where(Customer.id > search.position).order_by(Customer.id)
        return found.limit(PAGE)
    met = ImportedCustomer.customer_id
    here = ImportedCustomer.import_id == search.import_id
    return select(met).where(here, met > search.position).order_by(met).limit(PAGE)


def _write_keys(session: Session, ids: Sequence[int]) -> None:
    """A record that was merged has none: what it was known by is its survivor's."""
    session.execute(
        delete(DuplicateKey).where(bulk.among(session, DuplicateKey.customer_id, ids)),
        execution_options={"synchronize_session": False},
    )
    rows: list[dict[str, Any]] = [
        {"kind": key.kind, "value": key.value, "customer_id": customer_id, "exact": key.exact}
        for customer_id, known in _known(session, ids).items()
        for key in rules.keys(known)
    ]
    if rows:
        rows.sort(key=lambda row: (row["kind"].value, row["value"], row["customer_id"]))
        # Somebody may edit a customer while the worker looks at it: either's keys are right.
        session.execute(bulk.insert(session, DuplicateKey).on_conflict_do_nothing(), rows)


def _known(session: Session, ids: Sequence[int]) -> Mapping[int, Known]:
    """What is known about each, with what its contact persons and merged records add."""
    facts = session.execute(
        select(Customer.id, Customer.name, Customer.company, Customer.region).where(
            bulk.among(session, Customer.id, ids), is_live()
        )
    ).all()
    reached: defaultdict[int, list[tuple[str | None, str | None]]] = defaultdict(list)
    for customer_id, phone, email in pairs.addresses(session, ids):
        reached[customer_id].append((phone, email))
    return {
        customer_id: Known(
            name,
            company,
            region,
            tuple(dict.fromkeys(phone for phone, _ in reached[customer_id] if phone)),
            tuple(dict.fromkeys(email for _, email in reached[customer_id] if email)),
        )
        for customer_id, name, company, region in facts
    }


def _shared_values(
    session: Session, ids: Sequence[int], now: datetime
) -> Mapping[Value, list[tuple[int, str]]]:
    """The values that these customers share with others, each with who has it and how exactly."""
    mine = (
        select(DuplicateKey.kind, DuplicateKey.value)
        .where(bulk.among(session, DuplicateKey.customer_id, ids))
        .distinct()
        .subquery()
    )
    crowded = (
        select(DuplicateCrowd.kind)
        .where(DuplicateCrowd.kind == mine.c.kind, DuplicateCrowd.value == mine.c.value)
        .exists()
    )
    same = and_(DuplicateKey.kind == mine.c.kind, DuplicateKey.value == mine.c.value)
    counts = session.execute(
        select(DuplicateKey.kind, DuplicateKey.value, func.count())
        .join(mine, same)
        .where(~crowded)
        .group_by(DuplicateKey.kind, DuplicateKey.value)
        .having(func.count() > 1)
    ).all()
    crowds = {(kind, value) for kind, value, count in counts if count > rules.MOST[kind]}
    if crowds:
        rows = [
            {"kind": kind, "value": value, "found_at": now}
            for kind, value in sorted(crowds, key=lambda one: (one[0].value, one[1]))
        ]
        session.execute(bulk.insert(session, DuplicateCrowd).on_conflict_do_nothing(), rows)
    return _members(session, {(kind, value) for kind, value, _ in counts} - crowds)


def _members(session: Session, values: Collection[Value]) -> Mapping[Value, list[tuple[int, str]]]:
    by_kind: defaultdict[KeyKind, list[str]] = defaultdict(list)
    for kind, value in values:
        by_kind[kind].append(value)
    found: defaultdict[Value, list[tuple[int, str]]] = defaultdict(list)
    for kind, some in by_kind.items():
        statement = select(DuplicateKey.value, DuplicateKey.customer_id, DuplicateKey.exact).where(
            DuplicateKey.kind == kind, bulk.among(session, DuplicateKey.value, some)
        )
        for value, customer_id, exact in session.execute(statement):
            found[kind, value].append((customer_id, exact))
    return found


def _reasons(
    shared: Mapping[Value, list[tuple[int, str]]], touched: set[int]
) -> Mapping[Pair, set[Reason]]:
    """Each pair with a touched customer in it, and what the two have in common."""
    found: defaultdict[Pair, set[Reason]] = defaultdict(set)
    for (kind, _), members in shared.items():
        for (a_id, a_exact), (b_id, b_exact) in combinations(sorted(members), 2):
            reason = rules.reason(kind, is_exact=a_exact == b_exact)
            if reason is not None and (a_id in touched or b_id in touched):
                found[a_id, b_id].add(reason)
    return found


def _judged(session: Session, reasons: Mapping[Pair, set[Reason]]) -> Mapping[Pair, _Found]:
    """The pairs worth a look, with their strength."""
    ids = {customer_id for pair in reasons for customer_id in pair}
    columns = (Customer.id, Customer.kind, Customer.source, Customer.external_id)
    rows = session.execute(select(*columns).where(bulk.among(session, Customer.id, ids)))
    sides = {row.id: Side(row.kind, row.source, row.external_id) for row in rows}
    found = {}
    for (a_id, b_id), given in reasons.items():
        strength = rules.confidence(given, sides[a_id], sides[b_id])
        if strength is not None:
            found[a_id, b_id] = _Found(rules.sorted_reasons(given), int(strength))
    return found


def _forget(session: Session, ids: Sequence[int], *, keep: Collection[Pair]) -> None:
    """Open suggestions about these customers that nothing speaks for any more."""
    known = select(DuplicatePair.id, DuplicatePair.a_id, DuplicatePair.b_id).where(
        DuplicatePair.id.in_(pairs.about(session, ids)), DuplicatePair.state == PairState.OPEN
    )
    gone = [row.id for row in session.execute(known) if (row.a_id, row.b_id) not in keep]
    if gone:
        session.execute(
            delete(DuplicatePair).where(bulk.among(session, DuplicatePair.id, gone)),
            execution_options={"synchronize_session": False},
        )


def _write_pairs(session: Session, found: Mapping[Pair, _Found], now: datetime) -> None:
    if not found:
        return
    statement = bulk.insert(session, DuplicatePair)
    stored = bulk.table(DuplicatePair).c
    changed = or_(
        stored.strength != statement.excluded.strength,
        cast(stored.reasons, String) != cast(statement.excluded.reasons, String),
    )
    statement = statement.on_conflict_do_update(
        index_elements=[stored.a_id, stored.b_id],
        set_={"reasons": statement.excluded.reasons, "strength": statement.excluded.strength},
        where=and_(stored.state == PairState.OPEN, changed),
    )
    rows = [
        {
            "a_id": a_id,
            "b_id": b_id,
            "reasons": [reason.value for reason in pair.reasons],
            "strength": pair.strength,
            "state": PairState.OPEN,
            "found_at": now,
        }
        for (a_id, b_id), pair in sorted(found.items())
    ]
    session.execute(statement, rows)
