from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict
from crm.customers.models import (
    Customer,
    Import,
    ImportKind,
    ImportRejection,
    ImportSighting,
    ImportState,
    Order,
)
from crm.customers.services import importing, importing_files
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_user

Upload = Callable[..., Import]
HEADER = "客户编号,客户名称,手机,邮箱,地区,标签\n"
MESSY = (
    HEADER
    + "C1,王芳,13800138000,,杭州,会员\n"  # known by phone, gets a number, a region and a tag
    + "C2,李娜,13800138001,,,\n"
    + ",张伟,138-0013-8002,,,\n"
    + "C2,李娜,13800138001,,,\n"  # the same number again
    + ",张伟,13800138002,,,\n"  # the same phone again
    + "C3,赵云,1380013800,,,\n"  # too short
    + ",马超,,ma@example.com,,\n"
    + ",马超,,MA@example.com,,\n"  # the same address again
    + ",王芳,13800138000,,,\n"  # the known one again
    + ",老客,13800138009,,,\n"  # known, nothing new
)


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


@pytest.fixture
def upload(session: Session, tmp_path: Path, by: User) -> Upload:
    def uploaded(text: str, kind: ImportKind = ImportKind.CUSTOMERS) -> Import:
        path = tmp_path / "sheet.csv"
        path.write_text(text, encoding="utf-8")
        wanted = NewImport(kind, path, path.name, source="门店")
        return importing.upload(session, wanted, by=by, now=NOW)

    return uploaded


def work(session: Session, item: Import) -> None:
    while importing.advance_one(session, item, NOW):
        session.commit()
    session.commit()


def counts(item: Import) -> tuple[int, int, int, int]:
    return item.created_count, item.updated_count, item.unchanged_count, item.rejected_count


def codes(session: Session, item: Import) -> dict[int, str]:
    found = select(ImportRejection.line, ImportRejection.code).where(
        ImportRejection.import_id == item.id
    )
    return {row.line: row.code for row in session.execute(found)}


@pytest.mark.parametrize("rows_a_step", [2, 3, 4_000])
def test_a_check_foretells_what_the_import_does_and_writes_nothing(
    session: Session,
    upload: Upload,
    by: User,
    monkeypatch: pytest.MonkeyPatch,
    rows_a_step: int,
) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", rows_a_step)
    make_customer(session, name="王芳", phone="13800138000")
    make_customer(session, name="老客", phone="13800138009", source="门店")
    item = upload(MESSY)
    importing.check(session, item, importing.mapping_of(item), by=by, now=NOW)
    work(session, item)
    foretold, reasons = (counts(item), codes(session, item)), dict(item.reasons)
    assert (item.state, foretold[0]) == (ImportState.CHECKED, (3, 1, 1, 5))
    assert reasons == {"import.repeated": 4, "customers.phone_invalid": 1}
    assert session.scalar(select(func.count(Customer.id))) == 2
    assert session.scalar(select(func.count()).select_from(ImportSighting)) == 0

    importing.begin(session, item, importing.mapping_of(item), by=by, now=NOW)
    work(session, item)
    assert (item.state, codes(session, item)) == (ImportState.DONE, foretold[1])
    assert counts(item) == foretold[0]
    assert item.reasons == reasons
    assert sum(counts(item)) == item.row_count
    assert session.scalar(select(func.count(Customer.id))) == 5


@pytest.mark.parametrize("rows_a_step", [1, 4_000])
def test_orders_are_checked_before_they_are_written(
    session: Session,
    upload: Upload,
    by: User,
    monkeypatch: pytest.MonkeyPatch,
    rows_a_step: int,
) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", rows_a_step)
    make_order(session, source="门店", number="N2", amount_fen=1_000)
    text = (
        "订单编号,订单创建时间,买家实际支付金额,联系手机\n"
        "N1,2026-11-01 10:00:00,12.00,13800138000\n"
        "N2,2026-11-01 10:00:00,99.00,\n"
        "N1,2026-11-01 10:00:00,12.00,13800138000\n"
        "N3,gestern,12.00,\n"
    )
    item = upload(text, ImportKind.ORDERS)
    importing.check(session, item, importing.mapping_of(item), by=by, now=NOW)
    work(session, item)
    foretold = counts(item)
    assert foretold == (1, 1, 0, 2)
    assert session.scalar(select(func.count(Order.id))) == 1
    importing.begin(session, item, importing.mapping_of(item), by=by, now=NOW)
    work(session, item)
    assert counts(item) == foretold


def test_the_columns_can_be_changed_after_a_check(
    session: Session, upload: Upload, by: User
) -> None:
    item = upload(MESSY)
    importing.check(session, item, importing.mapping_of(item), by=by, now=NOW)
    work(session, item)
    importing.change_mapping(session, item, by=by)
    assert item.state is ImportState.PREPARED
    assert (counts(item), item.position, item.reasons) == ((0, 0, 0, 0), 0, {})
    assert codes(session, item) == {}
    with pytest.raises(Conflict):
        importing.change_mapping(session, item, by=by)


def test_files_are_kept_for_a_week_and_waiting_imports_given_up(
    session: Session, upload: Upload, by: User
) -> None:
    done, waiting, fresh = upload(MESSY), upload(MESSY), upload(MESSY)
    importing.begin(session, done, importing.mapping_of(done), by=by, now=NOW)
    work(session, done)
    fresh.created_at = NOW + timedelta(days=7)
    session.commit()
    importing_files.forget_old(session, NOW + timedelta(days=6))
    assert all(importing_files.file_of(session, one).exists() for one in (done, waiting, fresh))
    importing_files.forget_old(session, NOW + timedelta(days=8))
    assert importing_files.file_of(session, fresh).exists()
    assert not importing_files.file_of(session, done).exists()
    assert not importing_files.file_of(session, waiting).exists()
    states = (ImportState.DONE, ImportState.CANCELLED, ImportState.PREPARED)
    assert (done.state, waiting.state, fresh.state) == states


def test_what_the_columns_mean_is_remembered_for_the_next_file(
    session: Session, upload: Upload, by: User
) -> None:
    text = "谁,电话一\n王芳,13800138000\n"
    first = upload(text)
    assert importing.mapping_of(first).columns == {}
    mapping = importing.mapping_of(first)
    told = type(mapping)(
        kind="customers", columns={"name": "谁", "phone": "电话一"}, existing="merge"
    )
    importing.begin(session, first, told, by=by, now=NOW)
    work(session, first)

    again = importing.mapping_of(upload(text.replace("谁", " 谁 ")))
    assert again.columns == {"name": "谁", "phone": "电话一"}
    assert again.existing == "merge"
    other = importing.mapping_of(upload("谁,电话二\n王芳,1\n"))
    assert other.columns == {}
