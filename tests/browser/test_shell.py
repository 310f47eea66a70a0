"""What app.js promises every page, seen in a real browser under the real content policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from crm.settings import Settings
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, served
from tests.web.house import small_app, someone

pytestmark = pytest.mark.browser


@pytest.fixture
def seen() -> list[str]:
    """The requests that changed something, in order."""
    return []


@pytest.fixture
def address(settings: Settings, seen: list[str]) -> Iterator[str]:
    with served(small_app(settings, seen, someone())) as url:
        yield url


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
