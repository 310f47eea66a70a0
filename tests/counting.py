"""Counts the statements a page needs, so that a list cannot grow a query per row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def count_queries(engine: Engine) -> Iterator[list[str]]:
    """The SELECT, INSERT, UPDATE and DELETE statements sent inside the block, in order."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.lstrip()[:6].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH R"}:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
