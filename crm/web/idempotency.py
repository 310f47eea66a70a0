"""Idempotency keys on both faces: a hidden field of every form, a header of the API."""

import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, current_app, make_response, request

from crm.core import idempotency
from crm.core.errors import Invalid
from crm.web import context
from crm.web.viewer import Viewer, viewer

HEADER, FIELD = "Idempotency-Key", "idempotency_key"
LONGEST_KEY = 255
KEPT_HEADERS = (
    "Location",
    "Content-Type",
    "ETag",
    "HX-Trigger",
    "HX-Redirect",
    "HX-Retarget",
    "HX-Reswap",
    "HX-Push-Url",
)
View = TypeVar("View", bound=Callable[..., Any])


def new_key() -> str:
    """A fresh key for a form that is being shown."""
    return secrets.token_urlsafe(18)


def not_kept(view: View) -> View:
    """Mark a view that has no user yet or answers with a secret: it is never replayed."""
    view.is_not_kept = True  # type: ignore[attr-defined]
    return view


def replay() -> Response | None:
    """Before an unsafe request of a known user: the answer given before to the same key, if any.

    `context.session()` holds the key's row from here on; it is committed with the business write.
    """
    known = viewer()
    view = current_app.view_functions.get(request.endpoint or "")
    if request.method in context.SAFE or known is None or getattr(view, "is_not_kept", False):
        return None
    key = request.headers.get(HEADER) or request.form.get(FIELD)
    if not key:
        return None
    if len(key) > LONGEST_KEY:
        raise Invalid("core.idempotency_mismatch")
    kept = idempotency.begin(
        context.session(),
        user_id=known.id,
        key=key,
        request_hash=_hash(known),
        now=context.now_once(),
    )
    if kept is None:
        context.before_commit(lambda response: _keep(known.id, key, response))
        return None
    response = make_response(kept.body or "", kept.status or 200)
    for name, value in kept.headers.items():
        response.headers[name] = value
    response.headers["Idempotent-Replayed"] = "true"
    return response


def install(app: Flask) -> None:
    app.jinja_env.globals["idempotency_key"] = new_key


def _keep(user_id: int, key: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    body = None if response.direct_passthrough else response.get_data(as_text=True)
    idempotency.finish(
        context.session(),
        user_id=user_id,
        key=key,
        status=response.status_code,
        headers=headers,
        body=body,
    )


def _hash(known: Viewer) -> str:
    """What makes two requests the same. Role and team are part of it: rights are asked again."""
    form = sorted(
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in {FIELD, "csrf_token"}
    )
    files = sorted((name, file.filename or "") for name, file in request.files.items(multi=True))
    content: list[Any] = [
        request.method,
        request.full_path,
        form,
        files,
        known.role.value,
        known.team_id,
    ]
    if request.is_json:
        content.append(request.get_data(as_text=True))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
