"""Excel workbooks: one sheet becomes CSV text without loss, in a child that cannot run away.

Everything a spreadsheet shows as a value becomes the text a person would have typed: dates, whole
numbers with all their digits, a formula's last result. What the file itself has lost (a number of
more than 15 digits, a formula without its result, an error) stays visible, so that its row comes
back with the reason. What is merged downwards stands in each row; hidden rows are read and counted.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from crm.core import workbook_child
from crm.core.errors import Invalid

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NO_VALUE = workbook_child.NO_VALUE

_CHILD = Path(workbook_child.__file__)
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a workbook is refused; `titles` are rows that may stand above the header."""

    rows: int = 200_000
    columns: int = 200
    cells: int = 8_000_000
    titles: int = 100
    members: int = 200
    ratio: int = 100
    unpacked: int = 1 << 30
    file_bytes: int = 1 << 30
    memory_bytes: int = 768 << 20
    seconds: int = 120


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """The sheets, and the one that was written; None when somebody has to choose."""

    sheets: tuple[Sheet, ...]
    sheet: str | None
    notes: dict[str, Any] = field(default_factory=dict)


def is_workbook(path: Path) -> bool:
    """Whether the file begins as a workbook does, old or new."""
    with path.open("rb") as file:
        head = file.read(len(OLE))
    return head.startswith(ZIP) or head == OLE


def write_sheet(
    source: Path, target: Path, *, sheet: str | None = None, limits: Limits | None = None
) -> Opened:
    """Write one sheet as CSV: the named one, or the only one that is not hidden.

    Raises Invalid by name for what is no sound workbook or larger than the limits.
    """
    _refuse_old(source)
    limits = limits or Limits()
    order = {"source": str(source), "target": str(target), "sheet": sheet, **asdict(limits)}
    answer = _ask(order, limits.seconds)
    if code := answer.get("refused"):
        raise Invalid(code, **answer["details"])
    return Opened(
        sheets=tuple(Sheet(**one) for one in answer["sheets"]),
        sheet=answer["sheet"],
        notes=answer.get("notes", {}),
    )


def _refuse_old(source: Path) -> None:
    with source.open("rb") as file:
        if file.read(len(OLE)) != OLE:
            return
        file.seek(0)
        # A workbook with a password is an old container around a new one.
        encrypted = _ENCRYPTED in file.read(1 << 20)
    raise Invalid("import.xlsx_encrypted" if encrypted else "import.old_format")


def _ask(order: dict[str, Any], seconds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="crm-sheet-") as folder:
        try:
            done = subprocess.run(  # noqa: S603 - our own file by our own interpreter
                [sys.executable, "-I", "-X", "utf8", str(_CHILD)],
                input=json.dumps(order).encode(),
                capture_output=True,
                cwd=folder,
                env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder},
                timeout=seconds,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise Invalid("import.file_too_large_unpacked") from None
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    # Killed by a limit: too large. Anything else is a workbook that its reader cannot bear.
    too_large = done.returncode < 0 or b"memory" in done.stderr.lower()
    raise Invalid("import.file_too_large_unpacked" if too_large else "import.file_corrupt")
