"""One plain Jinja environment for mail and PDF, so that the worker needs no Flask."""

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from crm.core import i18n
from crm.core.company import Company

_PACKAGE = Path(__file__).parents[1]


class Letter(NamedTuple):
    subject: str
    text: str


def render(template: str, context: Mapping[str, Any], *, company: Company, locale: str) -> str:
    """Fill a template of any module, e.g. "followups/mail/reminder.txt", in one language.

    HTML is escaped, text is not; a name that the context lacks is an error.
    """
    environment = _environment(locale, company)
    return environment.get_template(template).render({"company": company, **context})


def letter(template: str, context: Mapping[str, Any], *, company: Company, locale: str) -> Letter:
    """A text template whose first line is the subject and the rest the body."""
    subject, _, text = render(template, context, company=company, locale=locale).partition("\n")
    return Letter(" ".join(subject.split()), text.strip() + "\n")


@lru_cache(maxsize=8)
def _environment(locale: str, company: Company) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(sorted(_PACKAGE.glob("*/templates"))),
        autoescape=select_autoescape(["html", "svg"], default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    texts = i18n.catalogue(locale)
    # Jinja adds these two by its i18n extension; newstyle escapes the values in HTML.
    install = environment.install_gettext_callables  # type: ignore[attr-defined]  # by extension
    install(texts.gettext, texts.ngettext, newstyle=True, pgettext=texts.pgettext)
    environment.globals["locale"] = locale
    environment.globals["lang"] = "zh-CN" if locale == i18n.CHINESE else locale
    environment.filters.update(
        number=i18n.rounded,
        percent=i18n.percent,
        month=partial(i18n.month_name, locale=locale),
        full_day=partial(i18n.full_day, locale=locale),
        full_moment=partial(i18n.full_moment, locale=locale, zone=company.zone),
    )
    return environment
