"""Headers that every answer carries, cookies, hosts, and where `next` may lead."""

import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, RequestRedirect, ValidationError

from crm.settings import Settings

csrf = CSRFProtect()
View = TypeVar("View", bound=Callable[..., Any])
LARGEST_BODY = 1024 * 1024  # of what is not a file
TOO_LARGE = 2**63  # beyond what both databases can look for


class RowId(IntegerConverter):
    """A number in an address; one that no row can have is an address that does not exist."""

    def to_python(self, value: str) -> int:
        number: int = super().to_python(value)
        if number >= TOO_LARGE:
            raise ValidationError
        return number


def csp_nonce() -> str:
    """Give the answer its nonce: for the one script of the API's page that cannot be a file."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def install(app: Flask, settings: Settings) -> None:
    host = urlsplit(settings.base_url).hostname or "localhost"
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-crm" if settings.is_https else "crm",
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        TRUSTED_HOSTS=[host, "localhost", "127.0.0.1"],
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_PARTS=1_000,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session itself
    )
    app.url_map.converters["int"] = RowId
    app.before_request(_bound_the_body)  # before anybody, csrf first, reads it
    csrf.init_app(app)
    app.after_request(_add_headers)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def takes_files(view: View) -> View:
    """Mark a view whose requests may be as large as an upload."""
    view.takes_files = True  # type: ignore[attr-defined]
    return view


def _bound_the_body() -> None:
    """Only where files are taken may a body be large; what is read into memory whole may not."""
    view = current_app.view_functions.get(request.endpoint or "")
    if not getattr(view, "takes_files", False):
        request.max_content_length = min(LARGEST_BODY, request.max_content_length or LARGEST_BODY)


def _add_headers(response: Response) -> Response:
    script = f"'self' 'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'self'"
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src {script}; style-src 'self'; img-src 'self' data:; "
            "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'; object-src 'none'; manifest-src 'self'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault(
            "Strict-Transport-Security", "max-age=31536000; includeSubDomains"
        )
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def next_address(app: Flask, wanted: str | None, fallback: str) -> str:
    """`wanted` if it is a page of this house, else `fallback`. Refuses every trick known to us."""
    if not wanted or not wanted.startswith("/") or wanted[1:2] in {"/", "\\"}:
        return fallback
    if any(ord(char) <= ord(" ") or char == "\\" or ord(char) == 127 for char in wanted):  # noqa: PLR2004 - DEL
        return fallback
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc:
        return fallback
    try:
        app.create_url_adapter(request).match(parts.path, method="GET")  # type: ignore[union-attr]
    except (HTTPException, RequestRedirect):
        return fallback
    return wanted
