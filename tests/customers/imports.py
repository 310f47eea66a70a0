"""What the import's tests share: a file in, steps until it is done."""

import json
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from crm.customers.models import Import, ImportKind
from crm.customers.rules import mappings
from crm.customers.rules.mappings import Mapping
from crm.customers.services import importing
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW

DOCS = Path(__file__).parents[2] / "docs" / "imports"


def documented(name: str, kind: ImportKind) -> Mapping:
    """One of the example mappings of docs/imports."""
    text = (DOCS / f"{name}.json").read_text(encoding="utf-8")
    return mappings.from_json(json.loads(text), kind=kind.value)


def run(
    session: Session,
    path: Path,
    kind: ImportKind,
    *,
    by: User,
    mapping: Mapping | None = None,
    now: datetime = NOW,
) -> Import:
    """Read a file in to the end, each step committed as the edge does it."""
    wanted = NewImport(kind, path, path.name, mapping, source="test")
    item = importing.start(session, wanted, by=by, now=now)
    session.commit()
    while importing.advance_one(session, item, now):
        session.commit()
    session.commit()
    return item
