"""From a sheet to reps who have their customers: read in, describe, assign, take back; both ways.

Nothing here calls a service: people press what the pages offer, and the worker ticks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.db import Sessions
from crm.core.transports import SmtpTransport
from crm.settings import Settings
from crm.users.models import User
from crm.worker import Worker
from tests.conftest import NOW
from tests.factories.users import PASSWORD, make_lead, make_rep
from tests.mail_server import MailServer, running_mail_server
from tests.stories.browser import Browser, Page

#: How the pages say it.
WORDS = {
    "en": {
        "done": "Import done",
        "assign": "Assign 4 customers",
        "assigned": "4 customers have new owners",
        "mail": "new customers for you",
        "taken back": "Taken back",
        "in the pool": "Pool",
    },
    "zh_Hans_CN": {
        "done": "导入完成",
        "assign": "确认分配 4 位",
        "assigned": "4 位客户换了负责人",
        "mail": "分给您 2 位新客户",
        "taken back": "撤回",
        "in the pool": "公海",
    },
}
SHEET = (
    "姓名,手机,地区\n"
    "远山民宿,13800138001,杭州\n"
    "南湾咖啡,13800138002,杭州\n"
    "静安花店,13800138003,上海\n"
    "过路客人,13800138004,上海\n"
    "外地客人,13800138005,成都\n"
)


@dataclass
class House:
    """The house of the story: its people, its worker and its mail."""

    app: Flask
    lead: User
    reps: list[User]
    worker: Worker
    mail: MailServer
    words: dict[str, str]

    def sign_in(self, who: User) -> Browser:
        browser = Browser(self.app.test_client())
        form = browser.visit("/users/sign-in").form("/users/sign-in")
        form.fill(login=who.email, password=PASSWORD)
        browser.send(form)
        return browser


@pytest.fixture(params=["zh_Hans_CN", "en"])
def house(
    request: pytest.FixtureRequest,
    app: Flask,
    session: Session,
    sessions: Sessions,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    app.config["WTF_CSRF_ENABLED"] = True
    monkeypatch.setattr(clock, "now", lambda: NOW)
    locale = request.param
    lead = make_lead(session, locale=locale)
    reps = [make_rep(session, name=name, locale=locale) for name in ("王芳", "李娜")]
    session.commit()
    with running_mail_server() as mail:
        known = replace(settings, smtp=mail.smtp)
        app.extensions["settings"] = known
        worker = Worker(sessions, SmtpTransport(mail.smtp), known)
        yield House(app, lead, reps, worker, mail, WORDS[locale])


def test_a_sheet_becomes_customers_whom_reps_have(house: House) -> None:
    lead = house.sign_in(house.lead)
    read_in(house, lead)
    segment = describe_the_east(lead)

    shown = look_at_the_split(house, lead, segment)
    done = lead.send(shown.form("/assignments/"))
    assert house.words["assigned"] in done.text

    house.worker.run_once()
    house.worker.run_once()
    each_rep_has_two_and_was_told_once(house)

    back = lead.send(done.form(r"/assignments/\d+/undo"))
    assert house.words["taken back"] in back.text
    for rep in house.reps:
        assert customers_of(house.sign_in(rep)) == set()


def read_in(house: House, browser: Browser) -> None:
    form = browser.visit("/imports/").form("/imports/")
    shown = browser.send(form, file=("客户.csv", SHEET.encode("gb18030")))
    checking = browser.send(shown.form(r"/imports/\d+/check"))
    house.worker.run_once()
    running = browser.send(browser.visit(checking.address).form(r"/imports/\d+/run"))
    house.worker.run_once()
    assert house.words["done"] in browser.visit(running.address).text


def describe_the_east(browser: Browser) -> str:
    """Everybody in 杭州 or 上海, by the rule builder without its script."""
    form = browser.visit("/segments/new").form("/segments/")
    (number,) = [name[2:] for name in form.values if name.startswith("f.")]
    form.fill(**{f"f.{number}": "region"})
    form.values["_act"] = "count"
    form = browser.send(form, to="/segments/draft").form("/segments/")
    form.fill(**{f"o.{number}": "any_of", f"v.{number}": "杭州、上海", "name": "华东"})
    page = browser.send(form)
    assert "华东" in page.text
    assert "外地客人" not in page.text
    return page.address


def look_at_the_split(house: House, browser: Browser, segment: str) -> Page:
    page = browser.visit(segment)
    shown = browser.visit(page.link(r"/assignments/new\?segment=\d+"))
    assert house.words["assign"] in shown.text
    form = shown.form("/assignments/")
    form.fill(way="region")
    by_region = browser.send(form, to="/assignments/preview")
    assert house.words["assign"] in by_region.text
    return by_region


def each_rep_has_two_and_was_told_once(house: House) -> None:
    found = [customers_of(house.sign_in(rep)) for rep in house.reps]
    assert sorted(map(sorted, found)) == [["南湾咖啡", "远山民宿"], ["过路客人", "静安花店"]]
    assert sorted(house.mail.recipients()) == sorted(rep.email for rep in house.reps)
    for message in house.mail.received:
        assert house.words["mail"] in message["Subject"]


def customers_of(browser: Browser) -> set[str]:
    html = browser.visit("/customers/?tab=mine").html
    return set(re.findall(r'<a class="c-name" href="/customers/\d+">([^<]+)</a>', html))
