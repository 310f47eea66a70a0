"""Every page of the demo shop, on a desk and on a phone: nothing for axe, nothing sideways."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import select

from crm import demo, migrations
from crm.app import create_app, make_sessions
from crm.core import db
from crm.core.db import Sessions
from crm.settings import Settings
from crm.users import auth
from crm.users.models import Theme, User
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served

pytestmark = pytest.mark.browser

REP = [
    "/followups/",
    "/followups/new",
    "/customers/",
    "/customers/filters",
    "/customers/new",
    "/customers/1",
    "/customers/1/edit",
    "/segments/",
    "/segments/1",
    "/activities/",
    "/activities/1",
    "/reports/",
    "/outreach/policy",
    "/search?q=wang",
    "/users/me",
    "/users/password",
    "/nowhere",
]
LEAD = [
    "/segments/new",
    "/activities/new",
    "/activities/1/goal",
    "/activities/1/strategy",
    "/activities/1/resources",
    "/activities/1/review",
    "/imports/",
    "/settings/tags/",
    "/settings/tags/1/edit",
    "/settings/tags/groups/1/edit",
    "/customers/1/persons/new",
    "/customers/1/persons/1/edit",
]
ADMIN = [
    "/users/",
    "/users/new",
    "/users/1/edit",
    "/users/teams",
    "/settings/fields/",
    "/settings/fields/2/edit",
]
NOBODY = ["/users/sign-in", "/users/forgot", "/users/reset/spent"]

PAGES = {"lina": REP, "chenjing": LEAD, "sunli": ADMIN, "": NOBODY}
LOOKS = {"desk": (DESKTOP, Theme.LIGHT, "zh_Hans_CN"), "phone": (PHONE, Theme.DARK, "en")}


class Shop:
    """The demo shop on a database of its own, served to the browser."""

    def __init__(self, app: Flask, sessions: Sessions, address: str) -> None:
        self._app, self._sessions, self.address = app, sessions, address

    def sign_in(self, who: str, theme: Theme, locale: str) -> str:
        """What the browser's cookie must hold for this user, who likes it so."""
        with self._sessions.begin() as session:
            user = session.scalars(select(User).where(User.email.startswith(f"{who}@"))).one()
            user.theme, user.locale, user.must_change_password = theme, locale, False
            token = auth.open_session(session, user, now=datetime.now(UTC))
        client = self._app.test_client()
        with client.session_transaction() as cookie:
            cookie["sid"] = token
        found = client.get_cookie(self._app.config["SESSION_COOKIE_NAME"])
        assert found is not None
        return found.value


@pytest.fixture(scope="module")
def shop(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    own = replace(settings, database_url=f"sqlite:///{folder / 'crm.db'}", var_dir=folder)
    engine = db.make_engine(own.database_url)
    migrations.upgrade(engine)
    engine.dispose()
    sessions = make_sessions(own)
    for _line in demo.make(sessions, now=datetime.now(UTC)):
        pass
    app = create_app(own, sessions)
    with served(app) as address:
        yield Shop(app, sessions, address)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("who", PAGES)
def test_pages_are_open_to_everybody(shop: Shop, open_page: OpenPage, who: str, look: str) -> None:
    size, theme, locale = LOOKS[look]
    cookies = {"theme": theme.value, "locale": "en" if locale == "en" else "zh-CN"}
    if who:
        cookies["crm"] = shop.sign_in(who, theme, locale)
    page = open_page(f"{shop.address}/healthz", size, cookies=cookies)

    found = {}
    for path in PAGES[who]:
        answer = page.goto(shop.address + path)
        assert answer is not None
        assert answer.status < 500, path
        if faults := violations(page) + sideways(page) + missing_icons(page):
            found[path] = faults

    assert found == {}


def sideways(page: Page) -> list[str]:
    """What reaches over the right edge when the page can be pushed sideways."""
    found: list[str] = page.evaluate("""() =>
        document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll('body *')]
            .filter(one => one.getBoundingClientRect().right > innerWidth)
            .filter(one => !one.closest('.c-scroll'))
            .map(one => `over the edge: ${one.outerHTML.slice(0, 120)}`)""")
    return found


def missing_icons(page: Page) -> list[str]:
    """Icons in sight that draw nothing, because the sprite does not have them."""
    found: list[str] = page.evaluate("""() => [...document.querySelectorAll('use')]
        .filter(use => use.checkVisibility() && !use.getBBox().width)
        .map(use => `no such icon: ${use.getAttribute('href')}`)""")
    return found
