"""A headless Chromium, and a web server of the test's own for it to look at."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from werkzeug.serving import make_server

from tests.conftest import skip

DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)

#: A browser that leaves a page drops answers under way; the server leaves their files, half sent,
#: to the collector, which complains about them in whatever test runs then.
DROPPED: Final = "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"

OpenPage = Callable[..., Page]

#: Milliseconds; a machine that does other things besides needs more than the usual five seconds.
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(DROPPED))


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address at which `app` answers while the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")  # longer, and its event loop would stand in other tests' way
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Open an address in a browser of its own; what the console complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def look(
        address: str,
        size: tuple[int, int] = DESKTOP,
        *,
        dark: bool = False,
        cookies: Mapping[str, str] | None = None,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale="en",
            timezone_id="Asia/Shanghai",
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        for name, value in (cookies or {}).items():
            context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_bad(said) else None)
        page.goto(address)
        return page

    yield look
    for context in contexts:
        context.close()
    assert complaints == []


def _is_bad(said: ConsoleMessage) -> bool:
    """An answer of 4xx or a load cut short is part of the play; a refused script is not."""
    return said.type == "error" and not re.search("status of 4|net::ERR", said.text)


def _launch(playwright: Playwright) -> Browser:
    system = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        return playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
    except PlaywrightError as error:
        skip(f"there is no Chromium here: {error.message.splitlines()[0]}")
        raise
