"""The request's database session, and the only places of the web that commit."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from flask import Flask, Response, current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.core import clock, db
from crm.core.db import Sessions
from crm.core.panels import Panels
from crm.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIRST_REFUSAL = 400
TRANSLATIONS = Path(__file__).parent.parent / "translations"

AfterCommit = Callable[[], None]


def session() -> Session:
    """The request's session. Safe methods read only; unsafe ones hold SQLite's write lock."""
    if "session" not in g:
        opened = _sessions()()
        opened.info["ip"] = request.remote_addr or ""
        if request.method in SAFE and isinstance(opened.get_bind(), Engine):
            db.read_only(opened)
        g.session = opened
    return cast("Session", g.session)


def settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def panels() -> Panels:
    return cast("Panels", current_app.extensions["panels"])


@contextmanager
def own_transaction() -> Iterator[Session]:
    """A transaction of its own, for what must survive a refusal (a wrong password, its audit).

    Refused while the request's own unsafe transaction runs: on SQLite the two would wait for each
    other. Call `abandon()` first.
    """
    if request.method not in SAFE and "session" in g and g.session.in_transaction():
        raise RuntimeError("the request's own transaction is still open: abandon() it first")
    with _sessions().begin() as mine:
        mine.info["ip"] = request.remote_addr or ""
        yield mine


def abandon() -> None:
    """Roll back what the request has done so far; its session can be used again."""
    if "session" in g:
        g.session.rollback()


def only_read() -> None:
    """Give back the write lock that a POST holds on SQLite: what only looks may take its time."""
    abandon()
    if isinstance(session().get_bind(), Engine):
        db.read_only(session())


def after_commit(act: AfterCommit) -> None:
    """Run `act` once the request's transaction is committed; never after a refusal."""
    g.setdefault("after_commit", []).append(act)


def request_id() -> str:
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return cast("str", g.request_id)


def now_once() -> datetime:
    """The request's one `now`: everything that happens in it happens at the same instant."""
    if "now" not in g:
        g.now = clock.now()
    return cast("datetime", g.now)


def install(app: Flask, refuse: Callable[[Exception], Response]) -> None:
    """Commit after an answer under 400, otherwise roll back. `refuse` shapes a failed commit."""

    def finish(response: Response) -> Response:
        if "session" not in g:
            return response
        if response.status_code >= FIRST_REFUSAL:
            g.session.rollback()
            return response
        try:
            _commit(response)
        except Exception as error:
            # A constraint or a version check may speak only at commit.
            g.session.rollback()
            return refuse(error)
        return response

    def close(_error: BaseException | None) -> None:
        if "session" in g:
            g.pop("session").close()

    app.after_request(finish)
    app.teardown_appcontext(close)


def _commit(response: Response) -> None:
    for prepare in g.pop("before_commit", []):
        prepare(response)
    g.session.commit()
    for act in g.pop("after_commit", []):
        act()


def before_commit(act: Callable[[Response], None]) -> None:
    """Run `act` with the answer, inside the transaction, just before it is committed."""
    g.setdefault("before_commit", []).append(act)


def _sessions() -> Sessions:
    return cast("Sessions", current_app.extensions["sessions"])
