"""The renderer: what it embeds, what it refuses to load, and how it ends when it is too much."""

import base64
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, IndirectObject, PdfObject, StreamObject

from crm.core.errors import Unavailable
from crm.reports import pdf
from crm.reports.pdf import Limits

pytestmark = pytest.mark.skipif(
    bool(pdf.missing_fonts()), reason="the fonts are not made yet: run bin/setup"
)

OURS = {"Noto-Sans-SC", "Noto-Sans-SC-Bold"}


def page(body: str, head: str = "") -> str:
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>测试</title>'
        f'<link rel="stylesheet" href="asset:report.css">{head}</head><body>{body}</body></html>'
    )


def fonts_of(file: Path) -> dict[str, DictionaryObject]:
    """Every embedded font by its name without the subset's tag."""
    found = {}
    for thing in objects_of(file):
        if isinstance(thing, DictionaryObject) and "/FontDescriptor" in thing:
            name = str(thing["/BaseFont"]).rpartition("+")[2].lstrip("/")
            found[name] = cast("DictionaryObject", thing["/FontDescriptor"].get_object())
    return found


def objects_of(file: Path) -> list[PdfObject]:
    reader = PdfReader(file)
    numbers = range(1, int(cast("int", reader.trailer["/Size"])))
    found = [reader.get_object(IndirectObject(number, 0, reader)) for number in numbers]
    return [thing for thing in found if thing is not None]


def text_of(file: Path) -> str:
    return "\n".join(sheet.extract_text() for sheet in PdfReader(file).pages)


def test_only_our_two_fonts_are_embedded_with_a_glyph_for_every_character(tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"

    pdf.write(page("<h1>转化月报 喆堃</h1><p>正文 <b>粗体</b> ★ ① ≤ € 12.34 %</p>"), target)

    fonts = fonts_of(target)
    assert set(fonts) == OURS
    for name, description in fonts.items():
        with TTFont(
            io.BytesIO(cast("StreamObject", description["/FontFile2"]).get_data())
        ) as embedded:
            assert embedded["maxp"].numGlyphs > 1, name
    source = PdfReader(target).pages[0].extract_text()
    with TTFont(pdf.FONTS / pdf.REGULAR) as regular:
        known = regular.getBestCmap()
    assert [letter for letter in source if letter != "\n" and ord(letter) not in known] == []
    assert "转化月报 喆堃" in source


@pytest.mark.parametrize("letter", ["😀", "𠮷", "ᚠ", "\ue000"])
def test_a_character_our_font_lacks_becomes_the_missing_mark_and_not_a_blank(
    tmp_path: Path, letter: str
) -> None:
    target = tmp_path / "a.pdf"

    pdf.write(page(f"<p>杭州{letter}民宿</p>"), target)

    assert "杭州〓民宿" in text_of(target)
    assert set(fonts_of(target)) <= OURS


def test_unseen_marks_that_could_turn_a_line_around_are_dropped() -> None:
    assert pdf.printable("价\u202e格\u200b\ufe0f\ufeff") == "价格"


def test_a_drawing_is_searchable_text_in_our_font(tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40">'
        '<text x="0" y="20" font-family="Noto Sans SC">漏斗 412 😀</text></svg>'
    )

    pdf.write(page(f'<figure><img alt="漏斗" src="{pdf.image(svg)}"></figure>'), target)

    assert "漏斗 412 〓" in text_of(target)
    assert set(fonts_of(target)) <= OURS


def test_two_processes_draw_the_same_bytes(tmp_path: Path) -> None:
    html = page("<h1>转化月报</h1>" + "<p>一行 <b>粗体</b></p>" * 80)

    pdf.write(html, tmp_path / "a.pdf")
    pdf.write(html, tmp_path / "b.pdf")

    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_missing_fonts_are_said_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "FONTS", tmp_path / "none")

    with pytest.raises(Unavailable) as refused:
        pdf.write(page(""), tmp_path / "a.pdf")

    assert refused.value.code == "reports.pdf_no_fonts"
    assert refused.value.details == {"names": "NotoSansSC-Regular.ttf, NotoSansSC-Bold.ttf"}
    assert list(tmp_path.iterdir()) == []


class Listener:
    """A local server that would be reached if the renderer fetched anything."""

    def __init__(self, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.connections = 0
        self._socket = listening
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if connection.recv(1) == b"!":
                    return
                self.connections += 1

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"!")
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Listener(listening)
        yield found
        found.stop()


def svg_uri(inner: str) -> str:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="10" height="10">{inner}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


ATTACKS = {
    "attachment": '<link rel="attachment" href="{url}">',
    "attachment in a link": '<a rel="attachment" href="{url}">x</a>',
    "image": '<img src="{url}">',
    "image set": '<img srcset="{url} 1x" src="{url}">',
    "style sheet": '<link rel="stylesheet" href="{url}">',
    "import": '<style>@import url("{url}");</style>',
    "background": '<p style="background: url({url})">x</p>',
    "content": '<style>p::before {{ content: url("{url}") }}</style><p>x</p>',
    "list": '<ul style="list-style-image: url({url})"><li>x</li></ul>',
    "font": "<style>@font-face {{ font-family: X; src: url({url}) }} p {{ font: 9pt X }}</style>",
    "object": '<object data="{url}"></object>',
    "embed": '<embed src="{url}">',
    "base": '<base href="{url}"><img src="x.png">',
    "inline svg": '<svg><image href="{url}" width="9" height="9"/></svg>',
    "svg use": '<svg><use href="{url}#x"/></svg>',
    "svg in an image": "svg-image",
    "svg style in an image": "svg-style",
    "refresh": '<meta http-equiv="refresh" content="0; url={url}">',
    "iframe": '<iframe src="{url}"></iframe>',
}


def attack(kind: str, url: str) -> str:
    if ATTACKS[kind] == "svg-image":
        inner = f'<image xlink:href="{url}" href="{url}" width="9" height="9"/>'
        return f'<img src="{svg_uri(inner)}">'
    if ATTACKS[kind] == "svg-style":
        return f'<img src="{svg_uri(f"<style>@import url({url});</style>")}">'
    return ATTACKS[kind].format(url=url)


# One document tries everything; a base address changes the others' meaning, so it stands alone.
TOGETHER = [kind for kind in ATTACKS if kind != "base"]


def test_the_listener_would_notice(listener: Listener) -> None:
    with socket.create_connection(("127.0.0.1", listener.port)) as caller:
        caller.sendall(b"GET / HTTP/1.0\r\n\r\n")
    listener.stop()

    assert listener.connections == 1


@pytest.mark.parametrize("kinds", [TOGETHER, ["base"]], ids=["everything", "base"])
def test_nothing_in_a_document_can_reach_an_address_or_a_file(
    kinds: list[str], tmp_path: Path, listener: Listener
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("geheim-4711")
    urls = [
        f"http://127.0.0.1:{listener.port}/a.png",
        f"HTTP://0x7f000001:{listener.port}/a.css",
        f"ftp://127.0.0.1:{listener.port}/a",
        secret.as_uri(),
        f"file://localhost{secret}",
        f"asset:../../../..{secret}",
        "asset:/etc/passwd",
    ]
    target = tmp_path / "a.pdf"

    tries = "".join(attack(kind, url) for kind in kinds for url in urls)
    pdf.write(page(f"<p>报表</p>{tries}"), target)

    assert listener.connections == 0
    assert "报表" in text_of(target)
    content = target.read_bytes()
    assert b"geheim" not in content
    assert dict(PdfReader(target).attachments) == {}
    for thing in objects_of(target):
        if isinstance(thing, StreamObject):
            assert b"geheim" not in thing.get_data()


def test_should_the_fetcher_be_passed_by_the_process_still_cannot_connect(
    tmp_path: Path, listener: Listener
) -> None:
    tried = (
        "import socket, subprocess, sys\n"
        f"sys.path.insert(0, {str(Path(pdf.child.__file__).parent)!r})\n"
        "import child\n"
        "sys.addaudithook(child._refuse)\n"
        "for act in (lambda: socket.create_connection(('127.0.0.1', %d)),\n"
        "            lambda: subprocess.run(['true'])):\n"
        "    try:\n"
        "        act()\n"
        "    except PermissionError as error:\n"
        "        print(error)\n" % listener.port
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", tried], capture_output=True, text=True, check=True
    )

    assert done.stdout.count("has no business in a report") == 2
    assert listener.connections == 0


@pytest.mark.parametrize(
    ("limits", "body", "code"),
    [
        (Limits(seconds=1), "<p>字</p>" * 20_000, "reports.pdf_too_slow"),
        (Limits(memory_bytes=90 * 1024 * 1024), "<p>字</p>" * 20_000, "reports.pdf_too_large"),
        (Limits(file_bytes=2_000), "<h1>转化月报</h1>", "reports.pdf_too_large"),
        (Limits(), "x" * (pdf.TEXT_LIMIT + 1), "reports.pdf_too_large"),
    ],
)
def test_too_much_is_refused_in_one_sentence_and_leaves_no_file(
    tmp_path: Path, limits: Limits, body: str, code: str
) -> None:
    with pytest.raises(Unavailable) as refused:
        pdf.write(page(body), tmp_path / "a.pdf", limits=limits)

    assert refused.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_killed_renderer_leaves_the_file_before_it_untouched(tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    pdf.write(page("<p>第一版</p>"), target)
    before = target.read_bytes()

    with pytest.raises(Unavailable):
        pdf.write(page("<p>第二版</p>" * 20_000), target, limits=Limits(seconds=1))

    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdf"]


def test_a_renderer_that_dies_by_itself_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suicide = tmp_path / "child.py"
    suicide.write_text(f"import os, signal; os.kill(os.getpid(), {int(signal.SIGKILL)})")
    monkeypatch.setattr(pdf, "_CHILD", suicide)

    with pytest.raises(Unavailable) as refused:
        pdf.write(page("<p>x</p>"), tmp_path / "out" / "a.pdf")

    assert refused.value.code == "reports.pdf_failed"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Unavailable) as refused:
        pdf.write(page("<p>x</p>"), tmp_path / "a.pdf")

    assert refused.value.code == "reports.pdf_no_room"
    assert list(tmp_path.iterdir()) == []


def test_the_child_sees_no_secret_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET_KEY", "x" * 40)

    assert "CRM_SECRET_KEY" not in pdf._environment(str(tmp_path))
