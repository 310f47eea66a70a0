"""The one place that turns a refusal into a status and a shape: page, fragment or JSON."""

import logging
from datetime import datetime
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    SecurityError,
    UnprocessableEntity,
)

from crm.core.errors import (
    Conflict,
    DomainError,
    Invalid,
    NotAllowed,
    NotFound,
    TooMany,
    Unavailable,
)
from crm.core.messages import ERRORS, N_
from crm.web import context, filters
from crm.web.htmx import is_fragment_request

log = logging.getLogger(__name__)

API = "/api/"
STATUS: dict[type[DomainError], int] = {
    NotFound: 404,
    NotAllowed: 403,
    Conflict: 409,
    Invalid: 422,
    TooMany: 429,
    Unavailable: 503,
}
#: PostgreSQL's number or time out of range; None is the driver's own refusal of a zero byte.
BEYOND = frozenset({"22003", "22008", None})
#: How each database names a row that is there already.
UNIQUE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
HTTP_CODES = {
    400: "core.bad_request",
    403: "core.not_allowed",
    404: "core.not_found",
    405: "core.method_not_allowed",
    412: "core.stale",
    413: "core.too_large",
    415: "core.unsupported_type",
    422: "core.invalid",
    429: "core.too_many_requests",
}


def message(error: DomainError) -> str:
    """The refusal in the user's language."""
    text = gettext(ERRORS[error.code])
    return text % _shown(error.details) if "%(" in text else text


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, answer)
    app.register_error_handler(StaleDataError, answer)
    app.register_error_handler(OperationalError, answer)
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """Shape any error. Unknown ones are logged with the number that the user is shown."""
    if isinstance(error, HTTPException) and error.response is not None:
        return make_response(error.response)
    if isinstance(error, SecurityError):
        # No address can be built for a host that is not ours, so no page can be drawn either.
        text = message(Invalid("core.host_unknown"))
        return Response(text, 400, content_type="text/plain; charset=utf-8")
    if not isinstance(error, DomainError | HTTPException):
        # The database may have broken off the transaction: the error page needs a sound one.
        context.abandon()
    refusal, status = _as_refusal(error)
    fields = refusal.details.get("fields", {})
    code, text = refusal.code, message(refusal)
    response = _shape(code, text, fields, status)
    if retry_after := refusal.details.get("retry_after"):
        response.headers["Retry-After"] = str(retry_after)
    if isinstance(error, HTTPException) and (allowed := getattr(error, "valid_methods", None)):
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _as_refusal(error: Exception) -> tuple[DomainError, int]:
    if isinstance(error, DomainError):
        return error, STATUS[type(error)]
    if isinstance(error, StaleDataError) or _is_taken(error):
        log.warning("request %s was second", context.request_id(), exc_info=error)
        return Conflict("core.taken" if _is_taken(error) else "core.stale"), 409
    if isinstance(error, OperationalError) and _is_busy(error):
        return Unavailable("core.busy", retry_after=2), 503
    if isinstance(error, HTTPException) and not isinstance(error, InternalServerError):
        return _http_refusal(error)
    if _is_beyond_any_row(error):
        log.warning("request %s was beyond any row", context.request_id(), exc_info=error)
        return Invalid("core.invalid"), 422
    log.error("request %s failed", context.request_id(), exc_info=error)
    return Unavailable("core.unexpected", request_id=context.request_id()), 500


def _http_refusal(error: HTTPException) -> tuple[DomainError, int]:
    status = error.code or 400
    if isinstance(error, CSRFError):
        return Invalid("core.csrf"), status
    if isinstance(error, SecurityError):
        return Invalid("core.host_unknown"), status
    if isinstance(error, UnprocessableEntity):
        return Invalid("core.invalid", fields=_schema_fields(error)), status
    code = HTTP_CODES.get(status, "core.bad_request")
    return Invalid(code, retry_after=60 if status == HTTP_TOO_MANY else None), status


HTTP_TOO_MANY, HTTP_OURS = 429, 500
TITLES = {
    403: N_("Not allowed"),
    404: N_("Not found"),
    409: N_("Somebody was first"),
    422: N_("Not accepted"),
    429: N_("Too many attempts"),
    500: N_("Our fault"),
    503: N_("Busy"),
    0: N_("Not possible"),
}


def _schema_fields(error: HTTPException) -> dict[str, Any]:
    """What flask-smorest found wrong: {"json": {field: [texts]}} without its outer location."""
    found: dict[str, Any] = getattr(error, "data", {}).get("messages", {})
    inner: dict[str, Any] = {}
    for value in found.values():
        inner.update(value if isinstance(value, dict) else {"": value})
    return inner


def _shape(code: str, text: str, fields: dict[str, Any], status: int) -> Response:
    if request.path.startswith(API):
        body = {
            "code": code,
            "message": text,
            "fields": fields,
            "request_id": context.request_id(),
        }
        response = jsonify(body)
        response.status_code = status
        return response
    template = "errors/_error.html" if is_fragment_request() else "errors/error.html"
    title = gettext(TITLES.get(status, TITLES[0]))
    number = context.request_id() if status == HTTP_OURS else ""
    html = render_template(
        template, title=title, text=text, fields=fields, status=status, request_id=number
    )
    return make_response(html, status)


def _is_busy(error: OperationalError) -> bool:
    text = str(error.orig)
    return "locked" in text or "lock timeout" in text or "could not obtain lock" in text


def _is_taken(error: Exception) -> bool:
    """Two saved the same at once, and the database let one of them: services look before that."""
    if not isinstance(error, IntegrityError):
        return False
    said = {getattr(error.orig, name, "") for name in ("sqlstate", "sqlite_errorname")}
    return bool(said & UNIQUE)


def _is_beyond_any_row(error: Exception) -> bool:
    """A number, a time or a zero byte that no row can hold: each database says so its own way."""
    cause = getattr(error, "orig", error)
    return isinstance(cause, OverflowError) or (
        isinstance(error, DataError) and getattr(cause, "sqlstate", "") in BEYOND
    )


def _shown(details: dict[str, Any]) -> dict[str, str]:
    return {name: _as_text(value) for name, value in details.items()}


def _as_text(value: object) -> str:
    """A detail as people read it: times by the company's clock, lists of codes as their texts."""
    if value is None or isinstance(value, datetime):
        return filters.moment(value)
    if isinstance(value, tuple):
        return "; ".join(gettext(ERRORS.get(item, item)) for item in value)
    return str(value)
