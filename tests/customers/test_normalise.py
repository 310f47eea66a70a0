import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core.errors import Invalid
from crm.customers.rules import normalise


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("138 0013 8000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("13800138000.0", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("010-12345678", "+861012345678"),
        ("400-820-8820", "+864008208820"),
        ("+1 650 253 0000", "+16502530000"),
    ],
)
def test_a_phone_has_one_spelling(text: str, number: str) -> None:
    assert normalise.phone(text) == number
    assert normalise.phone(number) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1380013800", "customers.phone_invalid"),
        ("", "customers.phone_invalid"),
        ("方建国", "customers.phone_invalid"),
        ("1.38E+10", "customers.phone_as_number"),
        ("1.38001E10", "customers.phone_as_number"),
    ],
)
def test_a_phone_that_cannot_be_dialled_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise.phone(text)
    assert refused.value.code == code


@given(st.integers(min_value=10**10, max_value=2 * 10**10 - 1))
def test_the_quick_way_agrees_with_the_library(digits: int) -> None:
    text = str(digits)
    number = phonenumbers.parse(text, "CN")
    try:
        ours = normalise.phone(text)
    except Invalid:
        ours = ""
    valid = phonenumbers.is_valid_number(number)
    assert (ours != "") == valid
    if valid:
        assert ours == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def test_an_address_keeps_its_case_and_matches_without_it() -> None:
    address = normalise.email("  Wang.Fang@Example.COM ")
    assert address == "Wang.Fang@example.com"
    assert normalise.email_key(address) == "wang.fang@example.com"


def test_a_chinese_domain_is_stored_in_ascii() -> None:
    assert normalise.email("li@例子.中国") == "li@xn--fsqu00a.xn--fiqs8s"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at"),
        ("wang.example.com", "at"),
        ("a@b@example.com", "at"),
        ("Wang <wang@example.com>", "local_part"),
        ("wang fang@example.com", "local_part"),
        ("wang\r\nBcc: x@example.com", "local_part"),
        ("王@example.com", "local_part"),
        (".a@example.com", "local_part"),
        ("a" * 65 + "@example.com", "local_part"),
        ("a@localhost", "domain"),
        ("a@exa mple.com", "domain"),
        ("a@-x.com", "domain"),
        ("a@192.168.0.1", "domain"),
        ("a@" + "b." * 130 + "com", "domain"),
        ("a@x..com", "domain"),
    ],
)
def test_an_address_that_cannot_be_mailed_is_refused_with_the_reason(
    text: str, reason: str
) -> None:
    with pytest.raises(Invalid) as refused:
        normalise.email(text)
    assert refused.value.code == "customers.email_invalid"
    assert refused.value.details["reason"] == reason


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("张伟", "zhangwei", "zw"),
        ("单雄信", "shanxiongxin", "sxx"),
        ("曾国藩", "zengguofan", "zgf"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("欧阳修", "ouyangxiu", "oyx"),
        ("重庆远山民宿有限公司", "chongqingyuanshanminsuyouxiangongsi", "cqysmsyxgs"),
        ("绿地集团", "lvdijituan", "ldjt"),
        ("李娜 2", "lina2", "ln2"),
        ("Zhang Wei", "zhangwei", "zw"),
        ("Lin's Bakery", "linsbakery", "lb"),
        ("", "", ""),
        ("——", "", ""),
    ],
)
def test_a_name_is_found_by_its_pinyin_and_initials(name: str, full: str, initials: str) -> None:
    assert normalise.pinyin(name) == normalise.Spelling(full, initials)


@given(st.text(max_size=60))
def test_any_text_has_a_spelling(name: str) -> None:
    spelling = normalise.pinyin(name)
    assert len(spelling.initials) <= len(spelling.full)
