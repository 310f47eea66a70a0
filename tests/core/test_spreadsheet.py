import csv
import gzip
import io
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core import spreadsheet
from crm.core.errors import Invalid
from crm.core.spreadsheet import Limits


def read(
    path: Path,
    *,
    step: int = 1000,
    encoding: str | None = None,
    header_row: int = 1,
    limits: Limits | None = None,
) -> list[list[str]]:
    """The header and all rows, read in steps."""
    copy = path.with_suffix(".utf8")
    layout = spreadsheet.prepare(
        path, copy, encoding=encoding, header_row=header_row, limits=limits
    )
    rows, start = [list(layout.columns)], layout.start
    while chunk := spreadsheet.read_chunk(copy, layout.delimiter, start=start, limit=step):
        if not chunk.rows:
            break
        rows += chunk.rows
        start = chunk.end
    assert len(rows) == layout.row_count + 1
    return rows


def write(folder: Path, content: bytes, name: str = "customers.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(
    folder: Path, content: bytes, *, encoding: str | None = None, limits: Limits | None = None
) -> Invalid:
    with pytest.raises(Invalid) as refused:
        read(write(folder, content), encoding=encoding, limits=limits)
    return refused.value


UTF8 = "姓名\n王芳\n李娜\n张伟\n".encode()
TEXT = "姓名,手机\n王芳,13800138000\n㴪海渔村𠮷😀,\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_four_encodings_give_the_same_rows(tmp_path: Path, encoding: str) -> None:
    rows = read(write(tmp_path, TEXT.encode(encoding)))
    assert rows == [["姓名", "手机"], ["王芳", "13800138000"], ["㴪海渔村𠮷😀", ""]]


def test_big5_is_read_when_the_user_says_so(tmp_path: Path) -> None:
    content = "姓名,備註\n王芳,體檢\n".encode("big5")
    assert read(write(tmp_path, content), encoding="Big5")[1] == ["王芳", "體檢"]


def test_a_packed_file_is_unpacked_on_the_way(tmp_path: Path) -> None:
    assert read(write(tmp_path, gzip.compress(TEXT.encode())))[1] == ["王芳", "13800138000"]


def test_a_truncated_packed_file_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(os.urandom(5000).hex().encode())
    assert refusal(tmp_path, packed[:-400]).code == "import.file_corrupt"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "，"])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    content = TEXT.replace(",", delimiter).encode()
    assert read(write(tmp_path, content))[1] == ["王芳", "13800138000"]


def test_commas_inside_a_semicolon_file_do_not_mislead(tmp_path: Path) -> None:
    content = b"name;note\nWang;a,b,c\nLi;d,e,f\n"
    assert read(write(tmp_path, content)) == [["name", "note"], ["Wang", "a,b,c"], ["Li", "d,e,f"]]


def test_a_file_of_one_column_is_fine(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"phone\n13800138000\n")) == [["phone"], ["13800138000"]]


def test_old_mac_line_ends_are_understood(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"a,b\r1,2\r3,4\r")) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_the_header_may_stand_below_a_title(tmp_path: Path) -> None:
    content = "2026 年客户,\n姓名,手机\n王芳,1\n".encode()
    assert read(write(tmp_path, content), header_row=2) == [["姓名", "手机"], ["王芳", "1"]]


def test_reading_can_stop_and_go_on_at_every_row(tmp_path: Path) -> None:
    content = 'a,b\r\n1,"line\r\nbreak"\r\n\r\n张,"""quoted"""\r\nlast,x'.encode()
    whole = read(write(tmp_path, content))
    assert whole == [["a", "b"], ["1", "line\r\nbreak"], [], ["张", '"quoted"'], ["last", "x"]]
    assert read(write(tmp_path, content), step=1) == whole


@pytest.mark.parametrize(
    ("content", "code", "details"),
    [
        (b"", "import.file_empty", {}),
        (b"\xef\xbb\xbf", "import.file_empty", {}),
        (b"name,phone\n", "import.no_rows", {}),
        (b"\n", "import.header_missing", {}),
        (b"a,b\n1,\x002\n", "import.control_character", {"line": 2}),
        (b'a,b\n1,2\n3,"4\n5,6\n', "import.csv_malformed", {"line": 3}),
        (b'a,b\n1,2\n3,"4" x\n', "import.csv_malformed", {"line": 3}),
        (b"a,b\n1,2\n3," + b"x" * 200_000 + b"\n", "import.field_too_long", {"line": 3}),
        (b"a,b\n1,2\n3," + b"x" * (10 << 20) + b"\n", "import.field_too_long", {"line": 3}),
        ("姓 名,姓名\n1,2\n".encode(), "import.header_duplicate", {}),
        (b"Name,NAME\n1,2\n", "import.header_duplicate", {}),
        (b",".join([b"c%d" % n for n in range(201)]) + b"\n1\n", "import.too_many_columns", {}),
        (b"PK\x03\x04rest of a workbook", "import.file_type_mismatch", {}),
        (b"\xd0\xcf\x11\xe0rest of an old workbook", "import.file_type_mismatch", {}),
        (b"<html><table><tr><td>1</td></tr></table>", "import.file_type_mismatch", {}),
        (b"a\n\xff\xff\xff\n", "import.encoding_unknown", {"line": 2}),
        (UTF8 + "赵云\n".encode("gbk"), "import.encoding_invalid", {"line": 5}),
        ("姓名\n".encode("gbk") + UTF8, "import.encoding_invalid", {"line": 1}),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_by_name_and_line(
    tmp_path: Path, content: bytes, code: str, details: dict[str, int]
) -> None:
    failure = refusal(tmp_path, content)
    assert failure.code == code
    assert details.items() <= failure.details.items()


def test_the_chosen_encoding_is_taken_at_its_word(tmp_path: Path) -> None:
    failure = refusal(tmp_path, "姓名\n王芳\n".encode("gbk"), encoding="utf-8")
    assert (failure.code, failure.details["line"]) == ("import.encoding_invalid", 1)
    assert refusal(tmp_path, b"a\n1\n", encoding="klingon").code == "import.encoding_not_offered"


def test_limits_are_kept(tmp_path: Path) -> None:
    rows = Limits(rows=2)
    assert len(read(write(tmp_path, b"a\n1\n2\n"), limits=rows)) == 3
    assert refusal(tmp_path, b"a\n1\n2\n3\n", limits=rows).code == "import.too_many_rows"
    assert refusal(tmp_path, b"a\n1\n2\n", limits=Limits(size=5)).code == "import.file_too_large"


def test_a_small_packed_bomb_is_stopped_by_the_unpacked_size(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,b\n" * 2_000_000)
    assert refusal(tmp_path, bomb, limits=Limits(size=1 << 20)).code == "import.file_too_large"


def test_headers_lose_blanks_and_invisible_characters(tmp_path: Path) -> None:
    rows = read(write(tmp_path, "\u200b 姓名 ,,手机\n王芳,,1\n".encode()))
    assert rows[0] == ["姓名", "#2", "手机"]


def test_a_header_is_compared_without_case_width_and_marks() -> None:
    assert spreadsheet.plain_header(" Ｐｈｏｎｅ_No. *") == "phoneno"
    assert spreadsheet.plain_header("手机：") == "手机"


def test_control_characters_are_noticed_and_line_breaks_are_not() -> None:
    assert spreadsheet.has_control_characters(["ok", "a\x08b"])
    assert not spreadsheet.has_control_characters(["two\r\nlines", "a\tb", "\u202eزz"])


def test_memory_stays_even_while_the_file_grows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = write(tmp_path, b"name,phone\n" + b"Wang Fang,13800138000\n" * rows)
        copy = tmp_path / "copy"
        tracemalloc.start()
        layout = spreadsheet.prepare(path, copy)
        start = layout.start
        while (chunk := spreadsheet.read_chunk(copy, ",", start=start, limit=500)).rows:
            start = chunk.end
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # the first call also pays for what is made once
    assert peak(120_000) < min(1.2 * peak(60_000), 12 << 20)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("\t=1+1", "'\t=1+1"),
        ("\n=1+1", "'\n=1+1"),
        (" =1+1", "' =1+1"),
        ("＝1+1", "'＝1+1"),
        ('"=1+1"', '\'"=1+1"'),
        ("@SUM(1,1)", "'@SUM(1,1)"),
        ("'=1+1", "''=1+1"),
        ("+86 10 5555 0000", "+86 10 5555 0000"),
        ("-50.00", "-50.00"),
        ("it's", "it's"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_a_cell_cannot_become_a_formula_and_comes_back_as_it_was(cell: str, written: str) -> None:
    out = io.StringIO()
    spreadsheet.write_rows(out, [[cell, "end"]])
    out.seek(0)
    found = next(iter(csv.reader(out)))
    assert found == [written, "end"]
    assert spreadsheet.verbatim(written) == cell


@given(st.text())
def test_every_cell_survives_being_written_and_read(cell: str) -> None:
    assert spreadsheet.verbatim(spreadsheet.harmless(cell)) == cell


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["comma_in_quotes", "escaped_quotes", "json", "newlines", "quotes_and_newlines", "utf8"]
)
def test_the_csv_spectrum_is_read_as_published(tmp_path: Path, data_dir: Path, name: str) -> None:
    spectrum = data_dir / "import_fixtures" / "csv-spectrum"
    content = (spectrum / "csvs" / f"{name}.csv").read_bytes()
    wanted = json.loads((spectrum / "json" / f"{name}.json").read_text(encoding="utf-8"))
    header, *rows = read(write(tmp_path, content))
    found = [dict(zip(header, row, strict=True)) for row in rows]
    plain = [{k: v.replace("\r\n", "\n") for k, v in row.items()} for row in found]
    assert plain == wanted
