"""The published import files, each read in: what came of it goes into docs/imports.md.

    python -m benchmarks.import_fixtures

Needs the public data sets (CRM_DATA_DIR). All files are read into one empty SQLite database, each
under a source of its own.
"""

import tempfile
from pathlib import Path

from benchmarks.imports import DATA
from crm import migrations
from crm.app import wiring
from crm.core import db
from crm.settings import Settings
from tests.customers import fixture_files
from tests.customers.fixture_files import Read
from tests.factories.users import make_user

PAPER = Path(__file__).parent.parent / "docs" / "imports.md"
BEGIN, END = "<!-- made by benchmarks.import_fixtures -->", "<!-- end -->"
HEAD = ("| file | read as | rows | made | known | not taken |", "|---|---|--:|--:|--:|---|")


def main() -> None:
    table = "\n".join((*HEAD, *(_line(one) for one in _all())))
    before, _, rest = PAPER.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAPER.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    print(table)


def _all() -> list[Read]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/fixtures.db"
        settings = Settings(database_url=url, secret_key="-" * 40, var_dir=Path(folder))
        engine = db.make_engine(url)
        migrations.upgrade(engine)
        with db.make_sessions(engine, wiring(settings))() as session:
            by = make_user(session, role="admin")
            session.commit()
            return [fixture_files.read(session, path, by=by) for path in fixture_files.files(DATA)]


def _line(one: Read) -> str:
    if one.refused:
        return f"| {one.name} | | | | | the file: `{one.refused}` |"
    read_as = " ".join(one.mapped)
    if one.header_row != 1:
        where = f"header in row {one.header_row}" if one.header_row else "no header"
        read_as = f"{where}: {read_as}"
    why = f"{one.rejected}: {', '.join(f'`{code}`' for code in one.reasons)}"
    rejected = why if one.rejected else "0"
    return f"| {one.name} | {read_as} | {one.rows} | {one.made} | {one.known} | {rejected} |"


if __name__ == "__main__":
    main()
