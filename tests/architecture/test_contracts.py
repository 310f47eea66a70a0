"""Each import contract is kept, and each refuses a break planted into a copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BREAKS = [
    ("modules", "crm/core/money.py", "import crm.users.models"),
    ("modules", "crm/customers/models/__init__.py", "import crm.activities.models"),
    ("modules", "crm/activities/models.py", "import crm.followups.models"),
    ("modules", "crm/web/htmx.py", "import crm.app"),
    ("modules", "crm/utils.py", ""),
    ("files", "crm/followups/models.py", "import crm.followups.services"),
    ("files", "crm/customers/services/planted.py", "import crm.customers.schemas"),
    ("files", "crm/outreach/odds_and_ends.py", ""),
    ("files-of-users", "crm/users/policies.py", "import crm.users.auth"),
    ("files-of-users", "crm/users/odds_and_ends.py", ""),
    ("no-web", "crm/activities/models.py", "import flask"),
    ("no-web", "crm/core/money.py", "import marshmallow"),
    ("no-web", "crm/customers/services/planted.py", "import crm.web.htmx"),
    ("no-web", "crm/outreach/queries.py", "import flask_login"),
    ("edges", "crm/reports/models.py", "import crm.users.views"),
    ("edges", "crm/cli.py", "import crm.followups.handlers"),
]


def lint_imports(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", "static", "templates", "translations")
    shutil.copytree(ROOT / "crm", copy / "crm", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_every_contract_is_kept(tree: Path) -> None:
    answer = lint_imports(tree)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(("contract", "file", "line"), BREAKS)
def test_a_planted_break_is_refused(tree: Path, contract: str, file: str, line: str) -> None:
    planted = tree / file
    before = planted.read_text(encoding="utf-8") if planted.exists() else None
    try:
        planted.parent.mkdir(exist_ok=True)
        planted.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
        answer = lint_imports(tree, "--contract", contract)
    finally:
        if before is None:
            planted.unlink()
        else:
            planted.write_text(before, encoding="utf-8")
    assert answer.returncode == 1
    assert "1 broken" in answer.stdout, answer.stdout + answer.stderr


def test_no_contract_is_without_a_planted_break() -> None:
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ids = {line.split('"')[1] for line in written.splitlines() if line.startswith('id = "')}
    assert ids == {contract for contract, _, _ in BREAKS}
