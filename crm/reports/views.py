"""Reports for people: the month's conversion, its PDF, and what was made before."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from crm.core import charts
from crm.core.company import company
from crm.core.errors import Invalid
from crm.core.messages import ERRORS
from crm.reports import queries, services
from crm.reports.models import RunState
from crm.reports.rules import conversion, wording
from crm.reports.rules.conversion import Conversion
from crm.reports.schemas import MonthIn
from crm.reports.services import Wanted
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context, shell
from crm.web.forms import Form
from crm.web.htmx import go_to, is_fragment_request, page, toast

bp = Blueprint("reports", __name__, url_prefix="/reports", template_folder="templates")

MONTHS_OFFERED = 18


class MonthForm(Form[Wanted]):
    schema = MonthIn


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    by, now, session = current_user(), context.now_once(), context.session()
    found = services.conversion_of(session, _wanted(request.args), by=by, now=now)
    return page(
        "reports/index.html",
        "reports/_month.html",
        **_shown(found),
        **_runs(),
        months=conversion.months_back(company(session).day_of(now), MONTHS_OFFERED),
        may_make=policies.may(by, "reports.make"),
    )


@bp.get("/runs")
@login_required
def runs() -> ResponseReturnValue:
    policies.require(current_user(), "reports.read")
    return page("reports/runs.html", "reports/_runs.html", **_runs())


@bp.post("/runs")
@login_required
def create() -> ResponseReturnValue:
    by, now = current_user(), context.now_once()
    run = services.request(context.session(), _wanted(request.form), by=by, now=now)
    text = _("This report is made already: it is in the list.")
    if run.state is not RunState.DONE:
        text = _("The PDF is being made. It will be in the list in a few seconds.")
    if is_fragment_request():
        return toast(page("reports/runs.html", "reports/_runs.html", **_runs()), text)
    return toast(go_to(url_for("reports.index", month=f"{run.month:%Y-%m}")), text)


@bp.get("/runs/<public_id>/file")
@login_required
def file(public_id: str) -> ResponseReturnValue:
    policies.require(current_user(), "reports.read")
    session = context.session()
    run = queries.get_run(session, public_id, visible_for=current_user())
    name = f"conversion-{run.month:%Y-%m}.pdf"
    response = Response(services.content_of(session, run), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _wanted(sent: "MultiDict[str, str]") -> Wanted:
    wanted = MonthForm(sent).parse()
    if wanted is None:
        raise Invalid("reports.month_unknown")
    return wanted


def _shown(found: Conversion) -> dict[str, Any]:
    report = wording.in_words(found, locale=shell.choose_locale())
    drawn = {
        # Our own drawing: every name in it went through an XML writer.
        name: Markup(  # noqa: S704
            charts.funnel(report.steps, heads=report.heads, label=report.chart_label, canvas=on)
        )
        for name, on in (("wide", charts.PAGE), ("narrow", charts.PHONE))
    }
    return {"report": report, "found": found, "charts": drawn}


def _runs() -> dict[str, Any]:
    latest = context.session().scalars(queries.latest_runs(current_user())).all()
    waits = any(run.state in {RunState.WAITING, RunState.RUNNING} for run in latest)
    codes = {run.error_code for run in latest if run.error_code}
    refusals = {code: _(ERRORS[code]) for code in codes}
    return {"runs": latest, "is_waiting": waits, "refusals": refusals}
