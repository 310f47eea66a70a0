"""The glossary names classes; each of them is there, and no Chinese term has two words."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

GLOSSARY = Path(__file__).resolve().parents[2] / "docs/glossary.md"
ROWS = [
    line.strip("| ").split(" | ")
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| Chinese", "|---"))
]


def test_every_class_of_the_glossary_exists() -> None:
    missing = []
    for _chinese, _english, code in ROWS:
        for module, name in re.findall(r"`([a-z_.]+)\.([A-Z]\w+)`", code):
            if not hasattr(importlib.import_module(f"crm.{module}"), name):
                missing.append(f"{module}.{name}")
    assert missing == []


def test_every_row_says_where_its_word_lives_or_that_it_is_to_come() -> None:
    unclear = [chinese for chinese, _, code in ROWS if code != "–" and "`" not in code]
    assert unclear == []


def test_a_term_stands_once() -> None:
    terms = [chinese for chinese, _, _ in ROWS]
    assert len(terms) == len(set(terms))
