"""Builders of imports."""

import uuid

from sqlalchemy.orm import Session

from crm.customers.models import Import, ImportKind, ImportState
from crm.customers.rules import mappings
from crm.customers.services import importing_files
from crm.users.models import User
from tests.conftest import NOW


def make_import(
    session: Session, *, owner: User, text: str = "姓名,手机\n王芳,13800138000\n"
) -> Import:
    """An uploaded customers file that waits for its columns."""
    columns = text.splitlines()[0].split(",")
    start = len(text.splitlines(keepends=True)[0].encode())
    item = Import(
        public_id=uuid.uuid4().hex,
        kind=ImportKind.CUSTOMERS,
        state=ImportState.PREPARED,
        file_name="客户台账.csv",
        content_hash="0" * 64,
        encoding="utf-8",
        columns=columns,
        size=len(text.encode()),
        row_count=text.count("\n") - 1,
        start=start,
        cursor=start,
        mapping=mappings.guess("customers", columns).as_json(),
        by_id=owner.id,
        created_at=NOW,
    )
    importing_files.file_of(session, item).write_text(text, encoding="utf-8")
    session.add(item)
    session.flush()
    return item
