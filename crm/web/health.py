"""Whether the process lives (/healthz) and can work (/readyz); neither tells a version."""

import shutil

from flask import Flask, Response, make_response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from crm.core.jobs import Lease
from crm.web import context

LEAST_FREE = 0.05  # of the disk


def install(app: Flask) -> None:
    app.add_url_rule("/healthz", "healthz", _alive)
    app.add_url_rule("/readyz", "readyz", _ready)


def _alive() -> Response:
    return _plain("ok", 200)


def _ready() -> Response:
    disk = shutil.disk_usage(context.settings().var_dir)
    if disk.free < disk.total * LEAST_FREE:
        return _plain("disk", 503)
    try:
        # Taking the write path without changing a row: a locked or absent table answers here.
        with context.own_transaction() as session:
            session.execute(select(Lease.name).limit(1).with_for_update())
    except SQLAlchemyError:
        return _plain("database", 503)
    return _plain("ok", 200)


def _plain(text: str, status: int) -> Response:
    response = make_response(text, status)
    response.mimetype = "text/plain"
    return response
