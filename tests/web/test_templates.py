"""Rules that every template keeps, whoever wrote it (ui.md 10)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "crm").rglob("templates/**/*.html"))
PAGES = [path for path in TEMPLATES if "pdf" not in path.parts and "print" not in path.parts]
ICONS = frozenset((ROOT / "crm/web/icons.txt").read_text(encoding="utf-8").split())

INLINE_STYLE = re.compile(r"<style|\sstyle\s*=", re.IGNORECASE)
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)
HANDLER = re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.IGNORECASE)
FOREIGN = re.compile(r"""(?:src|href|action|url)\s*=\s*["'](?:https?:)?//""", re.IGNORECASE)
ICON_CALL = re.compile(r"""\bicon\(\s*["']([a-z0-9-]+)["']""")
POST_FORM = re.compile(
    r"<form\b[^>]*\bmethod=\"post\"[^>]*>(.*?)</form>", re.IGNORECASE | re.DOTALL
)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_template_holds_nothing_that_the_content_policy_refuses(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not INLINE_STYLE.search(text)
    assert not INLINE_SCRIPT.search(text)
    assert not HANDLER.search(text)
    assert not FOREIGN.search(text)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_icon_named_is_in_the_sprite_list(path: Path) -> None:
    named = set(ICON_CALL.findall(path.read_text(encoding="utf-8")))

    assert named <= ICONS


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_form_that_changes_something_carries_token_and_key(path: Path) -> None:
    forms = POST_FORM.findall(path.read_text(encoding="utf-8"))

    assert [form for form in forms if "form_keys(" not in form] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_no_template_marks_text_as_safe(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not re.search(r"\|\s*safe\b|autoescape\s+false", text)


def test_the_icon_list_is_sorted_and_names_each_icon_once() -> None:
    lines = (ROOT / "crm/web/icons.txt").read_text(encoding="utf-8").split()

    assert lines == sorted(set(lines))


def test_the_checks_above_find_what_they_look_for() -> None:
    bad = '<p style="x"><a onclick="y" href="//elsewhere"><script>z</script>'

    assert INLINE_STYLE.search(bad)
    assert INLINE_SCRIPT.search(bad)
    assert HANDLER.search(bad)
    assert FOREIGN.search(bad)
    assert TEMPLATES
