"""Builders of saved views, exports and acts on many."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from crm.customers.models import (
    BulkAct,
    BulkKind,
    CustomerView,
    Export,
    ExportFormat,
    ExportState,
    Stage,
)
from crm.customers.services import exporting
from crm.users.models import User
from tests.conftest import NOW


def make_view(session: Session, owner: User, **values: Any) -> CustomerView:
    """A view of everybody; `values` are columns of `CustomerView`."""
    view = CustomerView(
        **{
            "name": "今天要联系",
            "owner_id": owner.id,
            "filters": {},
            "columns": [],
            "created_at": NOW,
            "updated_at": NOW,
            **values,
        }
    )
    session.add(view)
    session.flush()
    return view


def make_export(session: Session, by: User, **values: Any) -> Export:
    """A file that waits to be written; `values` are columns of `Export`."""
    export = Export(
        **{
            "by_id": by.id,
            "state": ExportState.RUNNING,
            "format": ExportFormat.CSV,
            "filters": {},
            "columns": ["stage"],
            "locale": "en",
            "scope": exporting.scope_of(by),
            "row_count": 0,
            "created_at": NOW,
            **values,
        }
    )
    session.add(export)
    session.flush()
    return export


def make_bulk_act(session: Session, by: User, **values: Any) -> BulkAct:
    """An act that touched nobody; `values` are columns of `BulkAct`."""
    at = datetime.now(UTC)
    done = BulkAct(
        **{"kind": BulkKind.STAGE, "stage": Stage.LOST, "by_id": by.id, "created_at": at, **values}
    )
    session.add(done)
    session.flush()
    return done
