from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.models import Customer, CustomerTag, ImportKind, Tag
from crm.customers.rules import vcards
from tests.customers.imports import run
from tests.factories.users import make_user


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "cards.vcf"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    found = [vcards.as_row(card) for card in vcards.read(path)]
    return [dict(zip(vcards.COLUMNS, row, strict=True)) for row in found]


def card(lines: str, version: str = "3.0") -> str:
    return f"BEGIN:VCARD\nVERSION:{version}\n{lines}\nEND:VCARD\n"


def test_a_card_of_each_version_becomes_a_row(tmp_path: Path) -> None:
    text = (
        card("N:王;芳\nTEL;CELL;PREF:13800138000\nEMAIL;INTERNET:wang@example.com", "2.1")
        + card("FN:李娜\nORG:青石餐饮;采购部\nCATEGORIES:老客,华东\nNOTE:一\\n二\\, 三")
        + card("FN:Zhao Yun\nTEL;VALUE=uri;PREF=1:tel:+86-138-0013-8001\nBDAY:19900806", "4.0")
    )
    first, second, third = rows(write(tmp_path, text))
    assert (first["FN"], first["TEL"], first["EMAIL"]) == (
        "王芳",
        "13800138000",
        "wang@example.com",
    )
    assert (second["ORG"], second["CATEGORIES"]) == ("青石餐饮 采购部", "老客,华东")
    assert second["NOTE"] == "一\n二, 三"
    assert (third["TEL"], third["BDAY"]) == ("+86-138-0013-8001", "1990-08-06")


def test_folded_and_quoted_printable_lines_in_gbk_are_read(tmp_path: Path) -> None:
    packed = "".join(f"={byte:02X}" for byte in "王芳".encode("gbk"))
    name = f"FN;CHARSET=GBK;ENCODING=QUOTED-PRINTABLE:{packed[:6]}=\n{packed[6:]}"
    text = card(f"{name}\nNOTE:ein lan\n ger Satz", "2.1")
    (found,) = rows(write(tmp_path, text))
    assert (found["FN"], found["NOTE"]) == ("王芳", "ein langer Satz")


def test_of_several_numbers_the_mobile_is_used_and_no_other_is_lost(tmp_path: Path) -> None:
    text = card(
        "FN:王芳\nTEL;TYPE=FAX:02112345678\nTEL;TYPE=WORK:021-62345678\nTEL;TYPE=CELL:13800138000\n"
        "EMAIL:not an address\nEMAIL:wang@example.com"
    )
    (found,) = rows(write(tmp_path, text))
    assert (found["TEL"], found["EMAIL"]) == ("13800138000", "wang@example.com")
    assert found["NOTE"].splitlines() == [
        "TEL: 02112345678",
        "TEL: 021-62345678",
        "EMAIL: not an address",
    ]


def test_a_company_card_has_no_person(tmp_path: Path) -> None:
    (found,) = rows(write(tmp_path, card("FN:明湖酒店\nKIND:org", "4.0")))
    assert (found["FN"], found["ORG"], found["KIND"]) == ("", "明湖酒店", "company")


def test_an_assistants_card_and_a_picture_inside_are_left_out(tmp_path: Path) -> None:
    text = card("FN:王芳\nAGENT:\nBEGIN:VCARD\nFN:助理\nEND:VCARD\nPHOTO;ENCODING=b:AAAA\n BBBB")
    path = write(tmp_path, text)
    (found,) = vcards.read(path)
    assert (found.first("FN"), found.pictures) == (vcards.Property("FN", frozenset(), "王芳"), 1)


def test_a_card_without_an_end_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, card("FN:王芳") + "BEGIN:VCARD\nFN:李娜\n")
    with pytest.raises(Invalid) as refused:
        rows(path)
    assert (refused.value.code, refused.value.details) == ("import.card_unfinished", {"line": 5})


def test_utf_16_cards_are_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, card("FN:王芳"), "utf-16")
    assert vcards.is_vcard(path)
    assert rows(path)[0]["FN"] == "王芳"


def test_cards_are_imported_like_any_other_rows(session: Session, tmp_path: Path) -> None:
    by = make_user(session, role="admin")
    text = card("FN:王芳\nORG:青石餐饮\nTEL:13800138000\nCATEGORIES:老客") + card("FN:\nTEL:12")
    path = write(tmp_path, text)
    item = run(session, path, ImportKind.CUSTOMERS, by=by)
    assert (item.created_count, item.rejected_count) == (1, 1)
    made = session.scalars(select(Customer)).one()
    assert (made.name, made.company, made.phone) == ("王芳", "青石餐饮", "+8613800138000")
    tags = select(Tag.name).join(CustomerTag).where(CustomerTag.customer_id == made.id)
    assert session.scalars(tags).all() == ["老客"]
    again = run(session, path, ImportKind.CUSTOMERS, by=by)
    assert (again.created_count, again.unchanged_count) == (0, 1)


@pytest.mark.real_data
def test_every_published_card_is_read(data_dir: Path) -> None:
    folder = data_dir / "import_fixtures" / "vcard"
    found = {path.name: rows(path) for path in sorted(folder.glob("*.vcf"))}
    assert {name: len(cards) for name, cards in found.items() if len(cards) != 1} == {
        "John_Doe_ANDROID.vcf": 6,
        "gmail-list.vcf": 3,
    }
    for name, cards in found.items():
        for one in cards:
            assert one["FN"] or one["ORG"] or one["EMAIL"], name
    assert found["outlook-2003.vcf"][0]["NOTE"].startswith("This is the note field!!\nSecond line")
    assert found["John_Doe_ANDROID.vcf"][2]["FN"] == "Ñ Ñ Ñ Ñ Ñ"
