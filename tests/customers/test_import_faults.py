"""Faults that other programs have had with imports; the numbers are those of peer-faults.md."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.customers.models import Customer, Import, ImportKind, ImportRejection, Order
from crm.customers.rules import mappings
from crm.outreach.models import Suppression
from crm.users.models import User
from tests.counting import count_queries
from tests.customers.imports import documented, run
from tests.customers.workbooks import workbook
from tests.factories.customers import make_customer
from tests.factories.outreach import make_suppression
from tests.factories.users import make_user

ClientFor = Callable[[User], FlaskClient]


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "a.csv"
    path.write_bytes(text.encode(encoding))
    return path


def counts(item: Import) -> tuple[int, int, int, int]:
    return item.created_count, item.updated_count, item.unchanged_count, item.rejected_count


def test_t28_an_import_that_updates_leaves_do_not_contact_alone(
    session: Session, tmp_path: Path, by: User
) -> None:
    known = make_customer(session, name="王芳", phone="13800138000")
    make_suppression(session, known, by=by)
    before = session.execute(select(Suppression.__table__)).all()
    path = write(tmp_path, "姓名,手机,地区\n王小芳,13800138000,上海\n")
    mapping = mappings.from_json(
        {"columns": {"name": "姓名", "phone": "手机", "region": "地区"}, "existing": "replace"},
        kind="customers",
    )
    assert counts(run(session, path, ImportKind.CUSTOMERS, by=by, mapping=mapping))[1] == 1
    assert session.execute(select(Suppression.__table__)).all() == before


def test_t64_a_shops_export_in_gbk_with_its_own_marks_is_read_right(
    session: Session, tmp_path: Path, by: User
) -> None:
    text = (
        "订单编号,买家会员名,买家实际支付金额,订单状态,收货人姓名,联系手机,"
        "订单创建时间,订单付款时间,宝贝标题\n"
        '="2318000000000000001",tb王芳,128.00,交易成功,王芳,'
        "'13800138000,2026-11-11 00:01:02,2026-11-11 00:02:00,沙发\n"
        '="2318000000000000002",tb李娜,59.90,等待买家付款,李娜,'
        "'13800138001,2026-11-11 00:05:00,,茶几\n"
        '="2318000000000000003",tb王芳,1.00,付款以后用户退款成功，交易自动关闭,王芳,'
        "'13800138000,2026-11-12 08:00:00,,样布\n"
    )
    path = write(tmp_path, text, "gb18030")
    item = run(session, path, ImportKind.ORDERS, by=by)
    assert (item.encoding, counts(item)) == ("gb18030", (3, 0, 0, 0))
    found = session.execute(select(Order.number, Order.amount_fen).order_by(Order.number)).all()
    assert [tuple(row) for row in found] == [
        ("2318000000000000001", 12_800),
        ("2318000000000000002", 5_990),
        ("2318000000000000003", 100),
    ]
    buyers = select(Customer.name, Customer.phone, Customer.external_id).order_by(Customer.id)
    assert [tuple(row) for row in session.execute(buyers)] == [
        ("王芳", "+8613800138000", "tb王芳"),
        ("李娜", "+8613800138001", "tb李娜"),
    ]
    documented_one = documented("taobao_orders", ImportKind.ORDERS)
    again = run(session, path, ImportKind.ORDERS, by=by, mapping=documented_one)
    assert counts(again)[3] == 0


@pytest.mark.parametrize("name", ["taobao_orders", "youzan_orders"])
def test_the_documented_order_mappings_are_what_the_header_says_by_itself(name: str) -> None:
    mapping = documented(name, ImportKind.ORDERS)
    guessed = mappings.guess("orders", list(mapping.columns.values()))
    assert mapping.columns == guessed.columns


def test_the_documented_customer_mapping_can_be_read() -> None:
    assert documented("taobao_customers", ImportKind.CUSTOMERS).source == "淘宝"


def test_t65_phones_and_long_numbers_keep_every_digit_or_are_refused(
    session: Session, tmp_path: Path, by: User
) -> None:
    rows: list[list[object]] = [
        ["客户编号", "姓名", "手机"],
        ["330102199001011234", "王芳", "013800138000"],
        ["1", "李娜", "+86 138-0013-8001"],
        ["2", "张伟", 13800138002],
        ["3", "赵云", "1.38E+10"],
        [330102199001011234, "马超", ""],
    ]
    item = run(session, workbook(tmp_path / "a.xlsx", ("1", rows)), ImportKind.CUSTOMERS, by=by)
    assert counts(item) == (3, 0, 0, 2)
    found = session.execute(select(Customer.external_id, Customer.phone).order_by(Customer.id))
    assert [tuple(row) for row in found] == [
        ("330102199001011234", "+8613800138000"),
        ("1", "+8613800138001"),
        ("2", "+8613800138002"),
    ]
    refused = session.execute(select(ImportRejection.line, ImportRejection.code)).all()
    assert sorted(tuple(row) for row in refused) == [
        (5, "customers.phone_as_number"),
        (6, "customers.phone_as_number"),
    ]


def test_t66_the_same_file_again_in_capitals_with_blanks_makes_nobody(
    session: Session, tmp_path: Path, by: User
) -> None:
    first = "姓名,手机,邮箱\nWang Fang,13800138000,wang@example.com\nLi Na,,li@example.com\n"
    run(session, write(tmp_path, first), ImportKind.CUSTOMERS, by=by)
    again = (
        " 姓名 ,手机,邮箱\n WANG FANG ,138 0013 8000, WANG@EXAMPLE.COM \nLI NA,,LI@EXAMPLE.COM\n"
    )
    item = run(session, write(tmp_path, again), ImportKind.CUSTOMERS, by=by)
    assert counts(item) == (0, 0, 2, 0)
    assert sum(counts(item)) == item.row_count
    assert session.scalar(select(func.count(Customer.id))) == 2


def test_t68_formulas_are_stored_as_they_came(session: Session, tmp_path: Path, by: User) -> None:
    names = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "＝1+1"]
    rows = [["客户编号", "姓名"], *([f"C{n}", name] for n, name in enumerate(names))]
    run(session, workbook(tmp_path / "a.xlsx", ("1", rows)), ImportKind.CUSTOMERS, by=by)
    assert session.scalars(select(Customer.name).order_by(Customer.id)).all() == names


def test_the_pages_need_the_same_queries_however_many_rows_were_refused(
    session: Session, engine: Engine, tmp_path: Path, client_for: ClientFor, by: User
) -> None:
    client = client_for(by)
    few = run(session, write(tmp_path, "姓名,手机\n王芳,1\n"), ImportKind.CUSTOMERS, by=by)
    many = run(
        session, write(tmp_path, "姓名,手机\n" + "王芳,1\n" * 300), ImportKind.CUSTOMERS, by=by
    )
    counted = []
    for item in (few, few, many):
        with count_queries(engine) as queries:
            assert client.get(f"/imports/{item.id}").status_code == 200
        counted.append(len(queries))
    assert counted[1] == counted[2]
