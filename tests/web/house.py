"""The web kernel with one page of everything and no module: what the shell's tests look at."""

import time
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, g, make_response, redirect, render_template, request
from flask_babel import Babel
from jinja2 import ChoiceLoader, FileSystemLoader
from marshmallow import fields

from crm.core import db
from crm.core.errors import Conflict
from crm.settings import Settings
from crm.web import errors, filters, htmx, idempotency, security, shell
from crm.web.forms import Form
from crm.web.schemas import InputSchema
from crm.web.shell import Banner, NavGroup, NavItem, Shell


def someone(locale: str = "en", theme: str = "auto") -> SimpleNamespace:
    return SimpleNamespace(
        id=1,
        team_id=1,
        locale=locale,
        theme=SimpleNamespace(value=theme),
        role=SimpleNamespace(value="rep"),
    )


NAV = [
    NavGroup(
        "",
        [
            NavItem("Workbench", "sample", "checklist", "w"),
            NavItem("Customers", "customers", "users", "c"),
        ],
    ),
    NavGroup("Sales activities", [NavItem("Activities", "activities", "target-arrow", "a")]),
]
LINKS = {"log": "log", "search": "search", "preferences": "preferences", "sign_out": "preferences"}


class LogSchema(InputSchema[Any]):
    kind = fields.String(required=True)
    note = fields.String()


class LogForm(Form[Any]):
    schema = LogSchema


def small_app(settings: Settings, seen: list[str], viewer: SimpleNamespace | None = None) -> Flask:
    """The kernel under `viewer`, whose acts note themselves in `seen`."""
    app = Flask("crm.web")
    app.extensions["settings"] = settings
    app.extensions["sessions"] = db.make_sessions(
        db.make_engine(f"sqlite:///{settings.var_dir}/house.db"), {}
    )
    loader = FileSystemLoader("tests/web/templates")
    app.jinja_loader = ChoiceLoader([loader, app.jinja_loader]) if app.jinja_loader else loader
    security.install(app, settings)
    filters.install(app)
    htmx.install(app)
    idempotency.install(app)
    errors.install(app)
    banner = Banner("warn", "No mail server is set", "/", "See the outbox")
    house = Shell(
        NAV,
        LINKS,
        banners=lambda _session, _viewer, _now: [banner],
        viewer=lambda _user: {"name": "李娜", "role_label": "Rep", "team_name": "East"},
    )
    shell.install(app, house, Babel())
    app.before_request(lambda: setattr(g, "viewer", viewer))
    add_pages(app)
    add_acts(app, seen)
    return app


def add_pages(app: Flask) -> None:
    rules = {
        "sample": "/",
        "customers": "/customers",
        "customer": "/customers/<int:number>",
        "activities": "/activities",
    }
    for name, rule in rules.items():
        app.add_url_rule(rule, name, lambda **_: render_template("sample.html"))

    @app.get("/search")
    def search() -> str:
        return f'<a href="/customers">{request.args["q"]} one</a><a href="/activities">two</a>'


def add_acts(app: Flask, seen: list[str]) -> None:
    @app.get("/log")
    def log() -> str:
        return render_template("_drawer.html", form=LogForm(start={"kind": "call"}))

    @app.post("/log")
    def save() -> Response:
        seen.append(request.form["idempotency_key"])
        if request.form["note"] == "refuse":
            raise Conflict("core.stale")
        if "redirect" in request.form:
            return htmx.toast(htmx.go_to("/"), "Logged", undo="/undo")
        return htmx.toast(make_response("saved"), "Logged", undo="/undo")

    @app.post("/undo")
    def undo() -> Response:
        seen.append("undo")
        return make_response(redirect(request.form["next"], 303))

    @app.post("/slow")
    def slow() -> Response:
        seen.append("slow")
        time.sleep(0.4)
        return make_response(redirect("/", 303))

    @app.post("/preferences")
    def preferences() -> Response:
        seen.append(f"theme {request.form['theme']}")
        return make_response(redirect("/", 303))
