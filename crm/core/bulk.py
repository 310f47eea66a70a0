"""Many rows at once on either database, at the speed of its driver rather than of objects."""

import gc
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from psycopg import sql
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    String,
    Table,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.core.db import Model, dialect_name


def table(model: type[Model]) -> Table:
    """The plain table: rows go in and out as they are, without the cost of objects."""
    return cast("Table", model.__table__)


def insert(session: Session, model: type[Model]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in this session's dialect."""
    if dialect_name(session) == "postgresql":
        return postgresql.insert(table(model))
    return sqlite.insert(table(model))


def insert_rows(
    session: Session, model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows whose values stand in the order of `columns`; nothing is filled in by default.

    SQLAlchemy spends more on each row's parameters than either database on the row itself, so the
    statement and the conversions are made once, and the driver does the rest (COPY on PostgreSQL).
    """
    if not rows:
        return
    target = table(model)
    converted = _converted(session, [target.c[name] for name in columns], rows)
    driver = cast("Any", session.connection().connection.driver_connection)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    if dialect_name(session) == "postgresql":
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(target.name), names)
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in converted:
                copy.write_row(row)
        return
    places = sql.SQL(", ").join([sql.SQL("?")] * len(columns))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(target.name), names, places
    )
    driver.executemany(statement.as_string(), converted)


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold the cycle collector off while thousands of rows become objects that form no cycles.

    It would walk all of them again and again: a fifth of an import's time. What a caller outside
    had switched off stays off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def among(
    session: Session, column: InstrumentedAttribute[Any], values: Iterable[str] | Iterable[int]
) -> ColumnElement[bool]:
    """`column` is one of many values, handed over as one parameter: quicker than a long IN list."""
    found = list(values)
    is_text = isinstance(column.type, String)
    if dialect_name(session) == "postgresql":
        kind = postgresql.ARRAY(String() if is_text else BigInteger())
        return column == any_(bindparam(None, found, type_=kind))
    given = func.json_each(json.dumps(found, ensure_ascii=False)).table_valued("value")
    return column.in_(select(given.c.value))


def refresh_statistics(session: Session, *models: type[Model]) -> None:
    """Tell PostgreSQL that tables have grown, as autovacuum would a minute later.

    Without it the planner takes a freshly filled table for a small one and reads all of it for
    every look-up. SQLite takes an index wherever there is one.
    """
    if dialect_name(session) == "postgresql":
        driver = cast("Any", session.connection().connection.driver_connection)
        for model in models:
            driver.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model.__tablename__)))


def new_ids(session: Session, model: type[Model], count: int) -> Sequence[int]:
    """Ids for rows about to be inserted, so that their children can be made without asking back.

    PostgreSQL's sequence hands them out. SQLite has one writer at a time (every transaction
    begins with BEGIN IMMEDIATE), so nobody else can take the next free ones.
    """
    if dialect_name(session) == "postgresql":
        sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
        drawn = func.nextval(sequence, type_=Integer)
        return session.scalars(select(drawn).select_from(func.generate_series(1, count))).all()
    last = session.scalar(select(func.max(table(model).c.id))) or 0
    return range(last + 1, last + 1 + count)


def _converted(
    session: Session, columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]]
) -> Iterator[tuple[Any, ...]]:
    """The rows as the driver wants them, column by column; a shared value is converted once."""
    dialect = session.connection().dialect
    whole: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for place, column in enumerate(columns):
        convert = column.type.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None:
            # Told apart by identity, since hashing an enum costs more; `rows` keeps them alive.
            known = {id(value): value for value in whole[place]}
            sent = {key: None if v is None else convert(v) for key, v in known.items()}
            whole[place] = [sent[id(value)] for value in whole[place]]
    return zip(*whole, strict=True)
