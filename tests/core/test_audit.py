"""Who did what, in a chain that shows where it was touched."""

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm.core import audit
from crm.core.audit import AuditEntry
from tests.conftest import NOW


def record(session: Session, *actions: str) -> None:
    for action in actions:
        audit.record(session, action, by_id=1, thing="user:1", now=NOW, role="rep", 数=3)


def test_each_entry_carries_the_hash_of_the_one_before(session: Session) -> None:
    record(session, "a", "b", "c")
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [e.previous_hash for e in entries] == [audit.GENESIS, *(e.hash for e in entries[:-1])]
    session.expire_all()
    assert audit.first_broken(session) is None


@pytest.mark.parametrize("statement", [update(AuditEntry).values(action="x"), delete(AuditEntry)])
def test_the_database_refuses_to_change_or_delete_an_entry(
    session: Session, statement: object
) -> None:
    record(session, "a")
    with pytest.raises(DBAPIError, match=r"(?i)is refused"):
        session.execute(statement)  # type: ignore[call-overload]  # either kind


def test_a_chain_that_was_cut_shows_where(session: Session) -> None:
    record(session, "a", "b")
    session.execute(text("UPDATE audit_head SET hash = 'someone elses'"))
    session.expire_all()
    assert audit.first_broken(session) == 0
