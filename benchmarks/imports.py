"""Files read in to the end: rows a second and the memory at its highest.

    python -m benchmarks.imports [number of customers]

Each import runs in a process of its own, as `crm import` does, so its peak memory is its own. The
floor puts the very rows that the import stored into the same empty tables, with the same indexes
and commits, and does nothing else. online_retail is measured where the public data set is at hand
(CRM_DATA_DIR). The result goes into docs/benchmarks.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from benchmarks import generate, paper
from crm import migrations
from crm.app import wiring
from crm.core import bulk, clock, db
from crm.core.db import Model
from crm.customers.models import (
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerStats,
    CustomerTag,
    ImportedCustomer,
    ImportedOrder,
    ImportKind,
    ImportState,
    Order,
    OrderLine,
    StageChange,
)
from crm.customers.rules import mappings
from crm.customers.services import importing
from crm.customers.services.importing import NewImport
from crm.settings import Settings
from crm.users.models import Role, User
from tests.databases import PrivateCluster

NOW = datetime(2026, 11, 19, 1, 30, tzinfo=UTC)
DATA = Path(os.environ.get("CRM_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))
DOCS = Path(__file__).parent.parent / "docs" / "imports"
TITLE = "## Imports"
PLACES = ("made", "twice", "retail")
WRITTEN: tuple[type[Model], ...] = (
    ContactSubject,
    Customer,
    ContactPoint,
    CustomerTag,
    StageChange,
    Order,
    OrderLine,
    ImportedCustomer,
    ImportedOrder,
    CustomerStats,
)


@dataclass(frozen=True, slots=True)
class File:
    label: str
    kind: ImportKind
    path: Path
    mapping: str = ""  # a file of docs/imports; empty: the header says it


@dataclass(frozen=True, slots=True)
class Measured:
    rows: int
    seconds: float
    megabytes: int


def measure(url: str, var_dir: Path, file: File) -> Measured:
    """Import the file in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.imports", "--one", url, str(var_dir)]
    command += [file.kind.value, str(file.path), file.mapping]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return Measured(**json.loads(found.stdout.splitlines()[-1]))


def one(url: str, var_dir: str, kind: str, path: str, mapping: str) -> None:
    """What the child does: one import from its first byte to its last total."""
    engine, session = _open(url, Path(var_dir))
    by = session.scalars(select(User)).first() or _administrator(session)
    given = None
    if mapping:
        text = (DOCS / mapping).read_text(encoding="utf-8")
        given = mappings.from_json(json.loads(text), kind=kind)
    wanted = NewImport(ImportKind(kind), Path(path), Path(path).name, given)
    start = clock.monotonic()
    item = importing.start(session, wanted, by=by, now=NOW)
    session.commit()
    while importing.advance_one(session, item, NOW):
        session.commit()
    session.commit()
    seconds = clock.monotonic() - start
    if item.state is not ImportState.DONE or item.rejected_count:
        raise SystemExit(f"the import is {item.state}, {item.rejected_count} rows were not taken")
    print(json.dumps({"rows": item.row_count, "seconds": seconds, "megabytes": _peak()}))
    engine.dispose()


def floor(url: str, var_dir: Path) -> float:
    """Seconds for the rows that lie in the tables now, put in again after they were emptied."""
    engine, session = _open(url, var_dir)
    stored: list[tuple[type[Model], list[str], list[Any]]] = []
    for model in WRITTEN:
        table = bulk.table(model)
        rows = session.execute(select(table).order_by(*table.primary_key)).all()
        stored.append((model, [column.name for column in table.columns], list(rows)))
    for model in reversed(WRITTEN):
        session.execute(delete(bulk.table(model)))
    session.commit()
    start = time.perf_counter()
    for model, columns, rows in stored:
        for at in range(0, len(rows), importing.ROWS_A_STEP):
            bulk.insert_rows(session, model, columns, rows[at : at + importing.ROWS_A_STEP])
            session.commit()
    seconds = time.perf_counter() - start
    session.close()
    engine.dispose()
    return seconds


def files(folder: Path, count: int) -> Iterator[File]:
    """Files that follow each other into one database."""
    customers = generate.write(folder / "customers.csv", generate.customers(count))
    yield File(f"{count:,} customers", ImportKind.CUSTOMERS, customers)
    yield File("the same again, unchanged", ImportKind.CUSTOMERS, customers)
    many = generate.ORDERS * count // generate.CUSTOMERS
    orders = generate.write(folder / "orders.csv", generate.orders(many, of=count))
    yield File(f"{many:,} orders of theirs", ImportKind.ORDERS, orders)


def twice(folder: Path, count: int) -> Iterator[File]:
    """Twice as many rows, for the memory."""
    customers = generate.write(folder / "twice.csv", generate.customers(2 * count))
    yield File(f"{2 * count:,} customers", ImportKind.CUSTOMERS, customers)


def retail() -> Iterator[File]:
    path = DATA / "online_retail" / "online_retail.csv.gz"
    if path.exists():
        yield File("online_retail, order lines", ImportKind.ORDERS, path, "online_retail.json")
        yield File("online_retail again", ImportKind.ORDERS, path, "online_retail.json")


def rows_of(name: str, urls: Sequence[str], folder: Path, count: int) -> Iterator[str]:
    for url, some in zip(urls, (files(folder, count), twice(folder, count), retail()), strict=True):
        engine = db.make_engine(url)
        migrations.upgrade(engine)
        engine.dispose()
        for number, file in enumerate(some):
            found = measure(url, folder, file)
            least = floor(url, folder) if number == 0 and not file.mapping else 0.0
            yield (
                f"| {name} | {file.label} | {found.rows:,} | {found.seconds:.1f} "
                f"| {found.rows / found.seconds:,.0f} "
                f"| {f'{found.rows / least:,.0f}' if least else '–'} | {found.megabytes} |"
            )


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else generate.CUSTOMERS
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        urls = [f"sqlite:///{place}/{name}.db" for name in PLACES]
        lines += rows_of("SQLite", urls, place, count)
        with PrivateCluster() as cluster:
            urls = [cluster.new_database(name) for name in PLACES]
            lines += rows_of("PostgreSQL", urls, place, count)
    table = [
        TITLE,
        "",
        f"`python -m benchmarks.imports {count}`: from the file's first byte to the last total,",
        "with every check, match and step's commit. The floor puts the stored rows alone into the",
        "same tables with the same indexes. Memory is the process's highest.",
        "",
        "| database | file | rows | seconds | rows/s | floor, rows/s | MB |",
        "|---|---|---|---|---|---|---|",
        *lines,
    ]
    paper.keep(table)


def _peak() -> int:
    """Megabytes at the highest. Not `getrusage`: a child starts there with its parent's peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def _open(url: str, var_dir: Path) -> tuple[Engine, Session]:
    settings = Settings(database_url=url, secret_key="-" * 40, var_dir=var_dir)
    engine = db.make_engine(url)
    return engine, db.make_sessions(engine, wiring(settings))()


def _administrator(session: Session) -> User:
    user = User(
        email="bench@example.com",
        name="Bench",
        role=Role.ADMIN,
        password_hash="-",
        password_changed_at=NOW,
        created_at=NOW,
    )
    session.add(user)
    session.commit()
    return user


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
