"""The JSON face under /api/v1, its errors and its page of documentation at /api/docs."""

import json
from typing import Any

from flask import Flask, Response, render_template, request, url_for
from flask_smorest import Api, Blueprint
from werkzeug.exceptions import BadRequest, HTTPException

from crm import __version__
from crm.web import errors, security
from crm.web.security import csrf

PREFIX = "/api/v1"


class HouseApi(Api):
    """flask-smorest with this house's error shape; its own would turn our pages' errors to JSON."""

    def _register_error_handlers(self) -> None:
        self._app.register_error_handler(HTTPException, errors.answer)


def install(app: Flask, blueprints: list[Blueprint]) -> HouseApi:
    app.config.update(
        API_TITLE="Bihuan CRM",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "security": [{"token": []}],
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        },
    )
    api = HouseApi(app)
    for blueprint in blueprints:
        csrf.exempt(blueprint)  # a token, not a cookie, signs these requests in
        api.register_blueprint(blueprint)
    app.add_url_rule("/api/docs", "api_docs", _docs)
    app.before_request(_refuse_unsound_json)
    return api


def _refuse_unsound_json() -> None:
    """What JSON readers disagree about: a name given twice, NaN, half of a surrogate pair.

    The last would be stored inside a segment's rule and break every page that shows it.
    """
    if not (request.path.startswith(PREFIX) and request.is_json and request.get_data()):
        return
    try:
        found = json.loads(
            request.get_data(), object_pairs_hook=_each_once, parse_constant=_no_number
        )
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadRequest from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(pairs)
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _docs() -> str:
    return render_template(
        "swagger_ui.html",
        title="Bihuan CRM API",
        csp_nonce=security.csp_nonce(),
        spec_url=url_for("api-docs.openapi_json"),
    )


def link_next(response: Response, address: str | None) -> None:
    """The Link header that leads to a list's next page."""
    if address:
        response.headers["Link"] = f'<{address}>; rel="next"'
