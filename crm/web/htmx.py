"""A page for a browser, its fragment for htmx, and the toast that tells what happened."""

import json
from typing import Any

from flask import (
    Flask,
    Response,
    flash,
    get_flashed_messages,
    make_response,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as BaseResponse


def is_fragment_request() -> bool:
    """Whether htmx asked for a part of the page (restoring history it wants the whole one)."""
    return (
        "HX-Request" in request.headers
        and "HX-Boosted" not in request.headers
        and "HX-History-Restore-Request" not in request.headers
    )


def page(whole: str, fragment: str | None = None, /, status: int = 200, **context: Any) -> Response:
    """The fragment for htmx, the whole page otherwise; caches are told that it depends."""
    template = fragment if fragment is not None and is_fragment_request() else whole
    response = make_response(render_template(template, **context), status)
    response.vary.add("HX-Request")
    return response


def toast(response: Response, text: str, *, undo: str | None = None, tone: str = "ok") -> Response:
    """Say what happened: at once through htmx, or on the page that a redirect leads to.

    `undo` is the address that a POST takes it back with.
    """
    message = {"text": str(text), "tone": tone, "undo": undo or ""}
    leaves = response.location or "HX-Redirect" in response.headers
    if is_fragment_request() and not leaves:
        response.headers["HX-Trigger"] = json.dumps({"toast": message})
    else:
        flash({"text": str(text), "undo": undo or ""}, tone)  # type: ignore[arg-type]  # any JSON value fits the session
    return response


def flashed_toasts() -> list[dict[str, Any]]:
    """What a redirect brought along, for the layout; a plain flash is a toast without undo."""
    pairs: list[tuple[str, Any]] = list(get_flashed_messages(with_categories=True))  # type: ignore[arg-type]  # typed as plain texts
    return [
        {"undo": "", "tone": tone} | (said if isinstance(said, dict) else {"text": said})
        for tone, said in pairs
    ]


def install(app: Flask) -> None:
    app.jinja_env.globals["flashed_toasts"] = flashed_toasts


def go_to(address: str) -> Response:
    """After a form: send the browser there, with or without htmx."""
    if is_fragment_request():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = address
        return response
    answer: BaseResponse = redirect(address, 303)
    return make_response(answer)
