"""The rule builder with clicks: what is typed stays, the count follows, the page says why."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from crm import migrations
from crm.app import create_app, wiring
from crm.core import clock, db
from crm.core.db import Sessions
from crm.customers.models import Customer, Segment
from crm.customers.services import segment_tracking
from crm.settings import Settings
from crm.users.models import User
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served
from tests.browser.test_the_loop import is_well, open_the_shop, sign_in, swapped

pytestmark = pytest.mark.browser

SLOW = 1_500  # milliseconds that an answer is held back


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


def test_a_lead_builds_a_rule_and_sees_why(house: House, open_page: OpenPage) -> None:
    page = open_page(house.address, DESKTOP)
    sign_in(page, house.lead)
    page.goto(f"{house.address}/segments/new")
    keep_what_is_typed_while_the_row_is_drawn(page)
    nest_a_group(page)
    page.get_by_label("Segment name").fill("回头客")
    page.get_by_role("button", name="Save segment").first.click()
    page.wait_for_url(re.compile(r"/segments/\d+$"))
    expect(page.locator("#sample")).to_contain_text("Number of orders: 2")
    expect(page.locator("#moves")).to_contain_text("first look")
    expect(page.locator("#overlap")).to_contain_text("In other segments too")
    is_well(page)
    ask_why_not(page)
    see_who_came(page, house)


def keep_what_is_typed_while_the_row_is_drawn(page: Page) -> None:
    page.get_by_label("Field").select_option("order_count")
    swapped(page)

    def hold(route: Route) -> None:
        page.wait_for_timeout(SLOW)
        route.continue_()

    page.route("**/segments/draft", hold)
    page.get_by_label(re.compile("^Comparison of")).select_option("at_most")
    page.locator("input[name^='v.']").fill("7")
    swapped(page)
    page.unroute("**/segments/draft")
    expect(page.locator("input[name^='v.']")).to_have_value("7")
    expect(page.locator("#count")).to_contain_text("4")
    expect(page.locator("#sentence")).to_contain_text("Number of orders is at most 7")
    is_well(page)


def nest_a_group(page: Page) -> None:
    page.get_by_role("button", name="Group", exact=True).click()
    swapped(page)
    inner = page.locator(".c-group.is-sub")
    expect(inner).to_be_visible()
    inner.get_by_label("Field").select_option("orders_in_days")
    swapped(page)
    values = inner.locator("input[name^='v.']")
    expect(values).to_have_count(2)
    values.first.fill("2")
    values.last.fill("30")
    expect(page.locator("#sentence")).to_contain_text("at least 2 in 30 days")
    expect(page.locator("#count .c-big")).to_have_text("3")
    is_well(page)


def ask_why_not(page: Page) -> None:
    page.get_by_role("link", name="Do not fit").click()
    expect(page.locator("#sample")).to_contain_text("过路客人")
    expect(page.locator("#sample")).to_contain_text("Orders lately: 1")
    is_well(page)
    asked = page.get_by_label("Explain a customer")
    asked.fill("远山")
    asked.press("Enter")
    expect(page.locator("#sample .c-name")).to_have_count(1)
    is_well(page)


def see_who_came(page: Page, house: House) -> None:
    days = timedelta(days=1)
    with house.sessions.begin() as session:
        segment = session.scalars(select(Segment)).one()
        segment_tracking.look(session, segment, now=clock.now() - 2 * days)
        first = session.scalars(select(Customer).order_by(Customer.id)).first()
        assert first is not None
        first.is_internal = True  # not asked for by the rule: nobody leaves
        segment.rule = {"all": [*segment.rule["all"], NOT_STAFF]}
    with house.sessions.begin() as session:
        segment_tracking.look(session, session.scalars(select(Segment)).one(), now=clock.now())
    page.reload()
    expect(page.locator("#moves")).to_contain_text("Left")
    expect(page.locator("#moves")).to_contain_text("no longer: Staff or test record: no")
    is_well(page)


NOT_STAFF = {"field": "is_internal", "operator": "is", "value": False}


def test_the_builder_on_a_phone(house: House, open_page: OpenPage) -> None:
    page = open_page(house.address, PHONE)
    sign_in(page, house.lead)
    page.goto(f"{house.address}/segments/new")
    is_well(page)
    page.get_by_label("Field").select_option("birthday")
    swapped(page)
    page.locator("input[name^='v.']").fill("30")
    expect(page.locator("#sentence")).to_contain_text("comes round in the next 30 days")
    is_well(page)
