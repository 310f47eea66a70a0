"""Workbooks (XLSX) out of plain rows, at even memory.

XlsxWriter and not openpyxl: in its constant-memory mode a row leaves the memory when the next one
begins, its cells are written where they stand, and it is the quicker of the two.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

MOST_ROWS = 1_048_575  # of a sheet, below its head
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


def write(source: Path, target: Path, *, numeric: Sequence[bool]) -> None:
    """The rows of a CSV file as a workbook: texts stay texts, whatever they look like."""
    book = xlsxwriter.Workbook(target, _OPTIONS)
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 1)
    with source.open(encoding="utf-8-sig", newline="") as file:
        for place, row in enumerate(csv.reader(file)):
            for column, cell in enumerate(row):
                if not cell:
                    continue
                if place and numeric[column]:
                    sheet.write_number(place, column, float(cell))
                else:
                    sheet.write_string(place, column, cell)
    book.close()
