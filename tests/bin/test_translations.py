from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo

from tests.bin.programs import load

WANTED = Message("Due on %(day)s")


@pytest.fixture
def translations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, on a small source tree of its own."""
    module = load("translations")
    monkeypatch.setattr(module, "SOURCE", tmp_path)
    monkeypatch.setattr(module, "CATALOGUES", tmp_path / "translations")
    (tmp_path / "texts.py").write_text(
        'title = _("Customers")\nmany = ngettext("%(num)s order", "%(num)s orders", n)\n'
        'REASON = N_("Too late")\nlabel = lazy_gettext("Owner")\n',
        encoding="utf-8",
    )
    templates = tmp_path / "web" / "templates"
    templates.mkdir(parents=True)
    page = '<h1>{{ _("Due on %(day)s", day=day) }}</h1>'
    (templates / "page.html").write_text(page, encoding="utf-8")
    return module


@pytest.mark.parametrize(
    ("translated", "fault"),
    [
        (None, "not translated"),
        (Message("Due on %(day)s", ""), "not translated"),
        (Message("Due on %(day)s", "%(day)s 到期", flags=["fuzzy"]), "fuzzy"),
        (Message("Due on %(day)s", "到期"), "other placeholders"),
        (Message("Due on %(day)s", "%(date)s 到期"), "other placeholders"),
        (Message("Due on %(day)s", "%(day)s 到期"), None),
    ],
)
def test_a_translation_is_there_and_keeps_the_placeholders(
    translations: ModuleType, translated: Message | None, fault: str | None
) -> None:
    assert translations.fault_of(WANTED, translated) == fault


def test_texts_of_code_and_templates_are_found_and_missed_when_untranslated(
    translations: ModuleType,
) -> None:
    faults = translations.check()
    for text in ("Customers", "Too late", "Owner", "Due on %(day)s", "%(num)s orders"):
        assert any(text in fault for fault in faults), text


def test_filled_translations_reach_the_reader(translations: ModuleType, tmp_path: Path) -> None:
    given = tmp_path / "zh.json"
    given.write_text(
        '{"Customers": "客户", "%(num)s order": "%(num)s 张订单", "Too late": "太晚了",'
        ' "Owner": "负责人", "Due on %(day)s": "%(day)s 到期", "Gone": "已删除的文字"}',
        encoding="utf-8",
    )
    assert translations.main(["fill", str(given)]) == 0
    assert translations.main(["compile"]) == 0
    assert translations.check() == []

    compiled = tmp_path / "translations/zh_Hans_CN/LC_MESSAGES/messages.mo"
    with compiled.open("rb") as file:
        catalogue = read_mo(file)
    message = catalogue.get("Customers")
    assert message is not None
    assert message.string == "客户"
    assert catalogue.get("Gone") is None


def test_a_changed_text_asks_for_a_new_translation(
    translations: ModuleType, tmp_path: Path
) -> None:
    given = tmp_path / "zh.json"
    given.write_text('{"Customers": "客户"}', encoding="utf-8")
    translations.main(["fill", str(given)])
    (tmp_path / "texts.py").write_text('title = _("All customers")\n', encoding="utf-8")
    assert "not translated: 'All customers'" in translations.check()
