"""From a file with people who are known already to one record each, by the pages alone."""

import re
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.db import Sessions
from crm.core.transports import FolderTransport, outbox_of
from crm.settings import Settings
from crm.users.models import User
from crm.worker import Worker
from tests.conftest import NOW
from tests.factories.users import PASSWORD, make_lead
from tests.stories.browser import Browser, Page

WORDS = {
    "en": {
        "certain": "Certain",
        "merged": "is merged into this record",
        "split": "are two records again",
        "none": "No duplicates here",
        "many": "1 record goes into another",
        "warn": "This customer may be here already",
    },
    "zh_Hans_CN": {
        "certain": "确定",
        "merged": "已并入这条记录",
        "split": "又是两条记录了",
        "none": "没有可能重复的记录",
        "many": "1 条记录并入另一条",
        "warn": "这位客户可能已经在系统里",
    },
}

SHOP = "姓名,手机,地区\n远山民宿,13800138001,杭州\n南湾咖啡,13800138002,上海\n"


@dataclass
class House:
    """The lead's browser, the worker, and how the pages say it."""

    browser: Browser
    worker: Worker
    words: dict[str, str]

    def work(self) -> None:
        for _ in range(3):
            self.worker.run_once()

    def read_in(self, name: str, text: str) -> None:
        form = self.browser.visit("/imports/").form("/imports/")
        shown = self.browser.send(form, file=(name, text.encode()))
        checking = self.browser.send(shown.form(r"/imports/\d+/check"))
        self.work()
        checked = self.browser.visit(checking.address)
        self.browser.send(checked.form(r"/imports/\d+/run"))
        self.work()

    def make_again(self, name: str, phone: str) -> Page:
        """By hand, though the form says that this customer may be here."""
        form = self.browser.visit("/customers/new").form("/customers/")
        form.fill(name=name, phone=phone)
        warned = self.browser.send(form, status=422)
        assert self.words["warn"] in warned.text
        [known] = re.findall(r'name="_despite" value="([\d,]+)"', warned.html)
        form = warned.form("/customers/")
        form.values["_despite"] = known
        return self.browser.send(form)

    def duplicates(self) -> Page:
        return self.browser.visit("/duplicates/")


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
    lead: User = make_lead(session, locale=request.param)
    session.commit()
    worker = Worker(sessions, FolderTransport(outbox_of(settings)), settings)
    browser = Browser(app.test_client())
    form = browser.visit("/users/sign-in").form("/users/sign-in")
    form.fill(login=lead.email, password=PASSWORD)
    browser.send(form)
    return House(browser, worker, WORDS[request.param])


def test_a_customer_who_came_in_twice_is_one_again_and_two_if_it_was_wrong(house: House) -> None:
    house.read_in("客户.csv", SHOP)
    again = house.make_again("远山民宿", "138 0013 8001")

    found = house.duplicates()
    assert house.words["certain"] in found.text
    asked = house.browser.visit(found.link(r"/customers/\d+/merges/new/\w+"))
    record = house.browser.send(asked.form(r"/customers/\d+/merges"))
    assert house.words["merged"] in record.text
    assert house.words["none"] in house.duplicates().text
    assert house.browser.visit(again.address).address == record.address

    record = house.browser.visit(record.address)
    parted = house.browser.send(record.form(r"/merges/\d+/split"))
    assert house.words["split"] in parted.text
    assert house.browser.visit(again.address).address == again.address
    assert house.words["none"] in house.duplicates().text


def test_certain_pairs_are_merged_together_after_their_number_was_told(house: House) -> None:
    house.read_in("客户.csv", SHOP)
    house.make_again("南湾咖啡", "13800138002")

    ids = re.findall(r'name="pair_ids" value="(\d+)" form="bulk"', house.duplicates().html)
    asked = house.browser.visit(f"/duplicates/merges/new?pair_ids={ids[0]}")
    assert house.words["many"] in asked.text
    done = house.browser.send(asked.form("/duplicates/merges"))

    assert house.words["none"] in done.text
    assert house.browser.visit("/customers/?q=南湾咖啡").text.count("南湾咖啡") == 1
