"""/healthz: the process lives. /readyz: it can work. Neither tells who asks anything more."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm.app import create_app
from crm.settings import Settings


def test_a_living_process_that_can_work_says_ok(client: FlaskClient) -> None:
    for address in ("/healthz", "/readyz"):
        answer = client.get(address)
        assert (answer.status_code, answer.text) == (200, "ok")
        assert answer.mimetype == "text/plain"


def test_a_full_disk_is_not_ready_and_still_alive(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=1000, free=49))

    answer = client.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "disk")
    assert client.get("/healthz").status_code == 200


@pytest.fixture
def without_tables(settings: Settings, tmp_path: Path) -> Flask:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    return create_app(replace(settings, database_url=url))


def test_a_database_without_our_tables_is_not_ready(without_tables: Flask) -> None:
    client = without_tables.test_client()

    answer = client.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "database")
    assert client.get("/healthz").status_code == 200
    without_tables.extensions["sessions"].kw["bind"].dispose()


def test_a_database_out_of_reach_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'no such folder' / 'crm.db'}"
    app = create_app(replace(settings, database_url=url))

    answer = app.test_client().get("/readyz")

    assert (answer.status_code, answer.text) == (503, "database")


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_neither_asks_for_a_sign_in_nor_tells_a_version(client: FlaskClient, address: str) -> None:
    answer = client.get(address)

    told = answer.text + " ".join(f"{name}: {value}" for name, value in answer.headers)
    assert not re.search(r"\d+\.\d+\.\d+|werkzeug|python|flask", told, re.IGNORECASE)
    assert "Set-Cookie" not in answer.headers
