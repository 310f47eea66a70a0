"""The environment for mail and PDF: escaping, languages, and names that must exist."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from crm.core import templating
from crm.core.company import Company

QINGHE = Company("青禾家居 & Co", ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with one module whose templates lie in `folder`."""
    templates = tmp_path / "shop" / "templates" / "shop"
    templates.mkdir(parents=True)
    monkeypatch.setattr(templating, "_PACKAGE", tmp_path)
    templating._environment.cache_clear()
    yield templates
    templating._environment.cache_clear()


def render(template: str, locale: str = "en", **context: object) -> str:
    return templating.render(template, context, company=QINGHE, locale=locale)


def test_values_are_escaped_in_pages_and_left_alone_in_text(folder: Path) -> None:
    (folder / "a.html").write_text("{{ company.name }} {{ name }}")
    (folder / "a.txt").write_text("{{ company.name }} {{ name }}")

    assert render("shop/a.html", name="<b>") == "青禾家居 &amp; Co &lt;b&gt;"
    assert render("shop/a.txt", name="<b>") == "青禾家居 & Co <b>"


def test_values_inside_a_translated_sentence_are_escaped_too(folder: Path) -> None:
    (folder / "a.html").write_text('{{ _("Hello %(name)s", name=name) }}')

    assert render("shop/a.html", name="<b>") == "Hello &lt;b&gt;"


def test_a_name_that_the_caller_forgot_is_an_error(folder: Path) -> None:
    (folder / "a.txt").write_text("{{ forgotten }}")

    with pytest.raises(UndefinedError):
        render("shop/a.txt")


@pytest.mark.parametrize("path", ["shop/none.txt", "../../../etc/passwd", "/etc/passwd"])
def test_only_templates_of_the_modules_are_found(folder: Path, path: str) -> None:
    assert folder.exists()
    with pytest.raises(TemplateNotFound):
        render(path)


def test_the_page_knows_its_language(folder: Path) -> None:
    (folder / "a.html").write_text("{{ lang }}")

    assert render("shop/a.html", "zh_Hans_CN") == "zh-CN"
    assert render("shop/a.html", "en") == "en"


def test_the_first_line_of_a_letter_is_its_subject(folder: Path) -> None:
    (folder / "mail.txt").write_text("Call {{ name }}\n\nGood morning,\n{{ name }} waits.\n\n\n")

    letter = templating.letter("shop/mail.txt", {"name": "Lin"}, company=QINGHE, locale="en")

    assert letter == ("Call Lin", "Good morning,\nLin waits.\n")


def test_a_line_break_in_a_value_cannot_lengthen_the_subject_by_a_header(folder: Path) -> None:
    (folder / "mail.txt").write_text("Call {{ name }} today\n\nText\n")

    letter = templating.letter(
        "shop/mail.txt", {"name": "Lin\r\nBcc: x"}, company=QINGHE, locale="en"
    )

    assert letter.subject == "Call Lin"
    assert letter.text.startswith("Bcc: x today")
