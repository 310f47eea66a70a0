"""The database's shared ground: model base, column types, engines for SQLite and PostgreSQL."""

import enum
import sqlite3
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    String,
    create_engine,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Only aware datetimes go in, UTC comes out (SQLite would drop the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def enum_type(kind: type[enum.Enum]) -> Enum:
    """An enum stored by its value as text, not as a native database type."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


Id = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB(), "postgresql")

#: Money in integer fen (or cents); never a float.
Fen = Annotated[int, mapped_column(BigInteger)]
#: Random and unguessable: for links that leave the house.
PublicId = Annotated[
    str, mapped_column(String(32), unique=True, default=lambda: uuid.uuid4().hex, sort_order=-1)
]


class Model(DeclarativeBase):
    """Base of every table: UTC times, enums by value, named constraints."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
        int: Id,
        datetime: UtcDateTime(),
        date: Date(),
        dict[str, Any]: Json,
        list[Any]: Json,
    }


PrimaryKey = Annotated[int, mapped_column(Id, primary_key=True, sort_order=-2)]
Sessions = sessionmaker[Session]


def make_engine(url: str) -> Engine:
    """An engine with this house's transaction rules. Opens no connection."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 5})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkin", _leave_read_only)
        return engine
    return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)


def make_sessions(bind: Engine | Connection, carried: dict[str, Any]) -> Sessions:
    """Sessions that carry what `crm.app.wiring` gives: the company, the bus, the segment fields."""
    return sessionmaker(bind, expire_on_commit=False, info=carried)


def read_only(session: Session) -> None:
    """Make the coming transaction refuse writes; on SQLite it begins without the write lock."""
    session.connection(execution_options={"crm_read_only": True, "postgresql_readonly": True})


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    del record
    # The driver's own BEGIN comes too late (before the first write): ours is BEGIN IMMEDIATE.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "foreign_keys=ON",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("crm_read_only"):
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _leave_read_only(connection: sqlite3.Connection | None, record: object) -> None:
    del record
    if connection is not None:
        connection.execute("PRAGMA query_only=OFF")


def dialect_name(session: Session) -> str:
    """The database's kind: sqlite or postgresql."""
    return session.get_bind().dialect.name


Step = Callable[[Session, datetime], bool]
