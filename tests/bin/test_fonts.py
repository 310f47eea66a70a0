from __future__ import annotations

from tests.bin.programs import load


def test_the_font_keeps_what_names_amounts_and_reports_are_written_with() -> None:
    wanted = load("fonts").wanted()
    for character in "闭环客户喆堃䶮ABCé¥￥€，。（）①→✓★≥℃":
        assert ord(character) in wanted, character


def test_the_whole_of_gbk_is_kept() -> None:
    points = load("fonts").gbk()
    assert len([point for point in points if 0x4E00 <= point <= 0x9FA5]) == 20902
