"""The list with clicks and keys: kept as a view, changed in place, acted on whole, taken along."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crm import migrations
from crm.app import create_app, wiring
from crm.core import db
from crm.core.db import Sessions
from crm.customers.services import exporting
from crm.settings import Settings
from crm.users.models import User
from crm.worker import take_step
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served
from tests.browser.test_the_loop import is_well, open_the_shop, sign_in

pytestmark = pytest.mark.browser


@dataclass
class House:
    address: str
    lead: User
    sessions: Sessions


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> Iterator[House]:
    own = replace(settings, database_url=f"sqlite:///{tmp_path / 'crm.db'}", var_dir=tmp_path)
    engine = db.make_engine(own.database_url)
    migrations.upgrade(engine)
    sessions = db.make_sessions(engine, wiring(own))
    lead, _rep = open_the_shop(sessions)
    with served(create_app(own, sessions)) as address:
        yield House(address, lead, sessions)
    engine.dispose()


def test_a_lead_works_the_list(house: House, open_page: OpenPage) -> None:
    page = open_page(house.address, DESKTOP)
    sign_in(page, house.lead)
    page.goto(f"{house.address}/customers/?tab=all&sort=name")
    is_well(page)
    keep_a_view(page)
    choose_columns(page)
    change_a_stage_by_keys(page)
    tag_all_of_the_list_and_take_it_back(page)
    fetch_a_file(page, house)


def test_the_list_is_well_on_a_phone(house: House, open_page: OpenPage) -> None:
    page = open_page(house.address, PHONE, dark=True)
    sign_in(page, house.lead)
    for path in ("?tab=all", "columns/?tab=all", "acts/"):
        page.goto(f"{house.address}/customers/{path}")
        is_well(page)
    page.goto(f"{house.address}/exports/")
    is_well(page)
    expect(page.get_by_text("No exports yet")).to_be_visible()


def keep_a_view(page: Page) -> None:
    page.get_by_role("link", name="Add condition").click()
    page.locator("#modal").get_by_label("Tag").fill("nobody has it")
    page.locator("#modal").get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nobody fits these conditions")).to_be_visible()
    page.get_by_role("link", name="Remove condition: Tag").click()
    page.keyboard.press("/")
    page.keyboard.type("n")
    page.wait_for_url(re.compile("q=n"))
    page.get_by_role("link", name="Keep as a view").click()
    page.get_by_label("Name of the view").fill("以 N 开头")
    page.get_by_role("button", name="Keep the view").click()
    page.wait_for_url(re.compile(r"view=\d+$"))
    tab = page.get_by_role("navigation", name="Views").get_by_role("link", name="以 N 开头")
    expect(tab).to_have_attribute("aria-current", "page")
    expect(page.get_by_text("unsaved changes")).to_have_count(0)


def choose_columns(page: Page) -> None:
    page.get_by_role("link", name="Columns").click()
    dialog = page.locator("#modal")
    dialog.get_by_label("Region", exact=True).check()
    is_well(page)
    dialog.get_by_role("button", name="Show these columns").click()
    expect(page.get_by_text("unsaved changes")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Region")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="Region")).to_be_visible()


def change_a_stage_by_keys(page: Page) -> None:
    cell = page.locator("#rows tr").first.locator("td.is-stage .c-edit")
    cell.focus()
    page.keyboard.press("Enter")
    control = page.locator("[data-cell] select")
    expect(control).to_be_focused()
    page.keyboard.press("Escape")
    expect(control).to_have_count(0)
    cell.click()
    control.select_option("lost")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#rows tr").first.locator("td.is-stage")).to_contain_text("Lost customer")
    expect(cell).to_be_focused()


def tag_all_of_the_list_and_take_it_back(page: Page) -> None:
    everybody = page.locator("#rows tr").count()
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#bulk [data-n]")).to_have_text("1")
    page.locator("#bulk").get_by_role("button", name="Put a tag on").click()
    dialog = page.locator("#modal")
    dialog.get_by_label(f"All {everybody} of the list").check()
    dialog.get_by_label("Tag", exact=True).fill("双12")
    page.keyboard.press("Enter")
    confirm = dialog.get_by_role("button", name=re.compile(f"Put the tag on {everybody} customer"))
    expect(confirm).to_be_visible()
    is_well(page)
    confirm.click()
    expect(page.locator("#rows").get_by_text("双12")).to_have_count(everybody)
    page.locator(".c-toast").get_by_role("button", name="Undo").click()
    expect(page.locator("#rows").get_by_text("双12")).to_have_count(0)


def fetch_a_file(page: Page, house: House) -> None:
    page.get_by_role("link", name="Export").click()
    dialog = page.locator("#modal")
    dialog.get_by_label("CSV, UTF-8").check()
    dialog.get_by_role("button", name=re.compile("Export .* customer")).click()
    page.wait_for_url(re.compile("/exports/$"))
    while take_step(house.sessions, exporting.advance):
        pass
    ready = page.get_by_role("link", name="Download")
    expect(ready).to_be_visible()
    is_well(page)
    with page.expect_download() as download:
        ready.click()
    rows = list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert rows[0][0] == "Name"
    assert len(rows) > 1
