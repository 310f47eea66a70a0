"""Databases of the races' own: what is committed here must not meet the other tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crm import migrations
from crm.app import wiring
from crm.core import db
from crm.core.db import Sessions
from crm.settings import Settings
from tests.conftest import skip
from tests.databases import PrivateCluster, Unavailable

Clusters = Callable[[], PrivateCluster]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def race_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clusters: Clusters
) -> Iterator[Engine]:
    """A migrated database whose transactions are real ones."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("races")
        url = f"sqlite:///{folder / 'crm.db'}"
    else:
        try:
            url = clusters().new_database("races")
        except Unavailable as unavailable:
            skip(str(unavailable))
    engine = db.make_engine(url)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def race_sessions(race_engine: Engine, settings: Settings) -> Sessions:
    return db.make_sessions(race_engine, wiring(settings))
