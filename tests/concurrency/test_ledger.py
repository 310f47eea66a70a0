"""Many threads at one ledger, with real transactions: no person is ever contacted over the cap."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from crm.core.db import Sessions
from crm.core.errors import Conflict
from crm.customers.models import Channel, Customer
from crm.outreach import services
from crm.outreach.models import CapSlot, LedgerEntry
from crm.outreach.rules import DEFAULT_CAPS
from tests.factories.customers import make_customer
from tests.factories.users import make_rep

pytestmark = pytest.mark.faults

T = TypeVar("T")
THREADS = 8
CUSTOMERS = 12
ROUNDS = 4


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Run the work in every thread, all let loose at the same moment."""
    gate = Barrier(threads)

    def run(number: int) -> T:
        gate.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def attempt(sessions: Sessions, act: Callable[[Session], object]) -> str:
    """ "" when the act was committed, else the code of its refusal.

    A machine with too few cores may let one thread wait longer than SQLite's patience; it comes
    again, as a browser does after our 503.
    """
    for _ in range(5):
        try:
            with sessions.begin() as session:
                act(session)
        except Conflict as refusal:
            return refusal.code
        except OperationalError as busy:
            if "locked" not in str(busy.orig):
                raise
        else:
            return ""
    raise AssertionError("the database stayed locked")


def make_customers(sessions: Sessions, count: int) -> list[int]:
    with sessions.begin() as session:
        return [make_customer(session, name=f"赛跑 {n}").id for n in range(count)]


def over_cap(session: Session) -> list[tuple[int, str, int]]:
    """By brute force: persons with more active contacts in some window than the cap allows."""
    rows = session.execute(
        select(CapSlot.subject_id, CapSlot.cap_key, CapSlot.starts_at).where(
            CapSlot.released_at.is_(None)
        )
    ).all()
    found = []
    for cap in DEFAULT_CAPS:
        times: dict[int, list[datetime]] = {}
        for subject_id, key, starts_at in rows:
            if key == cap.key:
                times.setdefault(subject_id, []).append(starts_at)
        for subject_id, moments in times.items():
            most = max(sum(m <= x < m + cap.window for m in moments) for x in moments)
            if most > cap.limit:
                found.append((subject_id, cap.key, most))
    return found


def test_eight_machines_never_send_over_the_cap(race_sessions: Sessions, now: datetime) -> None:
    customers = make_customers(race_sessions, CUSTOMERS)
    # Far enough apart that only the cap, and no cool-down, stands between them.
    days = [now + timedelta(days=4 * round_) for round_ in range(ROUNDS)]

    def send(thread: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        for round_, at in enumerate(days):
            for customer_id in customers:
                sending = services.Sending(
                    customer_id, Channel.EMAIL, at, f"plan:{thread}", f"{round_}"
                )
                seen[
                    attempt(
                        race_sessions,
                        lambda s, w=sending: services.reserve(s, w, by=None, now=now),  # type: ignore[misc]
                    )
                ] += 1
        return seen

    outcomes = sum(at_once(send), Counter())
    with race_sessions() as session:
        assert over_cap(session) == []
    assert outcomes[""] == CUSTOMERS * ROUNDS  # every cool-down lets exactly one through
    assert set(outcomes) <= {"", "outreach.cool_down", "outreach.cap_reached"}


def test_eight_reps_logging_the_same_customers_keep_every_call_and_the_cap(
    race_sessions: Sessions, now: datetime
) -> None:
    customers = make_customers(race_sessions, CUSTOMERS)
    with race_sessions.begin() as session:
        rep = make_rep(session)

    def call(thread: int) -> None:
        for customer_id in customers:
            contact = services.Contact(customer_id, Channel.PHONE, now - timedelta(minutes=thread))
            outcome = attempt(
                race_sessions,
                lambda s, made=contact: services.log(s, made, by=rep, now=now),  # type: ignore[misc]
            )
            assert outcome == ""

    at_once(call)
    with race_sessions() as session:
        entries = session.scalars(
            select(LedgerEntry).where(LedgerEntry.customer_id.in_(customers))
        ).all()
        assert len(entries) == THREADS * CUSTOMERS
        assert Counter(e.is_over_cap for e in entries) == {
            False: 3 * CUSTOMERS,
            True: (THREADS - 3) * CUSTOMERS,
        }
        assert over_cap(session) == []


def test_one_occurrence_of_a_plan_is_reserved_once_by_eight(
    race_sessions: Sessions, now: datetime
) -> None:
    (customer_id,) = make_customers(race_sessions, 1)
    sending = services.Sending(customer_id, Channel.EMAIL, now, "activity:1", "once")
    outcomes = at_once(
        lambda _thread: attempt(
            race_sessions, lambda s: services.reserve(s, sending, by=None, now=now)
        )
    )
    assert Counter(outcomes) == {"": 1, "outreach.already_reserved": THREADS - 1}


def test_of_eight_reps_one_holds_the_claim(race_sessions: Sessions, now: datetime) -> None:
    (customer_id,) = make_customers(race_sessions, 1)
    with race_sessions.begin() as session:
        reps = [make_rep(session, name=f"代表 {n}") for n in range(THREADS)]

    def claim(thread: int) -> str:
        return attempt(
            race_sessions,
            lambda s: services.claim(
                s,
                s.get_one(Customer, customer_id),
                until=now + timedelta(hours=1),
                by=reps[thread],
                now=now,
            ),
        )

    assert Counter(at_once(claim)) == {"": 1, "outreach.claimed_by_other": THREADS - 1}


def test_the_constraint_alone_keeps_the_place_at_every_isolation_level(
    race_engine: Engine, race_sessions: Sessions, now: datetime
) -> None:
    """Without any lock or look before: raw rows in one place, from eight connections at once."""
    levels: list[str | None] = [None]
    if race_engine.dialect.name == "postgresql":
        levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
    for level in levels:
        (customer_id,) = make_customers(race_sessions, 1)
        with race_sessions.begin() as session:
            contact = services.Contact(customer_id, Channel.PHONE, now, is_inbound=True)
            entry = services.log(session, contact, by=None, now=now)
            entry_id, subject_id = entry.id, entry.subject_id
        values = {
            "entry_id": entry_id,
            "subject_id": subject_id,
            "cap_key": "any_7d",
            "slot": 1,
            "starts_at": now,
            "ends_at": now + timedelta(days=7),
        }

        def take(
            _thread: int, level: str | None = level, values: dict[str, object] = values
        ) -> int:
            engine = race_engine.execution_options(isolation_level=level) if level else race_engine
            try:
                with engine.begin() as connection:
                    connection.execute(CapSlot.__table__.insert().values(**values))  # type: ignore[attr-defined]
            except DBAPIError:
                return 0
            return 1

        assert sum(at_once(take)) == 1, level
