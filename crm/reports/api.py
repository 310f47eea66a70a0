"""Reports for programs: the month's conversion, and PDF files of it."""

from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.core import i18n
from crm.core.i18n import gettext_for
from crm.reports import queries, services
from crm.reports.models import ReportRun
from crm.reports.rules import wording
from crm.reports.rules.conversion import STEPS, Conversion, Funnel, Rate
from crm.reports.rules.definitions import CV_ALL
from crm.reports.schemas import ConversionOut, MonthIn, RunOut, RunsOut
from crm.reports.services import Wanted
from crm.users import policies
from crm.users.auth import Scope, current_user, token_required
from crm.web import context, shell

blp = Blueprint(
    "reports_api", __name__, url_prefix="/api/v1/reports", description="Figures and their files"
)


@blp.get("/conversion")
@blp.arguments(MonthIn, location="query")
@blp.response(200, ConversionOut)
@token_required(Scope.REPORTS_READ)
def show(wanted: Wanted) -> dict[str, Any]:
    """The month's conversion within the reach of the token's owner."""
    by, now = current_user(), context.now_once()
    return _as_dict(services.conversion_of(context.session(), wanted, by=by, now=now))


@blp.get("/runs")
@blp.response(200, RunsOut)
@token_required(Scope.REPORTS_READ)
def index() -> dict[str, Any]:
    """The newest reports that were asked for."""
    policies.require(current_user(), "reports.read")
    return {"items": context.session().scalars(queries.latest_runs(current_user())).all()}


@blp.post("/runs")
@blp.arguments(MonthIn)
@blp.response(202, RunOut)
@token_required(Scope.REPORTS_WRITE)
def create(wanted: Wanted) -> ReportRun:
    """Freeze the month's figures and have the PDF drawn. The same figures are not drawn twice."""
    by, now = current_user(), context.now_once()
    return services.request(context.session(), wanted, by=by, now=now)


@blp.get("/runs/<string:public_id>")
@blp.response(200, RunOut)
@token_required(Scope.REPORTS_READ)
def show_run(public_id: str) -> ReportRun:
    policies.require(current_user(), "reports.read")
    return queries.get_run(context.session(), public_id, visible_for=current_user())


@blp.get("/runs/<string:public_id>/file")
@blp.response(200, content_type="application/pdf")
@token_required(Scope.REPORTS_READ)
def file(public_id: str) -> ResponseReturnValue:
    """The drawn PDF."""
    policies.require(current_user(), "reports.read")
    run = queries.get_run(context.session(), public_id, visible_for=current_user())
    return Response(services.content_of(context.session(), run), mimetype="application/pdf")


def _as_dict(found: Conversion) -> dict[str, Any]:
    translate = gettext_for(shell.choose_locale())
    return {
        "metric": wording.entry(CV_ALL, translate),
        "month": found.month,
        "as_of": found.as_of,
        "scope": str(queries.scope_of(current_user())),
        "is_whole_month": found.is_whole_month,
        "steps": _steps(found.total),
        "overall": _rate(found.total.overall),
        "internal_count": found.internal_count,
        "activities": [
            {
                "public_id": one.public_id,
                "title": one.title,
                "steps": _steps(one.funnel),
                "overall": _rate(one.funnel.overall),
            }
            for one in found.activities
        ],
    }


def _steps(funnel: Funnel) -> list[dict[str, Any]]:
    return [
        {
            "step": step.value,
            "count": count,
            "conversion": _rate(funnel.step(number)) if number else None,
        }
        for number, (step, count) in enumerate(zip(STEPS, funnel.counts, strict=True))
    ]


def _rate(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval or (None, None)
    share = i18n.share(rate.count, rate.of)
    return {
        "count": rate.count,
        "of": rate.of,
        "share": None if share is None else float(share),
        "low": low,
        "high": high,
        "reading": rate.reading.value,
    }
