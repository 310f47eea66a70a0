"""The published import files, each read in as a customers file and told in one line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.models import Import, ImportKind, ImportState
from crm.customers.rules import header_rows, mappings
from crm.customers.rules.mappings import Mapping
from crm.customers.services import importing
from crm.customers.services.importing import NewImport
from crm.customers.services.importing_files import Reading
from crm.users.models import User
from tests.conftest import NOW

FOLDERS = ("crm_csv", "csv-spectrum/csvs", "pollock/csv", "vcard")
ACCOUNTS = "maven_crm_pipeline/accounts.csv"


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a file: counts, or the code under which it was refused."""

    name: str
    refused: str = ""
    header_row: int = 1
    columns: int = 0
    mapped: tuple[str, ...] = ()
    rows: int = 0
    made: int = 0
    known: int = 0
    rejected: int = 0
    reasons: tuple[str, ...] = ()


def files(data: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((data / "import_fixtures" / folder).iterdir())
    yield data / ACCOUNTS


def read(session: Session, path: Path, *, by: User) -> Read:
    """Upload, check and read the file in, each step committed as the edges do it."""
    name = f"{path.parent.name}/{path.name}"
    wanted = NewImport(ImportKind.CUSTOMERS, path, path.name, source=name, keep_original=True)
    try:
        item = importing.upload(session, wanted, by=by, now=NOW)
        if header_rows.looks_like_values(item.columns):
            importing.read_again(session, item, Reading(header_row=0), by=by)
        mapping = _chosen(importing.mapping_of(item), item.columns)
        importing.check(session, item, mapping, by=by, now=NOW)
        foretold = _go_on(session, item.id)
        importing.begin(session, item, mapping, by=by, now=NOW)
        done = _go_on(session, item.id)
    except Invalid as refused:
        session.rollback()
        return Read(name, refused=refused.code)
    if foretold != done or item.state is not ImportState.DONE:
        raise AssertionError(f"{name}: {foretold} was foretold, {done} came of it")
    return Read(
        name,
        header_row=mapping.header_row,
        columns=len(item.columns),
        mapped=tuple(mapping.columns),
        rows=item.row_count or 0,
        made=item.created_count,
        known=item.updated_count + item.unchanged_count,
        rejected=item.rejected_count,
        reasons=tuple(sorted(item.reasons)),
    )


def _chosen(mapping: Mapping, columns: Sequence[str]) -> Mapping:
    """As a person would: nobody of ours owns these, and some column has to be the name."""
    chosen = {name: column for name, column in mapping.columns.items() if name != "owner"}
    if not set(chosen) & set(mappings.NAMING_FIELDS):
        chosen["name"] = next(column for column in columns if column not in chosen.values())
    return replace(mapping, columns=chosen)


def _go_on(session: Session, import_id: int) -> tuple[int, ...]:
    item = session.get_one(Import, import_id)
    session.commit()
    while importing.advance_one(session, item, NOW):
        session.commit()
    session.commit()
    return (item.created_count, item.updated_count, item.unchanged_count, item.rejected_count)
