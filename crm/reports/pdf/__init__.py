"""Draws one HTML text as a PDF, in a child process that can do no harm and cannot run away.

The child may read the packaged print sheet, our two fonts and the images inside the text itself:
no address, no other file. Time, memory and file size are limited, so a document that exceeds them
costs the child its life and gives the parent one clear refusal.
"""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from crm.core.errors import Unavailable
from crm.reports.pdf import child

FONTS = child.FONTS
REGULAR, BOLD = child.FONT_FILES
TEXT_LIMIT = 5 * 1024 * 1024

#: Stands for a character that our font lacks: an old printer's mark that says so, never a blank.
MISSING = "〓"

_CHILD = Path(child.__file__)
_UNSEEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


@dataclass(frozen=True, slots=True)
class Limits:
    seconds: int = 30
    memory_bytes: int = 512 * 1024 * 1024
    file_bytes: int = 20 * 1024 * 1024


def write(html: str, target: Path, *, limits: Limits | None = None) -> None:
    """Draw the text into `target`, whole or not at all; the same text gives the same bytes.

    Raises Unavailable with a code "reports.pdf_…" that says what a person can do about it.
    """
    limits = limits or Limits()
    if missing := missing_fonts():
        raise Unavailable("reports.pdf_no_fonts", names=", ".join(missing))
    if len(html.encode("utf-8", "replace")) > TEXT_LIMIT:
        raise Unavailable("reports.pdf_too_large")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".unfinished-", suffix=".pdf")
    os.close(handle)
    unfinished = Path(name)
    try:
        _draw(printable(html), unfinished, limits)
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    except OSError as error:
        # The disk is full, or the folder may not be written.
        raise Unavailable("reports.pdf_no_room", reason=error.strerror or "") from error
    finally:
        unfinished.unlink(missing_ok=True)


def missing_fonts() -> list[str]:
    """The font files that set-up should have made and did not."""
    return [name for name in child.FONT_FILES if not (FONTS / name).is_file()]


def printable(text: str) -> str:
    """The text with 〓 for every character that our font lacks, and without unseen marks."""
    known = _characters()
    return "".join(letter if letter in known else MISSING for letter in _UNSEEN.sub("", text))


def image(svg: str) -> str:
    """A drawing as an address that an `img` of the printed page may carry."""
    return "data:image/svg+xml;base64," + base64.b64encode(printable(svg).encode()).decode()


@lru_cache(maxsize=1)
def _characters() -> frozenset[str]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - only a process that prints pays for it

    known = set("\t\n\r")
    for name in child.FONT_FILES:
        with TTFont(FONTS / name, lazy=True) as font:
            letters = {chr(code) for code in font.getBestCmap()}
        known = known | letters if name == REGULAR else known & (letters | set("\t\n\r"))
    return frozenset(known)


def _draw(html: str, target: Path, limits: Limits) -> None:
    order = json.dumps({"html": html, "target": str(target), **asdict(limits)})
    with tempfile.TemporaryDirectory(prefix="crm-pdf-") as folder:
        drawer = subprocess.Popen(  # noqa: S603 - our own file by our own interpreter
            [sys.executable, "-I", "-X", "utf8", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        with drawer:
            try:
                _, said = drawer.communicate(order.encode(), timeout=limits.seconds)
            except subprocess.TimeoutExpired:
                drawer.kill()
                raise Unavailable("reports.pdf_too_slow", seconds=limits.seconds) from None
            except BaseException:
                drawer.kill()
                raise
    if drawer.returncode != 0:
        raise _refusal(drawer.returncode, said.decode("utf-8", "replace"), limits)


def _environment(folder: str) -> Mapping[str, str]:
    """No secret of the parent reaches the child, no font of the machine, and its caches die."""
    empty = Path(folder) / "fonts.conf"
    empty.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<cachedir>{folder}</cachedir></fontconfig>"
    )
    return {
        "PATH": os.defpath,
        "HOME": folder,
        "TMPDIR": folder,
        "XDG_CACHE_HOME": folder,
        "FONTCONFIG_FILE": str(empty),
        "SOURCE_DATE_EPOCH": "0",
    }


_REFUSALS = {
    child.NO_ENGINE: "reports.pdf_no_engine",
    child.NO_MEMORY: "reports.pdf_too_large",
    child.TOO_LARGE: "reports.pdf_too_large",
    -signal.SIGXFSZ: "reports.pdf_too_large",
    -signal.SIGABRT: "reports.pdf_too_large",  # how the layout libraries answer to no memory
    -signal.SIGTRAP: "reports.pdf_too_large",
    -signal.SIGSEGV: "reports.pdf_too_large",
    -signal.SIGXCPU: "reports.pdf_too_slow",
    -signal.SIGALRM: "reports.pdf_too_slow",
}


def _refusal(status: int, said: str, limits: Limits) -> Unavailable:
    lines = said.strip().splitlines()
    details: dict[str, Any] = {"seconds": limits.seconds, "reason": lines[-1] if lines else ""}
    return Unavailable(_REFUSALS.get(status, "reports.pdf_failed"), **details)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
