"""Passwords, names and lengths, on plain values."""

from datetime import timedelta

import pytest

from crm.users import rules
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "users.password_short"),
        ("elevenchars", "users.password_short"),
        ("x" * 129, "users.password_long"),
        ("Password1234!", "users.password_common"),
        ("qwertyuiop123", "users.password_common"),
        ("woaini1314520", "users.password_common"),
        ("aaaaaaaaaaaa", "users.password_common"),
        ("abcabcabcabc", "users.password_common"),
        ("abcdefghijklmn", "users.password_common"),
        ("138001380001380", "users.password_common"),
        ("!!!!????....!!!!", "users.password_common"),
    ],
)
def test_what_is_guessed_first_is_no_password(password: str, problem: str) -> None:
    assert rules.password_problem(password) == problem


@pytest.mark.parametrize(
    "password",
    [
        "three green chairs",
        "窗外的梧桐树又绿了一年呀",
        "correct7horse42",
        "x9$kQ!72mvvL",
        "a b c d e f h g i k",
    ],
)
def test_any_characters_will_do_when_there_are_enough(password: str) -> None:
    assert rules.password_problem(password) is None


def test_a_password_made_of_ones_own_name_or_company_is_refused() -> None:
    words = rules.context_words(
        email="wang.fang@qinghe.example", name="Wang Fang", company="青禾家居"
    )

    found = [
        rules.password_problem(password, words)
        for password in (
            "wangfang2026!!",
            "qinghe-2026-11",
            "青禾家居青禾家居1234",
            "Bihuan-CRM-2026",
        )
    ]

    assert set(found) == {"users.password_context"}


def test_a_phrase_that_only_holds_the_name_is_fine() -> None:
    words = rules.context_words(email="li@x.example", name="Li Na", company="Qinghe")

    assert rules.password_problem("nabucco sails at midnight", words) is None


def test_a_sign_in_name_is_compared_trimmed_and_folded() -> None:
    assert rules.sign_in_name("  Wang.Fang@QINGHE.example ") == "wang.fang@qinghe.example"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("138 0013 8000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("12", None),
        ("not a phone", None),
    ],
)
def test_phones_are_kept_in_one_spelling(text: str, found: str | None) -> None:
    assert rules.phone(text) == found


def test_a_session_is_idle_after_twelve_hours_unless_it_is_remembered() -> None:
    later = NOW + timedelta(hours=12, seconds=1)

    assert rules.is_idle(NOW, later, is_remembered=False)
    assert not rules.is_idle(NOW, NOW + timedelta(hours=12), is_remembered=False)
    assert not rules.is_idle(NOW, later, is_remembered=True)


def test_a_session_ends_after_a_week_or_a_month() -> None:
    assert rules.session_end(NOW, is_remembered=False) == NOW + timedelta(days=7)
    assert rules.session_end(NOW, is_remembered=True) == NOW + timedelta(days=30)
