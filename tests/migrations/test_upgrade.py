"""A database with rows in it takes every later migration, there and back: nothing is lost.

An empty database would not tell: a table that SQLite rebuilds loses its triggers and the rows of
its children, and a new column without a default fails only where rows are.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, MetaData, Table, select, text, types

from crm import migrations
from crm.core import db
from tests.conftest import NOW, skip
from tests.databases import PrivateCluster, Unavailable

FIRST = "0002_guards"  # the first revision that people have run
ROWS = (1, 2)
#: What the type of a column does not tell.
SPECIAL = {
    ("cap_slots", "ends_at"): NOW.replace(year=2027),
    ("outreach_claims", "ends_at"): NOW.replace(year=2027),
    ("ledger_entries", "plan_key"): None,
    ("ledger_entries", "occurrence"): None,
}
BY_TYPE: dict[type[types.TypeEngine[Any]], object] = {
    types.Boolean: False,
    types.JSON: {"any": "thing"},
    types.DateTime: NOW,
    types.Date: NOW.date(),
}
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def old(
    request: pytest.FixtureRequest, tmp_path: Path, clusters: Callable[[], PrivateCluster]
) -> Iterator[Engine]:
    """A database of the first revision, with rows in every table."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        try:
            url = clusters().new_database(request.node.originalname[-60:])
        except Unavailable as unavailable:
            skip(str(unavailable))
    engine = db.make_engine(url)
    migrations.upgrade(engine, FIRST)
    first = tables(engine)
    with engine.begin() as connection:
        for table in first:
            connection.execute(table.insert(), [row_of(table, n) for n in ROWS])
    yield engine
    engine.dispose()


def test_rows_and_triggers_outlive_the_way_up(old: Engine) -> None:
    before, guards = contents(old, tables(old)), triggers(old)
    known = tables(old)
    assert all(len(rows) == len(ROWS) for rows in before.values())
    migrations.upgrade(old)
    assert contents(old, known) == before
    assert guards <= triggers(old)


def test_rows_and_triggers_outlive_the_way_back(old: Engine) -> None:
    known = tables(old)
    before, guards = contents(old, known), triggers(old)
    migrations.upgrade(old)
    migrations.downgrade(old, FIRST)
    assert {table.name for table in tables(old)} == {table.name for table in known}
    assert contents(old, known) == before
    assert triggers(old) == guards


def tables(engine: Engine) -> list[Table]:
    """All of them as they are in the database now, parents first."""
    metadata = MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def row_of(table: Table, n: int) -> dict[str, Any]:
    """A row that the table takes; it refers to the n-th row of every parent."""
    return {column.name: value_of(column, n) for column in table.columns}


def value_of(column: Column[Any], n: int) -> object:
    place = (column.table.name, column.name)
    if place in SPECIAL:
        return SPECIAL[place]
    for kind, value in BY_TYPE.items():
        if isinstance(column.type, kind):
            return value
    return n if isinstance(column.type, types.Integer | types.Numeric) else str(n)


def contents(engine: Engine, known: list[Table]) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in these columns, table by table."""
    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in known
        }


def triggers(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text(TRIGGERS[engine.dialect.name])))
