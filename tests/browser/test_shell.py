"""What app.js promises every page, seen in a real browser under the real content policy."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, Response, g, make_response, redirect, render_template, request
from flask_babel import Babel
from jinja2 import ChoiceLoader, FileSystemLoader
from marshmallow import fields
from playwright.sync_api import Page, expect

from crm.core import db
from crm.core.errors import Conflict
from crm.settings import Settings
from crm.web import errors, filters, htmx, idempotency, security, shell
from crm.web.forms import Form
from crm.web.schemas import InputSchema
from crm.web.shell import Banner, NavGroup, NavItem, Shell
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served

pytestmark = pytest.mark.browser

VIEWER = SimpleNamespace(
    id=1,
    locale="en",
    theme=SimpleNamespace(value="auto"),
    role=SimpleNamespace(value="rep"),
)
NAV = [
    NavGroup(
        "",
        [
            NavItem("Workbench", "sample", "checklist", "w"),
            NavItem("Customers", "customers", "users", "c"),
        ],
    ),
    NavGroup("Sales activities", [NavItem("Activities", "activities", "target-arrow", "a")]),
]
LINKS = {"log": "log", "search": "search", "preferences": "preferences", "sign_out": "preferences"}


class LogSchema(InputSchema[Any]):
    kind = fields.String(required=True)
    note = fields.String()


class LogForm(Form[Any]):
    schema = LogSchema


@pytest.fixture
def seen() -> list[str]:
    """The requests that changed something, in order."""
    return []


@pytest.fixture
def address(settings: Settings, seen: list[str]) -> Iterator[str]:
    with served(small_app(settings, seen)) as url:
        yield url


def small_app(settings: Settings, seen: list[str]) -> Flask:
    """The web kernel with one page of everything, and no module."""
    app = Flask("crm.web")
    app.extensions["settings"] = settings
    app.extensions["sessions"] = db.make_sessions(db.make_engine("sqlite://"), {})
    loader = FileSystemLoader("tests/browser/templates")
    app.jinja_loader = ChoiceLoader([loader, app.jinja_loader]) if app.jinja_loader else loader
    security.install(app, settings)
    filters.install(app)
    htmx.install(app)
    idempotency.install(app)
    errors.install(app)
    banner = Banner("warn", "No mail server is set", "/", "See the outbox")
    house = Shell(
        NAV,
        LINKS,
        banners=lambda _session, _viewer, _now: [banner],
        viewer=lambda _user: {"name": "李娜", "role_label": "Rep", "team_name": "East"},
    )
    shell.install(app, house, Babel())
    app.before_request(lambda: setattr(g, "viewer", VIEWER))
    add_pages(app)
    add_acts(app, seen)
    return app


def add_pages(app: Flask) -> None:
    rules = {
        "sample": "/",
        "customers": "/customers",
        "customer": "/customers/<int:number>",
        "activities": "/activities",
    }
    for name, rule in rules.items():
        app.add_url_rule(rule, name, lambda **_: render_template("sample.html"))

    @app.get("/search")
    def search() -> str:
        return f'<a href="/customers">{request.args["q"]} one</a><a href="/activities">two</a>'


def add_acts(app: Flask, seen: list[str]) -> None:
    @app.get("/log")
    def log() -> str:
        return render_template("_drawer.html", form=LogForm(start={"kind": "call"}))

    @app.post("/log")
    def save() -> Response:
        seen.append(request.form["idempotency_key"])
        if request.form["note"] == "refuse":
            raise Conflict("core.stale")
        return htmx.toast(make_response("saved"), "Logged", undo="/undo")

    @app.post("/undo")
    def undo() -> Response:
        seen.append("undo")
        return make_response(redirect(request.form["next"], 303))

    @app.post("/slow")
    def slow() -> Response:
        seen.append("slow")
        time.sleep(0.4)
        return make_response(redirect("/", 303))

    @app.post("/preferences")
    def preferences() -> Response:
        seen.append(f"theme {request.form['theme']}")
        return make_response(redirect("/", 303))


def test_l_opens_the_log_drawer_and_saving_closes_it_with_a_toast_that_undoes(
    address: str, open_page: OpenPage, seen: list[str]
) -> None:
    page = open_page(address)

    page.keyboard.press("l")
    expect(page.get_by_role("dialog", name="Log a follow-up")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+Enter")

    expect(page.locator("#saved")).to_have_text("saved")
    expect(page.locator("#drawer")).not_to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#saved")).to_have_text("nothing yet")
    assert seen[-1] == "undo"


def test_a_refusal_stands_above_the_form_and_keeps_what_was_typed(
    address: str, open_page: OpenPage, seen: list[str]
) -> None:
    page = open_page(address)
    page.keyboard.press("l")

    page.get_by_label("Note").fill("refuse")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("Somebody changed this record")
    expect(page.get_by_label("Note")).to_have_value("refuse")
    assert violations(page) == []
    page.get_by_label("Note").fill("now it is fine")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#saved")).to_have_text("saved")
    assert len(set(seen)) == len(seen) == 2  # the answered key was not sent twice


def test_a_second_press_on_a_slow_form_sends_nothing(
    address: str, open_page: OpenPage, seen: list[str]
) -> None:
    page = open_page(address)

    with page.expect_navigation():
        page.evaluate(
            "const b = document.querySelector('#slow button'); b.click(); b.click(); b.click()"
        )

    assert seen == ["slow"]


def test_single_keys_are_silent_while_typing(address: str, open_page: OpenPage) -> None:
    page = open_page(address)

    page.keyboard.press("/")
    page.keyboard.type("jlk?")

    expect(page.get_by_label("Filter")).to_have_value("jlk?")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_j_and_x_tick_rows_and_the_bar_counts_them(address: str, open_page: OpenPage) -> None:
    page = open_page(address)

    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")

    expect(page.locator("#bulk")).to_contain_text("2 ticked")
    assert page.locator("[data-all]").evaluate("box => box.indeterminate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/customers/2")


def test_g_and_a_letter_go_to_a_page(address: str, open_page: OpenPage) -> None:
    page = open_page(address)

    page.keyboard.press("g")
    page.keyboard.press("a")

    page.wait_for_url("**/activities")


def test_the_palette_searches_and_enter_opens_the_chosen_hit(
    address: str, open_page: OpenPage
) -> None:
    page = open_page(address)

    page.keyboard.press("Control+k")
    page.keyboard.type("ys")
    expect(page.locator("#hits a").first).to_have_text("ys one")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/activities")


def test_the_theme_changes_at_once_and_is_kept(
    address: str, open_page: OpenPage, seen: list[str]
) -> None:
    page = open_page(address, dark=True)
    assert theme(page) == "dark"  # the setting is "auto" and this system is dark

    page.locator(".l-side .c-user-menu summary").click()
    with page.expect_response("**/preferences"):
        page.get_by_role("button", name="Light").click()

    assert theme(page) == "light"
    assert seen == ["theme light"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_nothing_moves_sideways(
    address: str,
    open_page: OpenPage,
    size: tuple[int, int],
    dark: bool,  # noqa: FBT001
) -> None:
    page = open_page(address, size, dark=dark)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(
        "document.querySelectorAll('details').forEach(details => { details.open = true })"
    )
    assert violations(page) == []
    page.locator("[data-log]:visible, .c-tabbar .is-main:visible").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []


def theme(page: Page) -> str | None:
    return page.locator("html").get_attribute("data-bs-theme")
