"""T-69 with many hands at once: one pair is merged once, nothing stays under a merged record."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crm.core.db import Sessions
from crm.core.errors import Conflict
from crm.customers.models import Customer, CustomerMerge, Import, ImportKind, Order
from crm.customers.services import importing, merging, orders
from crm.customers.services.importing import NewImport
from crm.customers.services.merging import MergeCustomers
from crm.customers.services.orders import PutOrder
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.users import make_admin

pytestmark = pytest.mark.faults

Act = Callable[[Session, User], object]


def at_once(sessions: Sessions, admin_id: int, *acts: Act) -> Counter[str]:
    """Each act in a transaction of its own, all begun together; what became of them."""
    barrier = Barrier(len(acts))

    def run(act: Act) -> str:
        barrier.wait()
        try:
            with sessions.begin() as session:
                act(session, session.get_one(User, admin_id))
        except Conflict as refusal:
            return refusal.code
        except OperationalError:  # a deadlock or a busy database: "come back"
            return "busy"
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(run, acts))


def make_two(sessions: Sessions, phone: str) -> tuple[int, int, str, int]:
    with sessions.begin() as session:
        admin = make_admin(session)
        first = make_customer(session, name="李明", phone=phone)
        second = make_customer(session, name="李小明", phone=phone[:-1] + "9")
        return first.id, second.id, second.public_id, admin.id


def left_behind(sessions: Sessions) -> int:
    """Orders under a record that is merged."""
    with sessions() as session:
        gone = select(Customer.id).where(Customer.merged_into_id.is_not(None))
        found = select(func.count()).select_from(Order).where(Order.customer_id.in_(gone))
        return session.scalar(found) or 0


def test_one_pair_is_merged_once_by_however_many(race_sessions: Sessions) -> None:
    first, second, _, admin = make_two(race_sessions, "13811110001")

    def merge(kept: int, merged: int) -> Act:
        def act(session: Session, by: User) -> object:
            return merging.merge(session, MergeCustomers(kept, merged), by=by, now=NOW)

        return act

    ends = at_once(race_sessions, admin, *[merge(first, second), merge(second, first)] * 4)

    with race_sessions() as session:
        between = CustomerMerge.kept_id.in_((first, second))
        made = session.scalar(select(func.count()).select_from(CustomerMerge).where(between))
    assert ends["done"] == made == 1
    assert set(ends) <= {"done", "merges.already_merged", "busy"}


def test_an_order_that_comes_in_during_the_merge_is_the_survivors(
    race_sessions: Sessions,
) -> None:
    first, second, public_id, admin = make_two(race_sessions, "13811110010")

    def merge(session: Session, by: User) -> object:
        return merging.merge(session, MergeCustomers(first, second), by=by, now=NOW)

    def put(number: int) -> Act:
        wanted = PutOrder(
            source="race", number=str(number), amount_fen=1, ordered_at=NOW, customer=public_id
        )
        return lambda session, by: orders.put(session, wanted, by=by, now=NOW)

    ends = at_once(race_sessions, admin, merge, *(put(number) for number in range(5)))

    assert ends["done"] >= 1
    assert left_behind(race_sessions) == 0


def test_an_import_during_the_merge_leaves_no_order_behind(
    race_sessions: Sessions, tmp_path: Path
) -> None:
    first, second, _, admin = make_two(race_sessions, "13811110020")
    file = tmp_path / "orders.csv"
    rows = [f"M-{n},13811110029,2026-10-01 10:00:00,1.00" for n in range(200)]
    file.write_text(
        "\n".join(["订单编号,联系手机,下单时间,订单金额", *rows]) + "\n", encoding="utf-8"
    )
    with race_sessions.begin() as session:
        wanted = NewImport(ImportKind.ORDERS, file, "orders.csv", source="race2")
        started = importing.start(session, wanted, by=session.get_one(User, admin), now=NOW)
        import_id = started.id

    def merge(session: Session, by: User) -> object:
        return merging.merge(session, MergeCustomers(first, second), by=by, now=NOW)

    def step(session: Session, _by: User) -> object:
        return importing.advance_one(session, session.get_one(Import, import_id), NOW)

    at_once(race_sessions, admin, merge, step)
    is_running = True
    while is_running:
        with race_sessions.begin() as session:
            is_running = importing.advance_one(session, session.get_one(Import, import_id), NOW)

    with race_sessions() as session:
        bought = select(func.count()).select_from(Order).where(Order.source == "race2")
        assert session.scalar(bought) == 200
        merged = session.scalar(select(Customer.merged_into_id).where(Customer.id == second))
    if merged is not None:
        assert left_behind(race_sessions) == 0
