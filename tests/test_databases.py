from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.databases import PrivateCluster, Unavailable, check_is_own, find_binaries


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateCluster]:
    with or_skip(), PrivateCluster(tmp_path_factory.mktemp("cluster")) as private:
        yield private


@contextmanager
def or_skip() -> Iterator[None]:
    """A machine without PostgreSQL skips these tests, unless every test was asked for."""
    try:
        yield
    except Unavailable as missing:
        if os.environ.get("CRM_TEST_ALL") == "1":
            raise
        pytest.skip(str(missing))


def test_the_cluster_keeps_its_data_in_its_own_folder(cluster: PrivateCluster) -> None:
    with cluster.connect("crm") as connection:
        assert connection.execute("SHOW data_directory").fetchone() == (
            str(cluster.data_directory),
        )


def test_the_cluster_listens_on_no_network_address(cluster: PrivateCluster) -> None:
    with cluster.connect("crm") as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_its_address_leads_to_an_empty_utf8_database(cluster: PrivateCluster) -> None:
    engine = create_engine(cluster.new_database("fresh"), poolclass=NullPool)
    with engine.connect() as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.scalar(text(tables)) == 0
        assert connection.scalar(text("SHOW server_encoding")) == "UTF8"
        collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        assert connection.scalar(text(collation)) == "C"


def test_each_new_database_is_apart_from_the_others(cluster: PrivateCluster) -> None:
    cluster.new_database("apart")
    with cluster.connect("apart") as connection:
        connection.execute("CREATE TABLE mine (id integer)")
    with cluster.connect("crm") as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT id FROM mine")


def test_a_server_with_its_data_elsewhere_is_refused(
    cluster: PrivateCluster, tmp_path: Path
) -> None:
    with cluster.connect("crm") as connection, pytest.raises(RuntimeError, match="not the tests'"):
        check_is_own(connection, tmp_path)


def test_a_machine_without_postgresql_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="PostgreSQL is not installed"):
        find_binaries(path=str(tmp_path), debian=tmp_path)


def test_the_newest_of_several_servers_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "15", "9.1"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        (folder / "initdb").touch()
        (folder / "postgres").touch()
    assert find_binaries(path=str(tmp_path), debian=tmp_path) == tmp_path / "15" / "bin"


def test_nothing_is_left_of_a_cluster_afterwards() -> None:
    with or_skip(), PrivateCluster() as short_lived:
        server = short_lived._server
        assert short_lived.data_directory.is_dir()
    assert server is not None
    assert server.poll() is not None
    assert not short_lived.folder.exists()
