"""A merge with clicks: banner, choice, merge, and split again; on a desk and on a phone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from crm import migrations
from crm.app import create_app, wiring
from crm.core import clock, db
from crm.customers.services import duplicates
from crm.settings import Settings
from crm.users.models import User
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served
from tests.browser.test_the_loop import is_well, sign_in
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_lead

pytestmark = pytest.mark.browser

House = tuple[str, User, int]


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> Iterator[House]:
    """Where it answers, the lead, and a customer who is there twice."""
    own = replace(settings, database_url=f"sqlite:///{tmp_path / 'crm.db'}", var_dir=tmp_path)
    engine = db.make_engine(own.database_url)
    migrations.upgrade(engine)
    sessions = db.make_sessions(engine, wiring(own))
    with sessions.begin() as session:
        lead = make_lead(session)
        kept = make_customer(
            session, name="远山民宿", owner=lead, phone="13800138001", region="杭州"
        )
        other = make_customer(
            session, name="远山民宿", owner=lead, phone="13800138001", tags=("金卡",)
        )
        make_order(session, other)
        duplicates.look(session, [kept.id, other.id], now=clock.now())
        kept_id = kept.id
    with served(create_app(own, sessions)) as address:
        yield address, lead, kept_id
    engine.dispose()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_two_clicks_merge_and_one_splits(
    house: House, open_page: OpenPage, size: tuple[int, int]
) -> None:
    address, lead, kept_id = house
    page = open_page(f"{address}/users/sign-in", size)
    sign_in(page, lead)
    page.goto(f"{address}/customers/{kept_id}")
    is_well(page)

    page.get_by_role("link", name="Compare and merge").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Merge two records")).to_be_visible()
    is_well(page)
    dialog.get_by_role("button", name="Merge", exact=True).click()

    expect(page.get_by_text("is merged into this record")).to_be_visible()
    expect(page.locator("#timeline")).to_contain_text("Merged with 远山民宿")
    expect(page.locator(".c-chead")).to_contain_text("金卡")
    is_well(page)

    page.locator("#timeline").get_by_role("link", name="Orders").click()
    expect(page).to_have_url(re.compile(r"\?kind=orders"))
    expect(page.locator("#timeline")).not_to_contain_text("Merged with")

    page.get_by_role("button", name="Split again").click()
    expect(page.get_by_text("are two records again")).to_be_visible()
    expect(page.get_by_role("link", name="Compare and merge")).to_have_count(0)


def test_ticked_pairs_are_decided_together(house: House, open_page: OpenPage) -> None:
    address, lead, _ = house
    page = open_page(f"{address}/users/sign-in")
    sign_in(page, lead)
    page.goto(f"{address}/duplicates/")
    is_well(page)
    page.get_by_role("checkbox", name="Tick the pair").check()
    page.get_by_role("button", name="Merge the certain ones").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 record goes into another")
    is_well(page)
    dialog.get_by_role("button", name="Merge 1 pair").click()
    expect(page.get_by_text("1 record is merged")).to_be_visible()
    expect(page.get_by_text("No duplicates here")).to_be_visible()
