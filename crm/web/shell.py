"""What every page shows around its content: menu, viewer, theme, language, banners."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from babel.support import NullTranslations
from flask import Flask, g, has_app_context, request, url_for
from flask_babel import Babel, Domain
from sqlalchemy.orm import Session

from crm.settings import LOCALES
from crm.web import context
from crm.web.htmx import is_fragment_request
from crm.web.viewer import Viewer, viewer

#: How a locale is named in HTML and in a browser's wishes (Babel alone would not match zh-CN).
TAGS = {"zh_Hans_CN": "zh-CN", "en": "en"}
LOCALE_COOKIE, THEME_COOKIE = "locale", "theme"
THEMES = ("auto", "light", "dark")

#: `Any`: the composition root hands in functions of the users it knows.
Count = Callable[[Session, Any, datetime], int]


@dataclass(frozen=True, slots=True)
class NavItem:
    """`key` is the second key of "G …"; `count` is one cheap query; `roles` empty means all."""

    label: Any
    endpoint: str
    icon: str
    key: str = ""
    count: Count | None = None
    is_red: bool = False
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NavGroup:
    label: Any
    items: Sequence[NavItem]


@dataclass(frozen=True, slots=True)
class Banner:
    """A fact that everybody on the page should know; `tone` is info, ok, warn or bad."""

    tone: str
    text: Any
    url: str = ""
    action: Any = ""


@dataclass(frozen=True, slots=True)
class Shell:
    """Filled in `crm.app`: the menu, the addresses of the top bar, who may see what."""

    nav: Sequence[NavGroup] = ()
    links: dict[str, str] = field(default_factory=dict)  # name → endpoint
    banners: Callable[[Session, Any, datetime], Sequence[Banner]] | None = None
    viewer: Callable[[Any], dict[str, Any]] | None = None


def install(app: Flask, shell: Shell, babel: Babel) -> None:
    babel.init_app(
        app,
        default_locale="en",  # the language of the messages in code
        default_translation_directories=str(context.TRANSLATIONS),
        locale_selector=choose_locale,
        timezone_selector=lambda: context.settings().time_zone,
    )
    vars(babel)["domain_instance"] = _Domain()  # a cached property, filled before its first use
    app.context_processor(lambda: _variables(shell))


class _Domain(Domain):
    """Flask-Babel asks for the request's language at each text; a page holds hundreds of texts.

    So a language chosen while a request runs counts from the next one on.
    """

    def get_translations(self) -> NullTranslations:
        if not has_app_context():
            return NullTranslations()
        found: NullTranslations | None = g.get("texts")
        if found is None:
            found = g.texts = super().get_translations()
        return found


def choose_locale() -> str:
    """The user's own language, else the cookie, else the browser's wish, else the company's."""
    known = viewer()
    if known is not None:
        return known.locale
    wished = request.cookies.get(LOCALE_COOKIE) or request.accept_languages.best_match(
        list(TAGS.values())
    )
    by_tag = {tag: locale for locale, tag in TAGS.items()}
    return by_tag.get(wished or "", context.settings().locale)


def choose_theme() -> str:
    known = viewer()
    theme = known.theme.value if known is not None else request.cookies.get(THEME_COOKIE)
    return theme if theme in THEMES else "auto"


def _variables(shell: Shell) -> dict[str, Any]:
    known = viewer()
    return {
        "nav": _nav(shell, known) if known is not None else [],
        "links": _Links(shell.links),
        "viewer": shell.viewer(known) if known is not None and shell.viewer else None,
        "company_name": context.settings().company_name,
        "locale": TAGS[choose_locale()],
        "locales": [TAGS[name] for name in LOCALES],
        "theme": choose_theme(),
        "banners": _banners(shell, known),
        "now": context.now_once(),
    }


class _Links(dict[str, str]):
    """Addresses by name, built when a template asks; an unknown name is an empty address."""

    def __init__(self, endpoints: dict[str, str]) -> None:
        super().__init__()
        self._endpoints = endpoints

    def __missing__(self, name: str) -> str:
        endpoint = self._endpoints.get(name)
        return url_for(endpoint) if endpoint else ""


def _nav(shell: Shell, known: Viewer) -> list[dict[str, Any]]:
    groups = []
    for group in shell.nav:
        items = [
            _nav_item(item, known)
            for item in group.items
            if not item.roles or known.role.value in item.roles
        ]
        if items:
            groups.append({"label": group.label, "items": items})
    return groups


def _nav_item(item: NavItem, known: Viewer) -> dict[str, Any]:
    blueprint = item.endpoint.rpartition(".")[0]
    is_current = (request.endpoint or "").rpartition(".")[0] == blueprint
    count = item.count(context.session(), known, context.now_once()) if item.count else 0
    return {
        "label": item.label,
        "url": url_for(item.endpoint),
        "icon": item.icon,
        "key": item.key,
        "is_current": is_current,
        "count": count,
        "is_red": item.is_red,
    }


def _banners(shell: Shell, known: Viewer | None) -> Sequence[Banner]:
    if known is None or shell.banners is None or is_fragment_request():
        return ()
    return shell.banners(context.session(), known, context.now_once())
