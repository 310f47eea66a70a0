"""Photograph the demo shop for the README: a new one in a temporary folder, seen by the rep 李娜.

Run it as .venv/bin/python bin/screenshots.py; it needs Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs/img"
VIEWER = "lina@qinghe.example"
PAGES = {"workbench": "/followups/"}
PATIENCE = 120.0  # seconds for the demo shop to be made and served


@contextmanager
def demo_shop(folder: Path) -> Iterator[tuple[str, str]]:
    """The address and the viewer's password of a demo shop that runs meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "log"
    environment = {**os.environ, "CRM_VAR_DIR": str(folder), "CRM_PORT": str(port)}
    with log.open("wb") as output:
        shop = subprocess.Popen(  # noqa: S603 - our own program
            [Path(sys.executable).with_name("crm"), "start"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(port, shop)
        said = re.search(rf"{VIEWER}\s+(\S+)", log.read_text(encoding="utf-8"))
        if said is None:
            raise RuntimeError(f"no password for {VIEWER} was printed")
        yield address, said.group(1)
    finally:
        shop.send_signal(signal.SIGTERM)
        shop.wait()


def wait_for(port: int, shop: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while shop.poll() is None and time.monotonic() < give_up_at:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise RuntimeError("the demo shop did not start")


def photograph(address: str, password: str) -> None:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    # Chromium's own sandbox refuses to start as root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        size = ViewportSize(width=1440, height=900)
        context = browser.new_context(viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai")
        page = context.new_page()
        page.goto(f"{address}/users/sign-in")
        page.fill("[name=login]", VIEWER)
        page.fill("[name=password]", password)
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "sign-in" not in url)
        for name, path in PAGES.items():
            answer = page.goto(f"{address}{path}")
            if answer is None or not answer.ok:
                raise RuntimeError(f"{path} does not answer as it should")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo_shop(Path(folder)) as (address, password):
        photograph(address, password)


if __name__ == "__main__":
    main()
