"""Both databases, migrated once; each test in a transaction that is always rolled back."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from crm import migrations
from crm.app import create_app, wire_panels, wiring
from crm.core import db
from crm.core.db import Sessions
from crm.settings import Settings
from crm.users.models import User
from tests.databases import PrivateCluster, Unavailable

#: Thursday, 19 November 2026, 09:30 in Shanghai: the demo story's morning.
NOW = datetime(2026, 11, 19, 1, 30, tzinfo=UTC)

MUST_RUN_ALL = os.environ.get("CRM_TEST_ALL") == "1"
DATA = Path(os.environ.get("CRM_DATA_DIR", Path(__file__).parent.parent.parent / "shared" / "data"))


def skip(reason: str) -> None:
    """Skip a test for a lack of this machine; where everything must run, that is a failure."""
    if MUST_RUN_ALL:
        pytest.fail(f"CRM_TEST_ALL=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True, scope="session")


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    var_dir = tmp_path_factory.mktemp("var")
    return Settings(
        database_url="sqlite://",
        secret_key="a key of the tests, long enough to be taken",
        var_dir=var_dir,
        base_url="http://localhost",
    )


@pytest.fixture(scope="session")
def clusters() -> Iterator[Callable[[], PrivateCluster]]:
    """The one private PostgreSQL of this run, started when the first test asks."""
    with ExitStack() as stack:
        started: list[PrivateCluster] = []

        def start() -> PrivateCluster:
            if not started:
                started.append(stack.enter_context(PrivateCluster()))
            return started[0]

        yield start


@pytest.fixture(scope="session")
def postgresql_url(clusters: Callable[[], PrivateCluster]) -> str:
    """An empty database of the private cluster, or a skip with the reason."""
    try:
        return clusters().url
    except Unavailable as unavailable:
        skip(str(unavailable))
        raise


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a migrated database, for each of the two kinds in turn."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('database') / 'crm.db'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    engine = db.make_engine(url)
    migrations.upgrade(engine)
    engine.dispose()
    return str(url)


@pytest.fixture(scope="session")
def engine(database: str) -> Iterator[Engine]:
    engine = db.make_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection whose outer transaction is always rolled back, whatever the code commits."""
    with engine.connect() as connection:
        outer = connection.begin()
        yield connection
        outer.rollback()


@pytest.fixture
def sessions(connection: Connection, settings: Settings) -> Sessions:
    made = db.make_sessions(connection, wiring(settings))
    made.configure(join_transaction_mode="create_savepoint")
    return made


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    with sessions() as session:
        yield session


@pytest.fixture(scope="session")
def one_app(settings: Settings) -> Flask:
    """One program for the whole run: making one, and compiling its pages, takes a while."""
    return create_app(settings)


@pytest.fixture
def app(one_app: Flask, settings: Settings, sessions: Sessions) -> Flask:
    """The program as it comes, whatever the test before did to it; routes cannot be added."""
    return _as_new(one_app, settings, sessions)


@pytest.fixture
def own_app(settings: Settings, sessions: Sessions) -> Flask:
    """A program of the test's own, to which it may add routes."""
    return _as_new(create_app(settings), settings, sessions)


def _as_new(app: Flask, settings: Settings, sessions: Sessions) -> Flask:
    app.extensions.update(settings=settings, sessions=sessions, panels=wire_panels())
    app.config.update(TESTING=False, WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def client_for(app: Flask, session: Session) -> Callable[[User], FlaskClient]:
    """A browser in which this user is signed in (in English, so that tests can read it)."""
    from crm.users import auth

    def signed_in(user: User) -> FlaskClient:
        session.flush()
        token = auth.open_session(session, user, now=datetime.now(UTC))
        session.commit()
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["sid"] = token
        return client

    return signed_in


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The public data sets, or a skip: they are no part of this project."""
    if not DATA.is_dir():
        pytest.skip(f"the public data sets are not at {DATA} (CRM_DATA_DIR)")
    return DATA


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests speak to this machine alone."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host and host not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test reached for {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
