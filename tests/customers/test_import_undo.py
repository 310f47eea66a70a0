from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict
from crm.customers.models import (
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerTag,
    Import,
    ImportKind,
    ImportState,
    OwnerChange,
    OwnerReason,
    Stage,
    Tag,
)
from crm.customers.rules import mappings
from crm.customers.services import customers, importing, importing_undo, tags
from crm.customers.services.customers import EditCustomer
from crm.customers.services.tags import PutTag
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.imports import run
from tests.factories.customers import make_customer, make_order, make_tag
from tests.factories.followups import make_followup
from tests.factories.users import make_user

Bring = Callable[..., Import]
HEADER = "客户名称,手机,地区,阶段,标签,备注,负责人\n"
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


@pytest.fixture
def bring(session: Session, tmp_path: Path, by: User) -> Bring:
    def brought(rows: str, *, existing: str = "fill") -> Import:
        path = tmp_path / "customers.csv"
        path.write_text(HEADER + rows, encoding="utf-8")
        columns = HEADER.strip().split(",")
        guessed = mappings.guess("customers", columns).as_json() | {"existing": existing}
        mapping = mappings.from_json(guessed, kind="customers")
        return run(session, path, ImportKind.CUSTOMERS, by=by, mapping=mapping)

    return brought


def take_back(session: Session, item: Import, by: User, now: datetime = LATER) -> None:
    importing_undo.undo(session, item, by=by, now=now)
    session.commit()
    while importing.advance_one(session, item, now):
        session.commit()
    session.commit()


def names(session: Session) -> set[str]:
    return set(session.scalars(select(Customer.name)))


def customer(session: Session, name: str) -> Customer:
    found = select(Customer).where(Customer.name == name)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def test_customers_whom_nobody_touched_go_with_everything_that_came_with_them(
    session: Session, bring: Bring, by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing_undo, "CUSTOMERS_A_STEP", 2)
    make_customer(session, name="老客", phone="13800138009")
    item = bring("".join(f"王芳{n},1380013800{n},杭州,,会员,,\n" for n in range(5)))
    assert importing_undo.can_be_undone(item, now=LATER)
    take_back(session, item, by)
    assert item.state is ImportState.UNDONE
    assert item.undone["removed"] == 5
    assert names(session) == {"老客"}
    assert session.scalars(select(ContactPoint.address)).all() == ["+8613800138009"]
    assert session.scalar(select(func.count(ContactSubject.id))) == 1
    acts = select(AuditEntry.action).where(AuditEntry.thing == f"import:{item.id}")
    assert session.scalars(acts.order_by(AuditEntry.id)).all() == ["imports.undo", "imports.undone"]


def test_who_was_changed_or_used_since_stays_with_the_reason(
    session: Session, bring: Bring, by: User
) -> None:
    item = bring("".join(f"客户{n},1380013800{n},,,,,\n" for n in range(6)))
    edited, ordered, contacted = (customer(session, f"客户{n}") for n in (0, 1, 2))
    wanted = EditCustomer(name="客户0", phone=edited.phone, region="上海", version=1)
    customers.edit(session, edited, wanted, by=by, now=LATER)
    make_order(session, ordered)
    make_followup(session, contacted, owner=by)
    tags.put(session, customer(session, "客户3"), PutTag("亲自加的"), by=by, now=LATER)
    session.commit()
    take_back(session, item, by, now=LATER + timedelta(hours=1))
    assert names(session) == {"客户0", "客户1", "客户2", "客户3"}
    assert item.undone | {"by_id": 0} == {
        "by_id": 0, "removed": 2, "restored": 0, "changed": 1, "used": 3,
    }  # fmt: skip


def test_changed_customers_get_back_what_they_were(
    session: Session, bring: Bring, by: User
) -> None:
    owner, other = make_user(session, name="李娜"), make_user(session, name="周婷")
    known = make_customer(session, name="王芳", phone="13800138000", region="杭州", owner=owner)
    make_tag(session, "原有", customer=known)
    item = bring("王小芳,13800138000,上海,老客,会员,新的备注,周婷\n", existing="replace")
    changed = customer(session, "王小芳")
    assert (changed.owner_id, changed.stage) == (other.id, Stage.REGULAR)
    hands = select(OwnerChange.before_id, OwnerChange.after_id, OwnerChange.reason).order_by(
        OwnerChange.id
    )
    assert [tuple(row) for row in session.execute(hands)] == [
        (owner.id, other.id, OwnerReason.ASSIGNED)
    ]
    take_back(session, item, by)
    assert session.execute(hands).all()[-1].reason is OwnerReason.UNDONE
    back = customer(session, "王芳")
    assert (back.id, back.region, back.note, back.owner_id) == (known.id, "杭州", "", owner.id)
    assert (back.stage, back.name_pinyin, back.version) == (Stage.PROSPECT, "wangfang", 3)
    put_on = select(Tag.name).join(CustomerTag).where(CustomerTag.customer_id == back.id)
    assert session.scalars(put_on).all() == ["原有"]
    assert item.undone["restored"] == 1


def test_who_was_edited_after_the_import_keeps_the_edit(
    session: Session, bring: Bring, by: User
) -> None:
    make_customer(session, name="王芳", phone="13800138000")
    item = bring("王芳,13800138000,上海,,,,\n")
    changed = customer(session, "王芳")
    wanted = EditCustomer(name="王芳", phone="13800138000", region="苏州", version=changed.version)
    customers.edit(session, changed, wanted, by=by, now=LATER)
    session.commit()
    take_back(session, item, by, now=LATER + timedelta(hours=1))
    assert customer(session, "王芳").region == "苏州"
    assert (item.undone["changed"], item.undone["restored"]) == (1, 0)


def test_after_a_week_or_a_second_time_nothing_is_taken_back(
    session: Session, bring: Bring, by: User
) -> None:
    item = bring("王芳,13800138000,,,,,\n")
    with pytest.raises(Conflict) as late:
        importing_undo.undo(session, item, by=by, now=NOW + timedelta(days=8))
    assert late.value.code == "import.undo_too_late"
    take_back(session, item, by)
    with pytest.raises(Conflict) as again:
        importing_undo.undo(session, item, by=by, now=LATER)
    assert again.value.code == "import.undo_not_over"


def test_an_undo_that_is_killed_goes_on(
    session: Session, bring: Bring, by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing_undo, "CUSTOMERS_A_STEP", 2)
    item = bring("".join(f"客户{n},1380013800{n},,,,,\n" for n in range(5)))
    importing_undo.undo(session, item, by=by, now=LATER)
    session.commit()
    running = True
    while running:
        importing.advance_one(session, item, LATER)
        session.rollback()  # killed before its commit
        running = importing.advance_one(session, item, LATER)
        session.commit()
    assert (item.state, item.undone["removed"]) == (ImportState.UNDONE, 5)
    assert names(session) == set()
