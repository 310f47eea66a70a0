import csv
import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from crm.customers.models import Customer, Import, ImportRejection, ImportState
from crm.customers.services import importing
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.imports import make_import
from tests.factories.users import make_user

ClientFor = Callable[[User], FlaskClient]
SHEET = "姓名,手机,区域2\n王芳,138 0013 8000,西湖\n李娜,1380013800,滨江\n"


@pytest.fixture
def lead(session: Session) -> User:
    return make_user(session, name="孙立", role="lead")


@pytest.fixture
def client(client_for: ClientFor, lead: User) -> FlaskClient:
    return client_for(lead)


def upload(client: FlaskClient, content: bytes, **form: str) -> TestResponse:
    file = (io.BytesIO(content), "客户台账.csv")
    return client.post("/imports/", data={"file": file, "kind": "customers", **form})


def only_import(session: Session) -> Import:
    found = select(Import).execution_options(populate_existing=True)
    return session.scalars(found).one()


def work(session: Session) -> None:
    """What the worker does."""
    while importing.advance(session, NOW):
        session.commit()
    session.commit()


def test_a_sheet_is_uploaded_mapped_read_in_and_its_bad_row_comes_back(
    session: Session, client: FlaskClient
) -> None:
    sent = upload(client, SHEET.encode("gb18030"))
    item = only_import(session)
    assert (sent.status_code, sent.location) == (303, f"/imports/{item.id}")
    assert (item.state, item.encoding, item.row_count) == (ImportState.PREPARED, "gb18030", 2)
    assert session.scalar(select(func.count(Customer.id))) == 0

    mapped = client.get(sent.location).text
    assert "客户台账.csv" in mapped
    assert '<option value="phone" selected>' in mapped
    assert "西湖 · 滨江" in mapped

    run = client.post(
        f"/imports/{item.id}/run",
        data={"column.0": "name", "column.1": "phone", "column.2": "region", "existing": "fill"},
    )
    assert run.status_code == 303
    assert "hx-trigger" in client.get(sent.location).text
    work(session)

    result = client.get(sent.location).text
    assert "1 row was not taken" in result
    assert "1380013800" in result
    made = session.scalars(select(Customer)).one()
    assert (made.name, made.region) == ("王芳", "西湖")

    refused = client.get(f"/imports/{item.id}/refused.csv")
    assert refused.mimetype == "text/csv"
    assert "attachment" in refused.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(refused.get_data().decode("utf-8-sig"))))
    assert rows[0] == ["姓名", "手机", "区域2", "Row", "Reason"]
    assert rows[1][:4] == ["李娜", "1380013800", "滨江", "3"]
    assert "1380013800" in rows[1][4]


def test_a_corrected_file_of_refused_rows_can_be_imported_again(
    session: Session, client: FlaskClient
) -> None:
    upload(client, "姓名,手机\n=李娜,12\n".encode())
    item = only_import(session)
    client.post(f"/imports/{item.id}/run", data={"column.0": "name", "column.1": "phone"})
    work(session)
    refused = client.get(f"/imports/{item.id}/refused.csv").get_data()
    assert "'=李娜".encode() in refused  # harmless in a spreadsheet program

    again = upload(client, refused.replace(b"12,", b"13800138001,"))
    path = str(again.location)
    client.post(f"{path}/run", data={"column.0": "name", "column.1": "phone"})
    work(session)
    assert session.scalars(select(Customer.name)).all() == ["=李娜"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04...", "The file is damaged or cut off."),
        (b"%PDF-1.7", "This is neither CSV nor an Excel workbook"),
        ("姓名,姓名\n1,2\n".encode(), "stands in the header twice"),
    ],
)
def test_a_bad_file_is_refused_on_the_page_and_leaves_nothing(
    session: Session, client: FlaskClient, content: bytes, text: str
) -> None:
    answer = upload(client, content)
    assert answer.status_code == 422
    assert text in answer.text
    assert session.scalar(select(func.count(Import.id))) == 0


def test_no_file_is_said_so(client: FlaskClient) -> None:
    answer = client.post("/imports/", data={"kind": "customers"})
    assert (answer.status_code, "Choose a file first." in answer.text) == (422, True)


def test_a_field_for_two_columns_and_a_mapping_without_a_name_are_refused(
    session: Session, client: FlaskClient
) -> None:
    upload(client, SHEET.encode())
    item = only_import(session)
    twice = client.post(f"/imports/{item.id}/run", data={"column.0": "name", "column.1": "name"})
    assert (twice.status_code, "chosen for two columns" in twice.text) == (422, True)
    nobody = client.post(f"/imports/{item.id}/run", data={"column.2": "region"})
    assert (nobody.status_code, "lacks a column for" in nobody.text) == (422, True)
    assert only_import(session).state is ImportState.PREPARED


def test_a_running_import_is_not_started_twice_and_can_be_stopped(
    session: Session, client: FlaskClient
) -> None:
    upload(client, SHEET.encode())
    item = only_import(session)
    address = f"/imports/{item.id}"
    assert client.post(f"{address}/run", data={"column.0": "name"}).status_code == 303
    assert client.post(f"{address}/run", data={"column.0": "name"}).status_code == 409
    assert client.post(f"{address}/cancellation").status_code == 303
    work(session)
    assert only_import(session).state is ImportState.CANCELLED
    assert session.scalar(select(func.count(Customer.id))) == 0
    assert client.post(f"{address}/cancellation").status_code == 409


def test_what_a_file_holds_is_shown_escaped(session: Session, client: FlaskClient) -> None:
    upload(client, "姓名,<script>alert(1)</script>\n<img src=x onerror=alert(1)>,1\n".encode())
    item = only_import(session)
    shown = client.get(f"/imports/{item.id}").text
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "&lt;img src=x" in shown


def test_the_list_shows_a_lead_the_teams_imports_only(
    session: Session, client: FlaskClient, lead: User
) -> None:
    make_import(session, owner=lead)
    other = make_import(session, owner=make_user(session, name="陈晨", role="admin"))
    other.file_name = "别组.csv"
    session.commit()
    shown = client.get("/imports/").text
    assert "客户台账.csv" in shown
    assert "别组.csv" not in shown


def test_many_refused_rows_all_come_back(session: Session, client: FlaskClient) -> None:
    upload(client, ("姓名,手机\n" + ",\n" * 2_500).encode())
    item = only_import(session)
    client.post(f"/imports/{item.id}/run", data={"column.0": "name", "column.1": "phone"})
    work(session)
    assert session.scalar(select(func.count(ImportRejection.id))) == 2_500
    refused = client.get(f"/imports/{item.id}/refused.csv").get_data().decode("utf-8-sig")
    assert len(refused.splitlines()) == 2_501
