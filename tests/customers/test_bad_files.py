"""The bad-input corpus of imports: each file or row has its named refusal, or is read right."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from xlsxwriter import Workbook

from crm.core.errors import Invalid
from crm.core.spreadsheet import Limits
from crm.customers.models import Customer, Import, ImportKind, ImportRejection
from crm.customers.services import importing, importing_files
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.workbooks import drawn, zipped
from tests.customers.workbooks import workbook as make_book
from tests.factories.users import make_user

ClientFor = Callable[[User], FlaskClient]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


def bring(
    session: Session, path: Path, by: User, *, name: str = "", limits: Limits | None = None
) -> Import:
    wanted = NewImport(ImportKind.CUSTOMERS, path, name or path.name, limits=limits)
    item = importing.start(session, wanted, by=by, now=NOW)
    session.commit()
    while importing.advance_one(session, item, NOW):
        session.commit()
    session.commit()
    return item


def codes(session: Session, item: Import) -> list[str]:
    found = select(ImportRejection.code).where(ImportRejection.import_id == item.id)
    return list(session.scalars(found.order_by(ImportRejection.line)))


CSV, XLSX = "a.csv", "a.xlsx"
MIXED = "姓名\n王芳\n李娜\n".encode() + "赵云\n".encode("gbk")


def with_parts(*parts: tuple[str, bytes]) -> bytes:
    return zipped(("xl/workbook.xml", b""), *parts)


FILES = [
    # B1
    ("B1 empty", CSV, b"", "file_empty"),
    ("B1 only a BOM", CSV, b"\xef\xbb\xbf", "file_empty"),
    ("B1 only a header", CSV, "姓名,手机\n".encode(), "no_rows"),
    # B2
    ("B2 two encodings", CSV, MIXED, "encoding_invalid"),
    ("B2 no known encoding", CSV, b"name\n\xff\xff\xff\n", "encoding_unknown"),
    # B3
    ("B3 open quote", CSV, 'name\n"王芳\n'.encode(), "csv_malformed"),
    ("B3 10 MB in one field", CSV, b"name\n" + b"x" * (10 << 20) + b"\n", "field_too_long"),
    ("B3 NUL", CSV, b"name\nWa\0ng\n", "control_character"),
    # B4
    ("B4 a header twice", CSV, "姓名, 姓 名\u200b\n1,2\n".encode(), "header_duplicate"),
    ("B4 no column that names anybody", CSV, "颜色,尺寸\n红,大\n".encode(), "header_missing"),
    # B5
    ("B5 a CSV called xlsx", XLSX, "姓名\n王芳\n".encode(), "file_type_mismatch"),
    ("B5 HTML called xlsx", XLSX, b"<html><table/></html>", "file_type_mismatch"),
    ("B5 xls", "a.xls", OLE + "Workbook".encode("utf-16-le"), "old_format"),
    ("B5 xls called xlsx", XLSX, OLE, "old_format"),
    ("B5 with a password", XLSX, OLE + "EncryptedPackage".encode("utf-16-le"), "xlsx_encrypted"),
    ("B5 a zip without a workbook", XLSX, zipped(("a.txt", b"a")), "file_type_mismatch"),
    ("B5 truncated", XLSX, zipped(("xl/workbook.xml", b"<workbook/>"))[:-30], "file_corrupt"),
    ("B5 numbers", "a.numbers", zipped(("Index/Document.iwa", b"x")), "numbers_format"),
    # B6
    ("B6 a bomb", XLSX, zipped(("xl/workbook.xml", b" " * (20 << 20))), "file_too_large_unpacked"),
    ("B6 a zip in a zip", XLSX, with_parts(("xl/a.zip", b"PK")), "file_unsafe"),
    ("B6 10,000 members", XLSX, zipped(*((f"{n}", b"") for n in range(10_000))), "file_unsafe"),
    ("B6 a declaration", XLSX, zipped(("xl/workbook.xml", b"<!DOCTYPE a><a/>")), "file_unsafe"),
    ("B6 an external link", XLSX, with_parts(("xl/externalLinks/1.xml", b"")), "file_unsafe"),
    ("B6 a macro", "a.xlsm", with_parts(("xl/vbaProject.bin", b"")), "file_unsafe"),
    # B9
    ("B9 201 columns", CSV, b",".join(b"%d" % n for n in range(201)) + b"\n", "too_many_columns"),
    ("B9 a row too many", CSV, b"name\n" + b"x\n" * 51, "too_many_rows"),
    # B14: there are no avatars and no attachments; an import takes no picture either
    ("B14 SVG", "a.svg", b"<?xml version='1.0'?>" + SVG, "file_type_mismatch"),
    ("B14 PNG", "a.png", b"\x89PNG\r\n", "file_type_mismatch"),
    ("B14 PDF and HTML at once", CSV, b"%PDF-1.7\n<script>", "file_type_mismatch"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "code"), [one[1:] for one in FILES], ids=[one[0] for one in FILES]
)
def test_a_bad_file_is_refused_by_name_and_leaves_nothing(
    session: Session, tmp_path: Path, by: User, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    folder = importing_files.file_of(session, Import(public_id="x")).parent
    before = set(folder.iterdir())
    with pytest.raises(Invalid) as refused:
        bring(session, path, by, name=name, limits=Limits(rows=50))
    assert refused.value.code == f"import.{code}"
    session.rollback()
    assert session.scalar(select(func.count(Customer.id))) == 0
    if code != "header_missing":  # the file is good, only nobody has said what it means
        assert set(folder.iterdir()) == before


TEXT = "姓名,手机\n王芳,13800138000\n㴪海渔村𠮷😀,\n"


@pytest.mark.parametrize(
    "content",
    [
        *(TEXT.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16")),
        *(TEXT.replace(",", mark).encode() for mark in (";", "\t", "，")),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        ("2026 年客户名单\n\n" + TEXT).encode(),
    ],
    ids=["utf-8", "bom", "gb18030", "utf-16", ";", "tab", "，", "crlf", "cr", "title"],
)
def test_what_programs_write_is_read_right(
    session: Session, tmp_path: Path, by: User, content: bytes
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert bring(session, path, by).rejected_count == 0
    made = session.execute(select(Customer.name, Customer.phone).order_by(Customer.id)).all()
    assert [tuple(row) for row in made] == [("王芳", "+8613800138000"), ("㴪海渔村𠮷😀", None)]


def test_what_a_workbook_has_lost_comes_back_row_by_row(
    session: Session, tmp_path: Path, by: User
) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["客户编号", "姓名", "手机"])
        sheet.write_row(1, 0, ["C1", "王芳", 13800138000])  # a number with all its digits
        sheet.write_row(2, 0, ["C2", "李娜", "1.38E+10"])
        sheet.write_row(3, 0, [330102199001011234, "张伟", ""])
        sheet.write_row(4, 0, ["C4"])
        sheet.write_formula(4, 1, "=1/0", None, "#DIV/0!")
        sheet.write_row(5, 0, ["C5"])
        sheet.write_formula(5, 1, "=A1", None, "")
        sheet.write_row(6, 0, ["0017", "赵云", "013800138001"])
        sheet.write_formula(7, 1, '="马"&"超"', None, "马超")

    item = bring(session, drawn(tmp_path / "a.xlsx", fill), by)
    assert codes(session, item) == [
        "customers.phone_as_number",
        "customers.phone_as_number",
        "import.cell_error",
        "import.cell_error",
    ]
    found = session.execute(select(Customer.external_id, Customer.name).order_by(Customer.id))
    assert [tuple(row) for row in found] == [("C1", "王芳"), ("0017", "赵云"), (None, "马超")]


@pytest.mark.parametrize(
    ("email", "is_taken"),
    [
        ("wang.example.com", False),
        ("a@b@example.com", False),
        ('"wang@example.com\r\nBcc: x@example.com"', False),
        ("王芳 <wang@example.com>", False),
        ("王芳@example.com", False),
        (f"{'x' * 250}@example.com", False),
        ("wang@例子.中国", True),
        ("Wang@Example.COM", True),
    ],
)
def test_an_e_mail_address_is_taken_or_refused_with_the_reason(
    session: Session, tmp_path: Path, by: User, email: str, *, is_taken: bool
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"姓名,邮箱\n王芳,{email}\n".encode())
    item = bring(session, path, by)
    assert codes(session, item) == ([] if is_taken else ["customers.email_invalid"])
    assert item.created_count == int(is_taken)


@pytest.mark.parametrize(
    "text",
    ["王😀芳", "\u202eevil", "z̸̢a̵l̶g̷o̸", "㴪𠮷𪚥", "<b>粗</b>", "' OR 1=1 --", "=1+1", " ＝cmd", "@x"],
)
def test_strange_text_is_stored_as_it_came(
    session: Session, tmp_path: Path, by: User, text: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"客户编号,姓名\nC1,{text}\n", encoding="utf-8")
    assert bring(session, path, by).created_count == 1
    assert session.scalar(select(Customer.name)) == text.strip()


def test_the_same_customer_in_many_spellings_is_made_once(
    session: Session, tmp_path: Path, by: User
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "姓名,手机,邮箱\n"
        "王芳,138 0013 8000,wang@example.com\n"
        "王芳,+86-138-0013-8000,\n"
        "王芳,0086 13800138000,\n"
        "王芳,,WANG@EXAMPLE.COM\n",
        encoding="utf-8",
    )
    item = bring(session, path, by)
    assert (item.created_count, codes(session, item)) == (1, ["import.repeated"] * 3)


def test_a_file_name_is_shown_and_never_used(
    session: Session, client_for: ClientFor, by: User
) -> None:
    client = client_for(by)
    for name in ("../../x.csv", "CON.csv", "长" * 300 + ".csv", '"; filename=.csv', "<i>x.csv"):
        file = (io.BytesIO("姓名\n王芳\n".encode()), name)
        sent = client.post("/imports/", data={"file": file, "kind": "customers"})
        assert sent.status_code == 303
        assert "<i>x" not in client.get(str(sent.location)).text
    kept = {importing_files.file_of(session, one) for one in session.scalars(select(Import))}
    assert all(path.exists() and path.parent.name == "imports" for path in kept)


def test_a_workbook_with_unseen_columns_lists_what_it_does_not_read(
    session: Session, client_for: ClientFor, by: User, tmp_path: Path
) -> None:
    del session
    path = make_book(tmp_path / "a.xlsx", ("客户", [["姓名", "颜色"], ["王芳", "红"]]))
    file = (io.BytesIO(path.read_bytes()), "a.xlsx")
    client = client_for(by)
    sent = client.post("/imports/", data={"file": file, "kind": "customers"})
    assert "1 not read in" in client.get(str(sent.location)).text


@pytest.mark.real_data
def test_naughty_strings_are_stored_as_they_came_and_shown_harmless(
    session: Session, client_for: ClientFor, by: User, tmp_path: Path, data_dir: Path
) -> None:
    strings = json.loads((data_dir / "import_fixtures/strings/blns.json").read_text("utf-8"))
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["客户编号", "备注"])
        writer.writerows([f"C{number}", text] for number, text in enumerate(strings))
    item = bring(session, path, by)
    assert set(codes(session, item)) <= {"import.row_control_character", "import.cell_error"}
    made = session.execute(select(Customer.external_id, Customer.note)).all()
    assert len(made) + item.rejected_count == len(strings)
    for number, note in made:
        text = strings[int(str(number)[1:])].strip()
        assert note in {text, text.removeprefix("'")}, text
    refused = client_for(by).get(f"/imports/{item.id}")
    assert "<script>alert" not in refused.text
