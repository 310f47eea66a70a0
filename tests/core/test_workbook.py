import csv
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from xlsxwriter import Workbook

from crm.core import workbook
from crm.core.errors import Invalid
from tests.customers.workbooks import drawn, with_part, with_sheet_xml, zipped
from tests.customers.workbooks import workbook as make

HEADER = ["姓名", "手机"]


def read(path: Path, sheet: str | None = None, **limits: Any) -> list[list[str]]:
    target = path.with_suffix(".csv")
    opened = workbook.write_sheet(
        path, target, sheet=sheet, limits=workbook.Limits(**limits) if limits else None
    )
    assert opened.sheet is not None
    with target.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def refusal(path: Path, **limits: Any) -> str:
    with pytest.raises(Invalid) as refused:
        read(path, **limits)
    return refused.value.code


def test_what_a_cell_shows_becomes_text_without_loss(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.xlsx",
        (
            "客户",
            [
                HEADER,
                ["王芳", 13800138000],
                ["李娜", "013800138000"],
                [date(2026, 11, 5), ""],
                [12.9, 0.1],
                [0.0000001, -3],
                [True, "=cmd|' /C calc'!A0"],
                ["  两行\n文字", 100000000000000],
            ],
        ),
    )
    assert read(path) == [
        HEADER,
        ["王芳", "13800138000"],
        ["李娜", "013800138000"],
        ["2026-11-05", ""],
        ["12.9", "0.1"],
        ["0.0000001", "-3"],
        ["TRUE", "=cmd|' /C calc'!A0"],
        ["  两行\n文字", "100000000000000"],
    ]


@pytest.mark.parametrize("is_1904", [False, True])
def test_dates_follow_the_workbooks_own_calendar(tmp_path: Path, *, is_1904: bool) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["日期", "时间"])
        sheet.write_datetime(1, 0, date(2026, 11, 5), book.add_format({"num_format": "yyyy/m/d"}))
        moment = datetime(2026, 11, 5, 13, 5, 7)  # noqa: DTZ001 - a spreadsheet knows no zone
        sheet.write_datetime(1, 1, moment, book.add_format({"num_format": "yyyy/m/d h:mm"}))

    path = drawn(tmp_path / "a.xlsx", fill, date_1904=is_1904)
    assert read(path)[1] == ["2026-11-05", "2026-11-05 13:05:07"]


def test_a_number_that_has_lost_digits_says_so(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", ("1", [["身份证"], [330102199001011234]]))
    assert read(path)[1] == ["3.30102199001011E+17"]


def test_a_formula_gives_its_last_value_and_what_has_none_is_named(tmp_path: Path) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["甲", "乙", "丙", "丁"])
        sheet.write_formula(1, 0, "=A1", None, "文字")
        sheet.write_formula(1, 1, "=1+1", None, 2)
        sheet.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        sheet.write_formula(1, 3, "=A1", None, "")

    path = drawn(tmp_path / "a.xlsx", fill)
    assert read(path)[1] == ["文字", "2", "#DIV/0!", workbook.NO_VALUE]


def test_merged_and_hidden_rows_are_read_and_counted(tmp_path: Path) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet("客户")
        book.add_worksheet("备用").hide()
        sheet.write_row(2, 1, ["公司", "姓名"])
        sheet.merge_range(3, 1, 4, 1, "青石餐饮")
        sheet.write(3, 2, "王芳")
        sheet.write(4, 2, "李娜")
        sheet.set_row(4, None, None, {"hidden": True})

    path = drawn(tmp_path / "a.xlsx", fill)
    opened = workbook.write_sheet(path, tmp_path / "out.csv")
    assert opened.notes == {"hidden_rows": 1, "merged": 1, "bad_cells": 0}
    assert [(one.name, one.is_hidden) for one in opened.sheets] == [("客户", False), ("备用", True)]
    rows = read(path)
    assert rows[:2] == [[], []]  # rows keep the numbers that the spreadsheet shows
    assert rows[2:] == [["公司", "姓名"], ["青石餐饮", "王芳"], ["青石餐饮", "李娜"]]


def test_of_several_sheets_one_has_to_be_chosen(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", ("客户", [HEADER]), ("订单", [["订单编号"], ["1"]]))
    assert workbook.write_sheet(path, tmp_path / "out.csv").sheet is None
    assert read(path, "订单") == [["订单编号"], ["1"]]
    with pytest.raises(Invalid) as refused:
        read(path, "没有")
    assert refused.value.code == "import.sheet_unknown"


def _ole(content: bytes) -> bytes:
    return workbook.OLE + b"\0" * 600 + content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_ole("Workbook".encode("utf-16-le")), "import.old_format"),
        (_ole("EncryptedPackage".encode("utf-16-le")), "import.xlsx_encrypted"),
        (b"PK\x03\x04 and nothing", "import.file_corrupt"),
        (zipped(("hello.txt", b"hello")), "import.file_type_mismatch"),
        (zipped(("xl/workbook.bin", b"")), "import.old_format"),
        (zipped(("Index/Document.iwa", b"")), "import.numbers_format"),
        (zipped(("xl/workbook.xml", b"<!DOCTYPE x><workbook/>")), "import.file_unsafe"),
        (zipped(*((f"xl/{n}.xml", b"") for n in range(300))), "import.file_unsafe"),
        (zipped(("xl/workbook.xml", b"<not a workbook")), "import.file_corrupt"),
    ],
)
def test_what_is_no_sound_workbook_is_refused_by_name(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert refusal(path) == code


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/vbaProject.bin", b"macro"),
        ("xl/externalLinks/externalLink1.xml", b"<externalLink/>"),
        ("xl/embeddings/inner.xlsx", b"PK"),
        ("xl/more.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'),
    ],
)
def test_macros_links_and_declarations_are_refused(
    tmp_path: Path, part: str, content: bytes
) -> None:
    path = with_part(make(tmp_path / "a.xlsx", ("1", [HEADER, ["王芳", 1]])), part, content)
    assert refusal(path) == "import.file_unsafe"


def test_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", ("1", [HEADER, ["王芳", 1]]))
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(path) == "import.file_corrupt"


def test_a_bomb_is_stopped_before_it_is_unpacked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", ("1", [HEADER, ["王芳", 1]]))
    with_part(path, "xl/media/zeros.xml", b" " * (200 << 20))
    begun = time.monotonic()
    assert refusal(path, memory_bytes=300 << 20) == "import.file_too_large_unpacked"
    assert time.monotonic() - begun < 5


def test_one_cell_far_away_does_not_take_all_memory(tmp_path: Path) -> None:
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    far = {
        '<row r="1"><c r="XFD1"><v>1</v></c></row>': "import.too_many_columns",
        '<row r="1048576"><c r="A1048576"><v>1</v></c></row>': "import.too_many_rows",
        '<row r="190000"><c r="GR190000"><v>1</v></c></row>': "import.file_too_large_unpacked",
    }
    for rows, code in far.items():
        path = with_sheet_xml(make(tmp_path / "a.xlsx", ("1", [HEADER])), sheet.format(rows))
        assert refusal(path) == code


def test_rows_and_columns_beyond_the_limits_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", ("1", [["a", "b"], *[[1, 2]] * 20]))
    assert len(read(path, rows=20)) == 21
    assert refusal(path, rows=10, titles=1) == "import.too_many_rows"
    assert refusal(path, columns=1) == "import.too_many_columns"
