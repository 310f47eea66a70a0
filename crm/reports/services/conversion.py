"""The month's conversion: the figures for one viewer, and their PDF."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from crm.core import charts, i18n, templating
from crm.core.company import Company, company
from crm.reports import pdf, queries
from crm.reports.rules import conversion, scope, wording
from crm.reports.rules.conversion import Conversion
from crm.users import policies
from crm.users.models import User


@dataclass(frozen=True, slots=True)
class Wanted:
    """`month` is any day of it; without one the month of the last complete day is meant."""

    month: date | None = None


def conversion_of(session: Session, wanted: Wanted, *, by: User, now: datetime) -> Conversion:
    """The figures within the viewer's reach. Raises Invalid for a month that has not begun."""
    policies.require(by, "reports.read")
    month = chosen_month(session, wanted, now=now)
    return queries.month_conversion(session, month, within=queries.scope_of(by), now=now)


def chosen_month(session: Session, wanted: Wanted, *, now: datetime) -> date:
    today = company(session).day_of(now)
    if wanted.month is None:
        return conversion.latest_month(today)
    return conversion.checked_month(wanted.month, today=today)


def save_conversion(
    session: Session, wanted: Wanted, target: Path, *, locale: str = i18n.CHINESE, now: datetime
) -> Conversion:
    """Write the whole company's report as a PDF file, for whoever runs the machine."""
    month = chosen_month(session, wanted, now=now)
    found = queries.month_conversion(session, month, within=scope.EVERYBODY, now=now)
    pdf.write(as_html(found, company=company(session), locale=locale), target)
    return found


def as_html(found: Conversion, *, company: Company, locale: str) -> str:
    """The printed report as one text; the same figures give the same text."""
    report = wording.in_words(found, locale=locale)
    chart = charts.funnel(report.steps, heads=report.heads, label=report.chart_label)
    context = {"report": report, "found": found, "chart": pdf.image(chart)}
    return templating.render("reports/pdf/conversion.html", context, company=company, locale=locale)
