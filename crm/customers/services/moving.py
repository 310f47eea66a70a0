"""Rows that go from one record to the other, written down so that they can go back.

A handler of `CustomersMerged` carries its own rows; one of `CustomersParted` gives them back.
"""

from typing import Any

from sqlalchemy import ColumnElement, Table, insert, literal, select, update
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.db import Model
from crm.customers.models import CustomerMerge, MergedRow


def carry(
    session: Session,
    merge_id: int,
    model: type[Model],
    *,
    source: int,
    to: int,
    column: str = "customer_id",
) -> None:
    """Move all rows of the one to the other, and write down which."""
    table = bulk.table(model)
    note(session, merge_id, label(model, column), table, table.c[column] == source)
    session.execute(update(table).where(table.c[column] == source).values({column: to}))


def give_back(
    session: Session,
    merge_id: int,
    model: type[Model],
    *,
    source: int,
    to: int,
    column: str = "customer_id",
) -> None:
    """Move back what was carried and is still there; what came later stays."""
    table = bulk.table(model)
    moved = noted(merge_id, label(model, column))
    session.execute(
        update(table).where(table.c[column] == source, table.c.id.in_(moved)).values({column: to})
    )


def note(
    session: Session, merge_id: int, what: str, table: Table, which: ColumnElement[bool]
) -> None:
    """Write down the ids of these rows under a name."""
    rows = select(literal(merge_id), literal(what), table.c.id).where(which)
    session.execute(insert(MergedRow).from_select(["merge_id", "what", "row_id"], rows))


def note_ids(session: Session, merge_id: int, what: str, ids: Any) -> None:  # noqa: ANN401
    """The same for ids that are known."""
    rows = [{"merge_id": merge_id, "what": what, "row_id": one} for one in ids]
    if rows:
        session.execute(insert(MergedRow), rows)


def noted(merge_id: int, what: str) -> Any:  # noqa: ANN401 - a select of ids, for `in_`
    return select(MergedRow.row_id).where(MergedRow.merge_id == merge_id, MergedRow.what == what)


def remember(session: Session, merge_id: int, name: str, value: Any) -> None:  # noqa: ANN401
    """Keep a value of a module's own in the snapshot; plain JSON."""
    merge = session.get_one(CustomerMerge, merge_id)
    merge.snapshot = merge.snapshot | {name: value}
    session.flush()


def recall(session: Session, merge_id: int, name: str) -> Any:  # noqa: ANN401
    return session.get_one(CustomerMerge, merge_id).snapshot.get(name)


def label(model: type[Model], column: str) -> str:
    return f"{model.__tablename__}.{column}"
