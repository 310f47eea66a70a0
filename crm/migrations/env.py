"""How Alembic runs here: an engine given in code, both databases, no rebuild trap."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Engine, types

from crm.core.db import Json, UtcDateTime
from crm.metadata import metadata


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our column types as plain ones: a migration must not import code that changes."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if item is Json or isinstance(item, types.JSON):
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def compare_type(
    _context: Any,
    _inspected: Any,
    _column: Any,
    found: types.TypeEngine[Any],
    wanted: types.TypeEngine[Any],
) -> bool | None:
    """SQLite knows one text and one number: only PostgreSQL's answer about types counts."""
    del found, wanted
    return None if context.get_context().dialect.name == "postgresql" else False


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:  # noqa: FBT001 - Alembic's signature
    """An exclusion constraint's index is made by hand in a migration; Alembic does not know it."""
    del thing, reflected
    return not (kind == "index" and (name or "").startswith("ex_"))


def run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # With foreign keys on, a batch rebuild's DROP TABLE deletes the children's rows. The
        # pragma does nothing inside a transaction, so it comes first.
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=is_sqlite,
        # Our SQLite engine says BEGIN IMMEDIATE itself, so its DDL is undone with the rest.
        transactional_ddl=True,
        render_item=render_item,
        compare_type=compare_type,
        include_object=include_object,
    )
    with context.begin_transaction():
        if not is_sqlite:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        context.run_migrations()
    if is_sqlite:
        driver = connection.connection.driver_connection
        if driver is None:
            raise RuntimeError("the connection was lost")
        broken = driver.execute("PRAGMA foreign_key_check").fetchall()
        driver.execute("PRAGMA foreign_keys=ON")
        if broken:
            raise RuntimeError(f"the migration left {len(broken)} rows without their parent")


engine: Engine = context.config.attributes["engine"]
with engine.connect() as opened:
    run(opened)
