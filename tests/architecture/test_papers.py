"""What the documents and the lock files promise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_readme_is_read_in_two_minutes(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) < 100


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.relative_to(ROOT).as_posix())
def test_a_link_leads_to_a_file_that_exists(paper: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", paper.read_text(encoding="utf-8"))
    assert [target for target in targets if not (paper.parent / target).exists()] == []


def test_the_folders_that_both_readmes_name_exist() -> None:
    named = {
        name: re.findall(r"^\| (`.+?) \|", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in ("README.md", "README.zh-CN.md")
    }
    folders = {name: re.findall(r"`(.+?)`", " ".join(rows)) for name, rows in named.items()}
    assert folders["README.md"] == folders["README.zh-CN.md"]
    assert [folder for folder in folders["README.md"] if not (ROOT / folder).is_dir()] == []


def test_the_locks_pin_every_package_by_hash_and_name_no_address() -> None:
    python = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in python
    pinned = re.findall(r"^[a-z0-9][^\s]*==[^\\]+\\\n    --hash=sha256:", python, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", python, re.MULTILINE))

    browser = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    parts = [part for name, part in browser.items() if name]
    assert all("integrity" in part and "resolved" not in part for part in parts)
