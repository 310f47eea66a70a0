"""The pages between the upload and the result: sheets, readings, the check, taking back."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from crm.customers.models import Customer, Import, ImportState
from crm.customers.services import importing
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.workbooks import workbook
from tests.factories.users import make_user

ClientFor = Callable[[User], FlaskClient]
PEOPLE: list[list[object]] = [
    ["客户名单", ""],
    ["姓名", "手机"],
    ["王芳", 13800138000],
    ["李娜", "1380013800"],
]


@pytest.fixture
def client(session: Session, client_for: ClientFor) -> FlaskClient:
    return client_for(make_user(session, name="孙立", role="lead"))


def upload(client: FlaskClient, content: bytes, name: str, kind: str = "customers") -> TestResponse:
    return client.post("/imports/", data={"file": (io.BytesIO(content), name), "kind": kind})


def only_import(session: Session) -> Import:
    found = select(Import).execution_options(populate_existing=True)
    return session.scalars(found).one()


def work(session: Session) -> None:
    while importing.advance(session, NOW):
        session.commit()
    session.commit()


def test_a_workbook_goes_from_the_file_to_the_customers_in_four_steps(
    session: Session, client: FlaskClient, tmp_path: Path
) -> None:
    path = workbook(tmp_path / "a.xlsx", ("客户", PEOPLE))
    address = str(upload(client, path.read_bytes(), "客户.xlsx").location)
    mapped = client.get(address).text
    assert "13800138000" in mapped
    assert "is not a phone number" in mapped  # the preview marks what is wrong

    assert client.post(f"{address}/check", data={"column.0": "name", "column.1": "phone"})
    assert "nothing is written yet" in client.get(address).text
    work(session)
    checked = client.get(address).text
    assert "1 row needs correcting" in checked
    assert "Read in 1 row" in checked
    assert session.scalar(select(func.count(Customer.id))) == 0

    assert client.post(f"{address}/run").status_code == 303
    work(session)
    assert "Import done" in client.get(address).text
    assert session.scalars(select(Customer.phone)).all() == ["+8613800138000"]

    assert client.post(f"{address}/undo").status_code == 303
    work(session)
    assert "customers whom the import had made" in client.get(address).text
    assert session.scalar(select(func.count(Customer.id))) == 0


def test_of_several_sheets_one_is_chosen_on_a_page_of_its_own(
    session: Session, client: FlaskClient, tmp_path: Path
) -> None:
    path = workbook(tmp_path / "a.xlsx", ("说明", [["请看"]]), ("客户", PEOPLE))
    address = str(upload(client, path.read_bytes(), "a.xlsx").location)
    assert "Which sheet is to be read in?" in client.get(address).text
    assert client.post(f"{address}/run", data={"column.0": "name"}).status_code == 422
    assert client.post(f"{address}/reading", data={"sheet": "客户"}).status_code == 303
    item = only_import(session)
    assert (item.sheet, item.columns, item.row_count) == ("客户", ["姓名", "手机"], 2)
    assert importing.mapping_of(item).header_row == 2


def test_the_header_row_and_the_encoding_can_be_corrected(
    session: Session, client: FlaskClient
) -> None:
    address = str(upload(client, "姓名,手机\n王芳,1\n李娜,2\n".encode("big5"), "a.csv").location)
    data = {"encoding": "big5", "header_row": "2"}
    assert client.post(f"{address}/reading", data=data).status_code == 303
    item = only_import(session)
    assert (item.encoding, item.columns, item.row_count) == ("big5", ["王芳", "1"], 1)
    assert "The header holds values rather than names" in client.get(address).text
    client.post(f"{address}/reading", data={"encoding": "big5", "header_row": "0"})
    item = only_import(session)
    assert (item.columns, item.row_count) == (["#1", "#2"], 3)
    assert importing.mapping_of(item).header_row == 0
    wrong = client.post(f"{address}/reading", data={"encoding": "utf-8", "header_row": "1"})
    assert (wrong.status_code, "is not utf-8" in wrong.text) == (422, True)
    assert only_import(session).columns == ["#1", "#2"]  # as it was before


def test_the_preview_follows_the_columns_chosen(client: FlaskClient) -> None:
    address = str(upload(client, "甲,乙\n王芳,138 0013 8000\n".encode(), "a.csv").location)
    query = {"column.0": "name", "column.1": "phone", "existing": "fill"}
    answer = client.get(f"{address}/preview", query_string=query, headers={"HX-Request": "true"})
    assert "+8613800138000" in answer.text
    assert "<html" not in answer.text
    query = {"column.0": "name", "column.1": "owner"}
    assert "No colleague is called" in client.get(f"{address}/preview", query_string=query).text
    nothing = client.get(f"{address}/preview", query_string={"column.0": ""})
    assert "lacks a column for" in nothing.text


def test_what_known_customers_get_is_said_beside_the_choice(client: FlaskClient) -> None:
    shown = client.get(str(upload(client, "姓名\n王芳\n".encode(), "a.csv").location)).text
    for choice in ("fill", "merge", "replace", "skip"):
        assert f'value="{choice}"' in shown
        assert f'id="means-{choice}"' in shown


@pytest.mark.parametrize("kind", ["customers", "orders"])
def test_a_template_is_understood_without_being_told(
    session: Session, client: FlaskClient, kind: str
) -> None:
    text = client.get("/imports/template.csv", query_string={"kind": kind}).get_data()
    columns = text.decode("utf-8-sig").strip().split(",")
    upload(client, text + (b",".join([b"x"] * len(columns))), "template.csv", kind)
    item = only_import(session)
    assert item.columns == columns
    assert len(importing.mapping_of(item).columns) == len(columns)


def test_an_import_can_be_stopped_while_it_is_checked(
    session: Session, client: FlaskClient
) -> None:
    address = str(upload(client, "姓名\n王芳\n".encode(), "a.csv").location)
    client.post(f"{address}/check", data={"column.0": "name"})
    assert client.post(f"{address}/cancellation").status_code == 303
    work(session)
    assert only_import(session).state is ImportState.CANCELLED
