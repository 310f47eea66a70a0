"""The command line: set up, people, files in, figures out; a refusal is one sentence and code 1."""

import io
import json
import logging
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pypdf import PdfReader

from crm import cli, doctor
from crm.doctor import Finding

Run = Callable[..., Result]

CUSTOMERS = "姓名,手机\n远山民宿,13800138001\n南湾咖啡,13800138002\n没有号码,abc\n"
ORDERS = (
    "单号,电话,日期,金额\n"
    "A-1,13800138001,2026-10-01 10:00,120.00\n"
    "A-2,13800138001,2026-11-01 10:00,80.00\n"
)
ORDER_MAPPING = {
    "columns": {
        "number": "单号",
        "customer_phone": "电话",
        "ordered_at": "日期",
        "amount": "金额",
    },
    "source": "门店",
}


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty house: a var folder of its own, and nothing of ours in the environment."""
    for name in ("CRM_SECRET_KEY", "CRM_DATABASE_URL", "CRM_SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "var"
    monkeypatch.setenv("CRM_VAR_DIR", str(folder))
    return folder


@pytest.fixture
def run(var: Path) -> Run:
    del var
    runner = CliRunner()
    return lambda *words: runner.invoke(cli.crm, [str(word) for word in words])


@pytest.fixture
def house(run: Run) -> Run:
    """A house that has been set up empty."""
    assert run("init", "--empty").exit_code == 0
    return run


def refusal_of(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit code of `crm …` and what it says, as somebody at the keyboard sees it."""
    monkeypatch.setattr(sys, "argv", ["crm", *words])
    monkeypatch.setattr(logging, "basicConfig", lambda **_options: None)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0), capsys.readouterr().err.strip()


def test_init_prints_a_one_time_password_once_and_hides_the_key(var: Path, run: Run) -> None:
    first, second = run("init", "--empty"), run("init", "--empty")

    assert first.exit_code == second.exit_code == 0
    assert re.search(r"admin@localhost +\S{10,}", first.output)
    assert second.output == ""
    key = var / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    assert len(key.read_text()) >= 32


def test_a_second_init_keeps_the_key(var: Path, run: Run) -> None:
    run("init", "--empty")
    key = (var / "secret_key").read_text()
    run("init", "--empty")

    assert (var / "secret_key").read_text() == key


def test_a_person_is_added_and_gets_another_password(house: Run) -> None:
    added = house(
        *("user", "add", "wang@qinghe.example", "--name", "王芳"),
        *("--role", "rep", "--team", "华东一组"),
    )
    reset = house("user", "reset-password", "wang@qinghe.example")

    assert added.exit_code == reset.exit_code == 0
    first, second = (result.output.split()[1] for result in (added, reset))
    assert len(first) >= 10
    assert first != second


def test_files_are_read_in_and_counted(house: Run, tmp_path: Path) -> None:
    people, orders, mapping = (tmp_path / name for name in ("people.csv", "orders.csv", "map.json"))
    people.write_bytes(CUSTOMERS.encode("gb18030"))
    orders.write_text(ORDERS, encoding="utf-8")
    mapping.write_text(json.dumps(ORDER_MAPPING), encoding="utf-8")
    rejected = tmp_path / "rejected.csv"

    customers = house(
        "import", "customers", people, "--encoding", "gb18030", "--rejected", rejected
    )
    bought = house("import", "orders", orders, "--mapping", mapping)
    again = house("import", "orders", orders, "--mapping", mapping)

    assert customers.output.startswith("3 rows: 2 new"), customers.output
    assert "1 rejected" in customers.output
    assert "没有号码" in rejected.read_text(encoding="utf-8-sig")
    assert "2 new" in bought.output
    assert "0 new, 0 changed, 2 as they were" in again.output

    rule = tmp_path / "rule.json"
    rule.write_text('{"all": [{"field": "order_count", "operator": "at_least", "value": 2}]}')
    assert house("segment", "count", rule).output == "1\n"


def test_the_months_report_is_written_as_a_pdf(house: Run, tmp_path: Path) -> None:
    out = tmp_path / "conversion.pdf"

    result = house("report", "conversion", "--month", "2026-01", "--out", out, "--locale", "en")

    assert result.exit_code == 0, result.output
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(out.read_bytes())).pages)
    assert "January 2026" in text


def test_the_worker_does_what_is_due_and_stops(house: Run) -> None:
    assert house("worker", "--once").exit_code == 0


@pytest.mark.parametrize(("is_fine", "code"), [(True, 0), (False, 1)])
def test_the_doctors_exit_code_is_the_finding(
    house: Run, monkeypatch: pytest.MonkeyPatch, *, is_fine: bool, code: int
) -> None:
    monkeypatch.setattr(
        doctor, "examine", lambda _settings: [Finding("disk", is_fine, "as you see")]
    )

    result = house("doctor")

    assert result.exit_code == code
    assert result.output.split()[0] == ("ok" if is_fine else "FAIL")


def test_the_doctor_finds_an_old_schema_and_a_worker_that_never_ran(house: Run, var: Path) -> None:
    findings = {line[6:].split(":")[0]: line[:4] for line in house("doctor").output.splitlines()}
    assert findings["database"] == "ok  "
    assert findings["worker"] == "FAIL"

    house("worker", "--once")
    assert "ok    worker" in house("doctor").output

    (var / "crm.db").unlink()
    assert "FAIL  database" in house("doctor").output


def test_a_key_that_others_can_read_stops_the_start(
    house: Run, var: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del house
    (var / "secret_key").chmod(0o644)

    code, said = refusal_of(["worker", "--once"], monkeypatch, capsys)

    assert code == 1
    assert "chmod 600" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["user", "reset-password", "nobody@qinghe.example"],
        ["user", "add", "not an address", "--name", "王芳", "--role", "rep"],
        ["report", "conversion", "--month", "2999-01", "--out", "/tmp/never.pdf"],
        ["report", "conversion", "--month", "soon", "--out", "/tmp/never.pdf"],
        ["segment", "count", "RULE"],
        ["import", "customers", "EMPTY"],
        ["import", "orders", "MAPPED", "--mapping", "RULE"],
        ["demo"],
    ],
    ids=" ".join,
)
def test_a_refusal_is_one_sentence(
    house: Run,
    tmp_path: Path,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del house
    for name, content in (("RULE", "{"), ("EMPTY", ""), ("MAPPED", ORDERS)):
        (tmp_path / name).write_text(content, encoding="utf-8")
    paths = {name: str(tmp_path / name) for name in ("RULE", "EMPTY", "MAPPED")}

    code, said = refusal_of([paths.get(word, word) for word in words], monkeypatch, capsys)

    assert code == 1, said
    assert len(said.splitlines()) == 1, said
    assert "Traceback" not in said
