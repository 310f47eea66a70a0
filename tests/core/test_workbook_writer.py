"""Workbooks as spreadsheet programs find them."""

import csv
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from crm.core import workbook_writer

#: Without what calamine gives back as it is marked (no character at all, and "_x0041_" itself).
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_\ufffe\uffff"), max_size=20
)


def written(folder: Path, rows: list[list[str]], numeric: list[bool]) -> Path:
    source, target = folder / "rows.csv", folder / "book.xlsx"
    with source.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    workbook_writer.write(source, target, numeric=numeric)
    return target


def read(path: Path) -> list[list[object]]:
    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    return [list(row) for row in sheet.to_python()]


def test_texts_stay_texts_and_numbers_are_numbers(tmp_path: Path) -> None:
    rows = [["电话", "金额"], ["=1+1", "1234.50"], ["0138", ""], [" <b> & ", "-3"]]
    book = written(tmp_path, rows, [False, True])

    assert read(book) == [["电话", "金额"], ["=1+1", 1234.5], ["0138", ""], [" <b> & ", -3.0]]
    with ZipFile(book) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert 'state="frozen"' in sheet


@given(texts=st.lists(TEXT, max_size=4))
def test_any_text_comes_back(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = [["head", *texts, "end"], ["", *texts, "end"], ["x\r\ny", *texts, "end"]]
    book = written(tmp_path_factory.mktemp("book"), rows, [False] * len(rows[0]))
    assert read(book) == rows


def test_what_a_sheet_cannot_hold_is_marked_as_excel_marks_it(tmp_path: Path) -> None:
    book = written(tmp_path, [["a"], ["\x01\uffff_x0041_"]], [False])
    with ZipFile(book) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "_x0001__xFFFF__x005F_x0041_" in sheet


def test_columns_are_named_past_z(tmp_path: Path) -> None:
    wide = [f"c{number}" for number in range(30)]
    assert read(written(tmp_path, [wide, wide], [False] * 30)) == [wide, wide]
