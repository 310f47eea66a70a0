"""Files that speak of the profile and of the company's own fields."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, undefer

from crm.core.errors import Invalid
from crm.customers.models import (
    Customer,
    FieldKind,
    Import,
    ImportKind,
    ImportRejection,
    PurchasingPower,
    Sex,
)
from crm.customers.rules import mappings
from crm.customers.services import custom_fields, importing, importing_mappings, importing_undo
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.imports import run
from tests.factories.custom_fields import make_field
from tests.factories.customers import make_customer
from tests.factories.users import make_user

ClientFor = Callable[[object], FlaskClient]
SKIN = ("干性", "油性", "敏感")


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


def _read(session: Session, by: User, folder: Path, text: str, existing: str = "fill") -> Import:
    path = folder / "customers.csv"
    path.write_text(text, encoding="utf-8")
    wanted = NewImport(kind=ImportKind.CUSTOMERS, path=path, file_name=path.name)
    item = importing.upload(session, wanted, by=by, now=NOW)
    mapping = importing.mapping_of(item).as_json() | {"existing": existing}
    known = mappings.from_json(mapping, kind="customers")
    return run(session, path, ImportKind.CUSTOMERS, by=by, mapping=known)


def _customer(session: Session, name: str) -> Customer:
    found = select(Customer).where(Customer.name == name).options(undefer(Customer.custom))
    return session.scalars(found.execution_options(populate_existing=True)).one()


def test_a_file_fills_the_profile_and_fields_that_its_header_names(
    session: Session, by: User, tmp_path: Path
) -> None:
    skin = make_field(session, FieldKind.MULTI_CHOICE, "肤质", choices=SKIN)
    budget = make_field(session, FieldKind.MONEY, "预算")
    item = _read(
        session,
        by,
        tmp_path,
        "姓名,生日,性别,积分,购买力,兴趣偏好,获客渠道,会员级别,肤质,预算\n"
        '王芳,1990/8/6,女,"1,200",高,露营,抖音,金卡,敏感；干性,¥300.50\n'
        "李明,,,,,,,,,\n",
    )
    assert (item.created_count, item.rejected_count) == (2, 0)
    fang = _customer(session, "王芳")
    assert fang.custom == {skin.key: ["c1", "c3"], budget.key: 30_050}
    assert (fang.birth_on, fang.sex, fang.points) == (date(1990, 8, 6), Sex.FEMALE, 1_200)
    assert (fang.interests, fang.channel, fang.member_level) == ("露营", "抖音", "金卡")
    assert fang.purchasing_power is PurchasingPower.HIGH
    ming = _customer(session, "李明")
    assert (ming.custom, ming.birth_on, ming.channel) == ({}, None, "")


@pytest.mark.parametrize(
    ("header", "cell", "code"),
    [
        ("生日", "很久以前", "import.date_invalid"),
        ("性别", "不明", "import.value_unknown"),
        ("积分", "-1", "core.number_invalid"),
        ("肤质", "混合", "customers.custom_choice"),
        ("孩子", "12345678901234567", "core.number_invalid"),
        ("备注二", "x" * 2_001, "import.value_too_long"),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_by_name_and_the_others_are_taken(
    session: Session, by: User, tmp_path: Path, header: str, cell: str, code: str
) -> None:
    make_field(session, FieldKind.CHOICE, "肤质", choices=SKIN)
    make_field(session, FieldKind.NUMBER, "孩子")
    make_field(session, FieldKind.TEXT, "备注二")
    item = _read(session, by, tmp_path, f"姓名,{header}\n王芳,{cell}\n李明,\n")
    assert (item.created_count, item.rejected_count) == (1, 1)
    refused = session.scalars(select(ImportRejection)).one()
    assert refused.code == code
    assert refused.field


@pytest.mark.parametrize(
    ("existing", "skin", "level"),
    [
        ("fill", "c1", "银卡"),
        ("merge", "c1", "银卡"),
        ("replace", "c2", "金卡"),
        ("skip", "c1", "银卡"),
    ],
)
def test_what_is_known_already_follows_the_choice_and_comes_back_by_an_undo(
    session: Session, by: User, tmp_path: Path, existing: str, skin: str, level: str
) -> None:
    held = make_field(session, FieldKind.CHOICE, "肤质", choices=SKIN)
    number = make_field(session, FieldKind.NUMBER, "孩子")
    before = {held.key: "c1"}
    make_customer(session, name="王芳", phone="13800138000", custom=before, member_level="银卡")
    session.commit()
    text = "姓名,手机,会员级别,肤质,孩子\n王芳,13800138000,金卡,油性,2\n"
    item = _read(session, by, tmp_path, text, existing)

    fang = _customer(session, "王芳")
    assert fang.custom == {held.key: skin} | ({number.key: "2"} if existing != "skip" else {})
    assert fang.member_level == level

    if existing != "skip":
        importing_undo.undo(session, item, by=by, now=NOW + timedelta(hours=1))
        while importing.advance_one(session, item, NOW + timedelta(hours=1)):
            session.commit()
        fang = _customer(session, "王芳")
        assert (fang.custom, fang.member_level) == (before, "银卡")


def test_a_mapping_to_a_field_that_is_gone_is_refused_and_forgotten(
    session: Session, by: User, tmp_path: Path
) -> None:
    field = make_field(session, FieldKind.TEXT, "肤质")
    text = "姓名,肤质\n王芳,干性\n"
    mapping = mappings.Mapping("customers", {"name": "姓名", field.name: "肤质"})
    path = tmp_path / "customers.csv"
    path.write_text(text, encoding="utf-8")
    wanted = NewImport(kind=ImportKind.CUSTOMERS, path=path, file_name=path.name)
    item = importing.upload(session, wanted, by=by, now=NOW)
    importing_mappings.remember(session, item, mapping, by=by, now=NOW)
    custom_fields.archive(session, field, by=by, now=NOW)
    with pytest.raises(Invalid, match=r"import\.mapping_invalid"):
        importing.begin(session, item, mapping, by=by, now=NOW)
    assert importing_mappings.understood(session, item, source="").columns == {"name": "姓名"}


def test_a_file_without_such_columns_asks_nothing_more(
    session: Session, by: User, tmp_path: Path, engine: Engine
) -> None:
    make_field(session)
    make_customer(session, name="王芳", phone="13800138000")
    with count_queries(engine) as seen:
        _read(session, by, tmp_path, "姓名,手机\n王芳,13800138000\n李明,13800138001\n")
    assert not any("member_level" in one for one in seen)


def test_the_page_offers_the_fields_and_shows_what_cells_become(
    session: Session, by: User, tmp_path: Path, client_for: ClientFor
) -> None:
    field = make_field(session, FieldKind.CHOICE, "肤质", choices=SKIN)
    path = tmp_path / "customers.csv"
    path.write_text("姓名,肤质,生日\n王芳,c2,1990年8月6日\n李明,混合,\n", encoding="utf-8")
    wanted = NewImport(kind=ImportKind.CUSTOMERS, path=path, file_name=path.name)
    item = importing.upload(session, wanted, by=by, now=NOW)
    session.commit()
    browser = client_for(by)
    page = browser.get(f"/imports/{item.id}").get_data(as_text=True)
    assert f'<option value="{field.name}" selected>肤质</option>' in page
    assert "油性" in page
    assert "1990-08-06" in page
    assert "肤质: " in page
    assert "肤质" in browser.get("/imports/template.csv").get_data(as_text=True)
