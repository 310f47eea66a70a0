"""A messy sheet becomes clean customers by the pages alone, in both languages.

Title rows, a bad phone, somebody twice under two spellings: checked, read in, corrected from the
file of refused rows, merged; and a wrong file is taken back.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.db import Sessions
from crm.core.transports import transport_for
from crm.settings import Settings
from crm.users.models import User
from crm.worker import Worker
from tests.conftest import NOW
from tests.customers.workbooks import workbook
from tests.factories.users import PASSWORD, make_lead
from tests.stories.browser import Browser, Page

WORDS = {
    "en": {
        "new": "Will be made 3",
        "bad": "1 row needs correcting",
        "done": "Import done",
        "gone": "customers whom the import had made",
    },
    "zh_Hans_CN": {
        "new": "将新建 3",
        "bad": "1 行需要修改",
        "done": "导入完成",
        "gone": "这次导入新建的客户",
    },
}
SHEET: list[list[object]] = [
    ["客户台账 2026 秋", "", "", ""],
    [],
    ["客户名称", "手机", "地区", "标签"],
    ["远山民宿", 13800138001, "杭州", "老客、民宿"],
    ["远山民宿", "", "杭州", ""],
    ["南湾咖啡", "138 0013 8002", "上海", ""],
    ["静安花店", "1380013800", "上海", ""],
]


@dataclass
class House:
    app: Flask
    lead: User
    worker: Worker
    words: dict[str, str]

    def sign_in(self) -> Browser:
        browser = Browser(self.app.test_client())
        form = browser.visit("/users/sign-in").form("/users/sign-in")
        form.fill(login=self.lead.email, password=PASSWORD)
        browser.send(form)
        return browser

    def go_on(self) -> None:
        self.worker.run_once()
        self.worker.run_once()


@pytest.fixture(params=["zh_Hans_CN", "en"])
def house(
    request: pytest.FixtureRequest,
    app: Flask,
    session: Session,
    sessions: Sessions,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    app.config["WTF_CSRF_ENABLED"] = True
    monkeypatch.setattr(clock, "now", lambda: NOW)
    lead = make_lead(session, locale=request.param)
    session.commit()
    worker = Worker(sessions, transport_for(settings), settings)
    return House(app, lead, worker, WORDS[request.param])


def test_a_messy_sheet_becomes_clean_customers(house: House, tmp_path: Path) -> None:
    browser = house.sign_in()
    path = workbook(tmp_path / "a.xlsx", ("客户", SHEET))
    checked = check(house, browser, "台账.xlsx", path.read_bytes())
    assert house.words["new"] in checked.text
    assert house.words["bad"] in checked.text
    done = read_in(house, browser, checked)
    assert house.words["done"] in done.text

    refused = browser.download(done.link(r"/imports/\d+/refused\.csv"))
    assert "静安花店".encode() in refused
    corrected = refused.replace(b",1380013800,", b",13800138003,")
    again = read_in(house, browser, check(house, browser, "改好.csv", corrected))
    assert house.words["done"] in again.text
    assert "静安花店" in browser.visit("/customers/").text

    assert len(records(browser)) == 4
    merge_the_pair(browser)
    assert len(records(browser)) == 3


def test_a_wrong_file_is_taken_back(house: House) -> None:
    browser = house.sign_in()
    content = "姓名,手机\n错误一,13800138001\n错误二,13800138002\n".encode("gb18030")
    done = read_in(house, browser, check(house, browser, "错.csv", content))
    assert "错误一" in browser.visit("/customers/").text
    undoing = browser.send(done.form(r"/imports/\d+/undo"))
    house.go_on()
    assert house.words["gone"] in browser.visit(undoing.address).text
    assert "错误一" not in browser.visit("/customers/").text


def check(house: House, browser: Browser, name: str, content: bytes) -> Page:
    form = browser.visit("/imports/").form("/imports/")
    form.fill(kind="customers")
    shown = browser.send(form, file=(name, content))
    checking = browser.send(shown.form(r"/imports/\d+/check"))
    house.go_on()
    return browser.visit(checking.address)


def read_in(house: House, browser: Browser, checked: Page) -> Page:
    running = browser.send(checked.form(r"/imports/\d+/run"))
    house.go_on()
    return browser.visit(running.address)


def records(browser: Browser) -> set[str]:
    """The records that the list leads to."""
    links = browser.visit("/customers/").links
    return {link for link in links if re.fullmatch(r"/customers/\d+", link)}


def merge_the_pair(browser: Browser) -> None:
    """The same name in the same region, once without a phone: likely one customer."""
    likely = browser.visit("/duplicates/")
    assert "远山民宿" in likely.text
    compare = browser.visit(likely.link(r"/customers/\d+/merges/new/\w+"))
    browser.send(compare.form(r"/customers/\d+/merges"))
    assert "远山民宿" not in browser.visit("/duplicates/").text
