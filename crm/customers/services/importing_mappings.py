"""What the columns of a header meant last time, so that no sheet is explained twice."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.core.errors import Invalid
from crm.core.spreadsheet import plain_header
from crm.customers.models import Import, ImportKind, ImportMapping
from crm.customers.queries import custom_fields
from crm.customers.rules import mappings
from crm.customers.rules.headers import HEADERS
from crm.customers.rules.mappings import Mapping
from crm.users.models import User


def fingerprint(columns: Sequence[str]) -> str:
    """The same for headers that differ in case, blanks and width alone."""
    plain = "\n".join(plain_header(column) or column for column in columns)
    return hashlib.sha256(plain.encode()).hexdigest()


def understood(session: Session, item: Import, *, source: str) -> Mapping:
    """As somebody said last time for this header, else what the header says by itself."""
    own = custom_fields.headers(session) if item.kind is ImportKind.CUSTOMERS else {}
    guessed = mappings.guess(item.kind.value, item.columns, source=source, own=own)
    found = find(session, item)
    if found is None:
        return guessed
    try:
        known = mappings.from_json(found.mapping, kind=item.kind.value)
    except Invalid:  # a field that it names is gone
        return guessed
    # An own field may have been archived since.
    there = {
        name: column
        for name, column in known.columns.items()
        if name in own or name in HEADERS[known.kind]
    }
    return replace(known, columns=there, source=source or known.source)


def find(session: Session, item: Import) -> ImportMapping | None:
    """What was said about this header before."""
    return session.scalar(
        select(ImportMapping).where(
            ImportMapping.kind == item.kind,
            ImportMapping.fingerprint == fingerprint(item.columns),
        )
    )


def remember(session: Session, item: Import, mapping: Mapping, *, by: User, now: datetime) -> None:
    """The last word on this header counts."""
    values = {
        "mapping": replace(mapping, encoding=None, header_row=1).as_json(),
        "by_id": by.id,
        "used_at": now,
    }
    statement = bulk.insert(session, ImportMapping).values(
        kind=ImportKind(mapping.kind), fingerprint=fingerprint(item.columns), **values
    )
    session.execute(
        statement.on_conflict_do_update(index_elements=["kind", "fingerprint"], set_=values)
    )
