"""The loop with clicks and keys: from the customers to a logged call, in a real browser.

The server works on a database file of its own, so every request is a real transaction.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crm import migrations
from crm.app import create_app, wiring
from crm.core import clock, db
from crm.core.db import Sessions
from crm.core.transports import FolderTransport, outbox_of
from crm.settings import Settings
from crm.users.models import User
from crm.worker import Worker
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served
from tests.factories.customers import make_customer, make_order
from tests.factories.users import PASSWORD, make_lead, make_rep

pytestmark = pytest.mark.browser

REGULARS = ("远山民宿", "南湾咖啡", "静安花店")
TITLE = "老客回访周"
PLANNED = "[id^=fu-row-]"


@dataclass
class Shop:
    """A running house: where it answers, who works there, and its worker."""

    address: str
    lead: User
    rep: User
    worker: Worker


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Iterator[Shop]:
    house = replace(settings, database_url=f"sqlite:///{tmp_path / 'crm.db'}", var_dir=tmp_path)
    engine = db.make_engine(house.database_url)
    migrations.upgrade(engine)
    sessions = db.make_sessions(engine, wiring(house))
    lead, rep = open_the_shop(sessions)
    worker = Worker(sessions, FolderTransport(outbox_of(house)), house)
    worker.run_once()
    with served(create_app(house, sessions)) as address:
        yield Shop(address, lead, rep, worker)
    engine.dispose()


def open_the_shop(sessions: Sessions) -> tuple[User, User]:
    """Three regulars, and one who bought once; nobody was contacted lately."""
    with sessions.begin() as session:
        lead, rep = make_lead(session), make_rep(session)
        for number, name in enumerate((*REGULARS, "过路客人")):
            customer = make_customer(session, name=name, owner=rep, phone=f"1380013800{number}")
            for _ in range(2 if name in REGULARS else 1):
                make_order(session, customer)
    return lead, rep


def sign_in(page: Page, who: User) -> None:
    page.get_by_label("E-mail address").fill(who.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    is_well(page)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(who.name)


def is_well(page: Page) -> None:
    """Nothing for axe to list, and nothing that pushes the page sideways."""
    page.wait_for_load_state("networkidle")
    assert violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def test_a_lead_launches_and_a_rep_logs_a_call_by_keyboard(shop: Shop, open_page: OpenPage) -> None:
    lead = open_page(shop.address, DESKTOP)
    sign_in(lead, shop.lead)
    see_the_customers(lead)
    build_a_segment(lead)
    plan_and_launch(lead)
    shop.worker.run_once()

    rep = open_page(shop.address, DESKTOP)
    sign_in(rep, shop.rep)
    is_well(rep)
    expect(rep.locator(PLANNED)).to_have_count(len(REGULARS))
    first = f"#{rep.locator(PLANNED).first.get_attribute('id')}"
    log_by_keyboard(rep)
    expect(rep.locator(first)).to_have_count(0)
    is_well(rep)
    take_it_back(rep)
    expect(rep.locator(first)).to_be_visible()


def swapped(page: Page) -> None:
    """What the page last asked for has come and is in its place."""
    expect(page.locator(".htmx-request")).to_have_count(0)


def see_the_customers(page: Page) -> None:
    page.wait_for_load_state("networkidle")  # the keys are known once the scripts have run
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.locator("[data-rows] .c-name")).to_have_count(4)
    is_well(page)


def build_a_segment(page: Page) -> None:
    page.goto(re.sub(r"/customers.*", "/segments/new", page.url))
    page.get_by_label("Field").select_option("order_count")
    swapped(page)
    comparison = page.get_by_label(re.compile("^Comparison of"))
    expect(comparison.locator("option[value=at_least]")).to_be_attached()
    comparison.select_option("at_least")
    swapped(page)  # the choice draws the row anew, and with it the field that is filled next
    page.locator("input[name^='v.']").fill("2")
    expect(page.locator("#count")).to_contain_text("3")
    is_well(page)
    page.get_by_label("Segment name").fill("老客户")
    page.get_by_role("button", name="Save segment").first.click()
    page.wait_for_url(re.compile(r"/segments/\d+$"))
    is_well(page)


def plan_and_launch(page: Page) -> None:
    today = clock.now().date()
    page.goto(re.sub(r"/segments.*", "/activities/new", page.url))
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("First day").fill(f"{today - timedelta(days=1)}")
    page.get_by_label("Last day").fill(f"{today + timedelta(days=10)}")
    is_well(page)
    page.locator("#main form button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/activities/\d+/goal$"))
    page.get_by_label("Target").fill("2")
    page.get_by_role("button", name="Add the goal").click()
    expect(page.locator("#main table").first).to_be_visible()
    is_well(page)
    activity = page.url.removesuffix("/goal")
    page.goto(f"{activity}/strategy")
    page.get_by_role("button", name="Add the segment").click()
    expect(page.locator("#main table").first).to_contain_text("老客户")
    is_well(page)
    page.goto(f"{activity}/launch")
    is_well(page)
    page.get_by_role("button", name=re.compile("^Launch for 3")).click()
    page.wait_for_url(re.compile(r"/activities/\d+/execution$"))
    is_well(page)


def log_by_keyboard(page: Page) -> None:
    """J to the first, L for the drawer, arrows for the choices, Ctrl+Enter to save."""
    page.keyboard.press("j")
    page.keyboard.press("l")
    drawer = page.get_by_role("dialog")
    expect(drawer).to_be_visible()
    is_well(page)
    expect(drawer.locator("input[name=channel]:checked")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(drawer.locator("input[name=outcome]:checked")).to_have_count(1)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Logged")
    expect(drawer).not_to_be_visible()


def take_it_back(page: Page) -> None:
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Taken back")


def test_a_rep_works_on_a_phone(shop: Shop, open_page: OpenPage) -> None:
    page = open_page(shop.address, PHONE)
    sign_in(page, shop.rep)
    is_well(page)
    for address in ("/customers/", "/segments/", "/activities/", "/reports/"):
        page.goto(shop.address + address)
        is_well(page)

    page.goto(f"{shop.address}/customers/")
    page.get_by_role("link", name=REGULARS[0]).first.click()
    page.wait_for_url(re.compile(r"/customers/\d+"))
    is_well(page)
    page.locator("#main [data-log], #main a[href*='/followups/new']").first.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_be_visible()
    is_well(page)
    drawer.get_by_role("radio", name="Call", exact=True).check()
    drawer.get_by_role("radio", name="Interested", exact=True).check()
    drawer.get_by_role("button", name="Save the contact").click()

    expect(page.locator("#main")).to_contain_text("Interested")
    is_well(page)
