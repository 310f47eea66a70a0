"""One sales activity from the files of a shop to the report, by the pages alone, in both languages.

Nothing here calls a service: people press what the pages offer, and the worker ticks.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.db import Sessions
from crm.core.transports import SmtpTransport
from crm.settings import Settings
from crm.users.models import User
from crm.worker import Worker
from tests.conftest import NOW
from tests.factories.users import PASSWORD, make_lead, make_manager, make_rep
from tests.mail_server import MailServer, running_mail_server
from tests.stories.browser import Browser, Page

TODAY, TOMORROW = "2026-11-19", "2026-11-20"

#: How the pages say it.
WORDS = {
    "en": {
        "workbench": "workbench",
        "import": "Import",
        "done": "Import done",
        "not contacted": "Do not contact",
        "report": "Conversion in November 2026",
        "as of": "up to the end of 19 November 2026",
        "launched": "Launched: 3 customers",
    },
    "zh_Hans_CN": {
        "workbench": "工作台",
        "import": "导入",
        "done": "导入完成",
        "not contacted": "勿扰",
        "report": "2026 年 11 月 转化",
        "as of": "数据截至 2026-11-19",
        "launched": "已启动，3 位客户",
    },
}

ORDERS = """订单编号,联系手机,下单时间,订单金额,订单状态
A-1,13800138001,2026-10-01 10:00:00,120.00,交易成功
A-2,13800138001,2026-11-01 10:00:00,80.00,交易成功
A-3,13800138002,2026-10-02 10:00:00,300.00,交易成功
A-4,13800138002,2026-11-02 10:00:00,20.00,交易成功
A-5,13800138003,2026-10-03 10:00:00,50.00,交易成功
A-6,13800138003,2026-11-03 10:00:00,50.00,交易成功
A-7,13800138004,2026-11-04 10:00:00,999.00,交易成功
"""


def customers_file(owner: User) -> str:
    """Three regulars and one who bought once."""
    return (
        "姓名,手机,地区,负责人\n"
        f"远山民宿,13800138001,杭州,{owner.email}\n"
        f"南湾咖啡,13800138002,上海,{owner.email}\n"
        f"静安花店,13800138003,上海,{owner.email}\n"
        f"过路客人,13800138004,苏州,{owner.email}\n"
    )


@dataclass
class Company:
    """The house of the story: its people, its worker, its mail server and its clock."""

    app: Flask
    lead: User
    rep: User
    manager: User
    worker: Worker
    mail: MailServer
    monkeypatch: pytest.MonkeyPatch
    words: dict[str, str]

    def sign_in(self, who: User) -> Browser:
        browser = Browser(self.app.test_client())
        form = browser.visit("/users/sign-in").form("/users/sign-in")
        form.fill(login=who.email, password=PASSWORD)
        page = browser.send(form)
        assert page.address == "/followups/", page.text[:500]
        assert self.words["workbench"] in page.text
        return browser

    def let_the_worker_work(self) -> None:
        """Twice: what it did once it does not do again."""
        self.worker.run_once()
        self.worker.run_once()

    def wait_a_day(self) -> None:
        later = clock.now() + timedelta(days=1)
        self.monkeypatch.setattr(clock, "now", lambda: later)


@pytest.fixture(params=["zh_Hans_CN", "en"])
def company(
    request: pytest.FixtureRequest,
    app: Flask,
    session: Session,
    sessions: Sessions,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Company]:
    app.config["WTF_CSRF_ENABLED"] = True
    monkeypatch.setattr(clock, "now", lambda: NOW)
    locale = request.param
    lead, rep = make_lead(session, locale=locale), make_rep(session, locale=locale)
    manager = make_manager(session, locale=locale)
    session.commit()
    with running_mail_server() as mail:
        house = replace(settings, smtp=mail.smtp)
        app.extensions["settings"] = house
        worker = Worker(sessions, SmtpTransport(mail.smtp), house)
        yield Company(app, lead, rep, manager, worker, mail, monkeypatch, WORDS[locale])


def test_the_whole_loop(company: Company) -> None:
    lead = company.sign_in(company.lead)
    read_in(company, lead, "customers", "客户.csv", customers_file(company.rep))
    read_in(company, lead, "orders", "订单.csv", ORDERS)
    the_list_shows_who_bought_how_much(lead)

    segment_id = describe_the_regulars(lead)
    mark_as_not_to_be_contacted(lead, "静安花店")
    activity = plan_an_activity(lead, segment_id)
    launch(company, lead, activity)
    company.let_the_worker_work()
    everybody_is_planned_once_or_held_with_the_reason(company, lead, activity)
    the_rep_was_reminded_by_mail(company)

    rep = company.sign_in(company.rep)
    log_a_call(company, rep, "远山民宿", outcome="interested")
    log_a_call(company, rep, "南湾咖啡", outcome="deal")
    the_targets_have_moved(lead, activity)

    company.wait_a_day()
    manager = company.sign_in(company.manager)
    page, address = ask_for_the_months_report(company, manager)
    the_file_says_what_the_page_says(page, manager.download(address), company)


def read_in(company: Company, browser: Browser, kind: str, name: str, content: str) -> None:
    """A file through the pages: upload, agree to what its columns mean, check, read in, look."""
    start = browser.visit("/imports/")
    assert company.words["import"] in start.text
    form = start.form("/imports/")
    form.fill(kind=kind)
    shown = browser.send(form, file=(name, content.encode("gb18030")))
    assert name in shown.text

    checking = browser.send(shown.form(r"/imports/\d+/check"))
    company.let_the_worker_work()
    checked = browser.visit(checking.address)
    running = browser.send(checked.form(r"/imports/\d+/run"))
    company.let_the_worker_work()

    done = browser.visit(running.address)
    assert company.words["done"] in done.text


def the_list_shows_who_bought_how_much(browser: Browser) -> None:
    page = browser.visit("/customers/")
    for name in ("远山民宿", "南湾咖啡", "静安花店", "过路客人"):
        assert name in page.text
    assert "¥320" in page.text


def describe_the_regulars(browser: Browser) -> str:
    """Everybody with two orders or more, by the rule builder without its script."""
    form = browser.visit("/segments/new").form("/segments/")
    (number,) = [name[2:] for name in form.values if name.startswith("f.")]
    form.fill(**{f"f.{number}": "order_count"})
    form.values["_act"] = "count"
    form = browser.send(form, to="/segments/draft").form("/segments/")
    form.fill(**{f"o.{number}": "at_least", f"v.{number}": "2", "name": "老客户"})

    page = browser.send(form)

    assert "老客户" in page.text
    assert "远山民宿" in page.text
    assert "过路客人" not in page.text
    return page.address.rpartition("/")[2]


def mark_as_not_to_be_contacted(browser: Browser, name: str) -> None:
    found = browser.visit(f"/customers/?q={name}")
    page = browser.visit(found.link(r"/customers/\d+"))
    form = page.form("/outreach/suppressions")
    form.fill(evidence="电话里说不要再打")
    assert name in browser.send(form).text


def plan_an_activity(browser: Browser, segment_id: str) -> str:
    form = browser.visit("/activities/new").form("/activities/")
    form.fill(title="老客回访周", starts_on=TODAY, ends_on="2026-11-30")
    page = browser.send(form)
    activity = page.address.removesuffix("/goal")

    form = page.form(f"{activity}/goals")
    form.fill(metric="deals", target="2")
    browser.send(form)

    form = browser.visit(f"{activity}/strategy").form(f"{activity}/plans")
    form.fill(segment_id=segment_id)
    assert "老客户" in browser.send(form).text
    return activity


def launch(company: Company, browser: Browser, activity: str) -> None:
    before = browser.visit(f"{activity}/launch")
    assert company.words["not contacted"] in before.text  # the preview names who is left out

    after = browser.send(before.form(f"{activity}/launch"))

    assert company.words["launched"] in after.text


def everybody_is_planned_once_or_held_with_the_reason(
    company: Company, lead: Browser, activity: str
) -> None:
    page = lead.visit(f"{activity}/execution")
    assert company.words["not contacted"] in page.text
    bench = lead.visit("/followups/?scope=team")
    for name, times in (("远山民宿", 1), ("南湾咖啡", 1), ("静安花店", 0), ("过路客人", 0)):
        assert bench.html.count(f">{name}</a>") == times, name


def the_rep_was_reminded_by_mail(company: Company) -> None:
    assert set(company.mail.recipients()) == {company.rep.email}
    assert set(company.mail.ids().values()) == {1}
    subjects = " ".join(message["Subject"] for message in company.mail.received)
    assert len(company.mail.received) == 2
    assert "远山民宿" in subjects
    assert "静安花店" not in subjects


def log_a_call(company: Company, browser: Browser, name: str, *, outcome: str) -> None:
    """From the workbench into the drawer, and back with the next date set."""
    bench = browser.visit("/followups/")
    assert company.words["workbench"] in bench.text
    row = bench.html.split(f">{name}</a>")[1]
    found = re.search(r'href="(/followups/new\?[^"]+)"', row)
    assert found is not None, "no way to log a call beside the customer"
    form = browser.visit(found[1].replace("&amp;", "&")).form("/followups/")
    form.fill(channel="phone", outcome=outcome, note="聊了春节备货", next_at=f"{TOMORROW}T09:00")

    after = browser.send(form)

    assert after.address == "/followups/"


def the_targets_have_moved(lead: Browser, activity: str) -> None:
    """Each stands in the column of the furthest step that its customer has reached."""
    page = lead.visit(f"{activity}/execution")
    columns = re.findall(r'<h3 id="step-(\w+)">(.*?)</section>', page.html, re.DOTALL)
    where = {
        name: step
        for step, inside in columns
        for name in ("远山民宿", "南湾咖啡", "静安花店")
        if name in inside
    }
    assert where == {"远山民宿": "talk", "南湾咖啡": "deal"}


def ask_for_the_months_report(company: Company, manager: Browser) -> tuple[Page, str]:
    page = manager.visit("/reports/")
    assert company.words["report"] in page.text
    assert company.words["as of"] in page.text  # the company's last complete day
    manager.send(page.form("/reports/runs"))
    company.let_the_worker_work()
    page = manager.visit("/reports/")
    return page, page.link(r"/reports/runs/\w+/file")


def the_file_says_what_the_page_says(page: Page, content: bytes, company: Company) -> None:
    headline = re.search(r'id="headline"><b>([^<]+)</b>', page.html)
    assert headline is not None
    text = "".join(part.extract_text() for part in PdfReader(io.BytesIO(content)).pages)
    printed = re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", headline[1]) in printed
    total = re.search(r'<tr class="is-sum">(.*?)</tr>', page.html, re.DOTALL)
    assert total is not None
    counts = re.findall(r'<td class="u-r">([^<]+)</td>', total[1])
    assert counts == ["2", "1", "1", "1"]  # 沟通, 邀约, 回访, 成交: a deal has passed them all
    assert "老客回访周" in printed
    assert "2026-11-19" in printed
