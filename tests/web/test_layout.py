"""The frame around every page: language, theme, menu, messages and refusals."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm.settings import Settings
from tests.web.house import small_app, someone


def browser(settings: Settings, locale: str = "en", theme: str = "auto") -> FlaskClient:
    return of(small_app(settings, [], someone(locale, theme)))


def of(app: Flask) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.mark.parametrize(("locale", "tag"), [("zh_Hans_CN", "zh-CN"), ("en", "en")])
def test_the_page_names_its_language_and_holds_one_main_heading(
    settings: Settings, locale: str, tag: str
) -> None:
    html = browser(settings, locale=locale).get("/").text

    assert f'<html lang="{tag}"' in html
    assert html.count("<h1") == 1
    assert html.count("<main") == 1


@pytest.mark.parametrize(
    ("theme", "shown"), [("dark", "dark"), ("light", "light"), ("auto", "light")]
)
def test_the_server_writes_the_theme_so_that_nothing_flashes(
    settings: Settings, theme: str, shown: str
) -> None:
    html = browser(settings, theme=theme).get("/").text

    assert f'data-theme="{theme}" data-bs-theme="{shown}"' in html


def test_the_menu_marks_the_page_one_is_on_and_carries_its_keys(settings: Settings) -> None:
    html = browser(settings).get("/activities").text

    assert re.search(r'<a href="/activities" aria-current="page" data-go="a"', html)


def test_a_message_of_a_redirect_is_shown_once_with_its_way_back(settings: Settings) -> None:
    client = browser(settings)

    client.post("/log", data={"idempotency_key": "k", "note": "fine", "redirect": "1"})
    first, second = client.get("/").text, client.get("/").text

    assert re.search(r'<form method="post" action="/undo">.*?Undo', first, re.DOTALL)
    assert "Logged" in first
    assert "Logged" not in second


def test_a_refusal_is_a_page_for_a_browser_and_a_note_for_htmx(settings: Settings) -> None:
    client = browser(settings)

    page = client.post("/log", data={"idempotency_key": "k", "note": "refuse"})
    note = client.post(
        "/log", data={"idempotency_key": "k", "note": "refuse"}, headers={"HX-Request": "true"}
    )

    assert (page.status_code, note.status_code) == (409, 409)
    assert "<!doctype html>" in page.text
    assert "data-refusal" in note.text
    assert "<html" not in note.text


def test_a_missing_page_keeps_the_menu_for_those_who_are_signed_in(settings: Settings) -> None:
    inside = browser(settings).get("/nowhere")
    outside = of(small_app(settings, [])).get("/nowhere")

    assert (inside.status_code, outside.status_code) == (404, 404)
    assert "c-nav" in inside.text
    assert "c-nav" not in outside.text
