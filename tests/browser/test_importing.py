"""A sheet from the file to the customers and back, by mouse: the page follows the worker by itself.

The server works on a database file of its own, so every request is a real transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crm import migrations
from crm.app import create_app, wiring
from crm.core import clock, db
from crm.core.db import Sessions
from crm.customers.services import importing
from crm.settings import Settings
from crm.users.models import User
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served
from tests.customers.workbooks import workbook
from tests.factories.users import PASSWORD, make_lead

pytestmark = pytest.mark.browser

SHEET: list[list[object]] = [
    ["客户台账", "", ""],
    ["客户名称", "手机", "区域2"],
    ["远山民宿", 13800138001, "西湖"],
    ["静安花店", "1380013800", "静安"],
]


@dataclass
class House:
    address: str
    lead: User
    sessions: Sessions

    def let_the_worker_work(self) -> None:
        more = True
        while more:
            with self.sessions.begin() as session:
                more = importing.advance(session, clock.now())


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> Iterator[House]:
    own = replace(settings, database_url=f"sqlite:///{tmp_path / 'crm.db'}", var_dir=tmp_path)
    engine = db.make_engine(own.database_url)
    migrations.upgrade(engine)
    sessions = db.make_sessions(engine, wiring(own))
    with sessions.begin() as session:
        lead = make_lead(session)
    with served(create_app(own, sessions)) as address:
        yield House(address, lead, sessions)
    engine.dispose()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_a_sheet_is_read_in_with_four_clicks_and_taken_back_with_one(
    house: House, open_page: OpenPage, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = workbook(tmp_path / "客户.xlsx", ("说明", [["请看"]]), ("客户", SHEET))
    page = open_page(f"{house.address}/users/sign-in", size)
    page.fill("[name=login]", house.lead.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{house.address}/followups/")
    page.goto(f"{house.address}/imports/")
    page.set_input_files("[name=file]", path)
    page.get_by_role("button", name="Upload").click()

    page.get_by_role("radio", name="客户").check()
    must_be_open_to_everybody(page)
    page.get_by_role("button", name="Read this sheet").click()

    expect(page.locator("#preview")).to_contain_text("is not a phone number")
    must_be_open_to_everybody(page)
    page.get_by_label("What 区域2 means").select_option("region")
    expect(page.locator("#preview")).to_contain_text("西湖")  # no button was pressed
    page.get_by_role("button", name="Check 2 rows").click()

    expect(page.get_by_text("nothing is written yet")).to_be_visible()
    house.let_the_worker_work()
    expect(page.get_by_text("1 row needs correcting")).to_be_visible()  # by itself
    must_be_open_to_everybody(page)
    page.get_by_role("button", name="Read in 1 row").click()
    house.let_the_worker_work()
    expect(page.get_by_text("Import done")).to_be_visible()
    must_be_open_to_everybody(page)

    page.get_by_role("button", name="Take this import back").click()
    house.let_the_worker_work()
    expect(page.get_by_text("customers whom the import had made")).to_be_visible()
    must_be_open_to_everybody(page)


def must_be_open_to_everybody(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
