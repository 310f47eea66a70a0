"""Writing a list of customers to files: how long, and how much memory, as the worker does it.

    python -m benchmarks.export [number of customers]

Each kind of file is written from the request to the finished file, step by step with a commit after
each, twelve columns wide with tags, owners and totals. Memory is the highest seen in the process
beyond what it held before. The result goes into docs/benchmarks.md.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import paper, segment
from benchmarks.customer_list import spread
from crm import migrations
from crm.app import wiring
from crm.core import clock, db
from crm.customers.models import Export, ExportFormat
from crm.customers.queries.listing import Filters
from crm.customers.services import exporting
from crm.customers.services.exporting import NewExport
from crm.settings import Settings
from crm.users.models import Role, User
from crm.worker import take_step
from tests.databases import PrivateCluster
from tests.factories.users import make_user

TITLE = "## Export"
INTRODUCTION = (
    "A list with twelve columns, tags, owners and totals among them, from the request to the "
    "finished file, a commit after each step. Memory is what the highest point adds."
)
HEAD = (
    "| database | file | rows | time (s) | rows a second | memory | size |",
    "|---|---|--:|--:|--:|--:|--:|",
)
KEPT_FROM = 100_000
COLUMNS = (
    "external_id", "company", "phone", "email", "stage", "tags", "owner", "region", "source",
    "next", "amount", "orders",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    database: str
    kind: ExportFormat
    rows: int
    seconds: float
    megabytes: float
    size: int


def main(count: int) -> None:
    """Measure both databases and both kinds of file, and print the table."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        figures += measured("SQLite", f"sqlite:///{folder}/crm.db", Path(folder), count)
        with PrivateCluster() as cluster:
            figures += measured("PostgreSQL", cluster.url, Path(folder), count)
    lines = [
        f"| {one.database} | {one.kind.value} | {one.rows:,} | {one.seconds:.2f} | "
        f"{one.rows / one.seconds:,.0f} | +{one.megabytes:.0f} MB | {one.size / 1e6:.1f} MB |"
        for one in figures
    ]
    section = [TITLE, "", INTRODUCTION, "", *HEAD, *lines]
    if count >= KEPT_FROM:
        paper.keep(section)
    else:
        sys.stdout.write("\n".join(section) + "\n")


def measured(name: str, url: str, folder: Path, count: int) -> Iterator[Figure]:
    """One database, filled once; each kind of file in turn."""
    engine = db.make_engine(url)
    migrations.upgrade(engine)
    settings = Settings(database_url=url, secret_key="x" * 40, var_dir=folder)
    sessions = db.make_sessions(engine, wiring(settings))
    segment.fill(engine, count)
    spread(engine)
    with sessions.begin() as session:
        boss = make_user(session, name="主管", role=Role.ADMIN)
        asker = boss.id
    engine.dispose()
    for kind in ExportFormat:
        # A process of its own: the memory of filling the database is not the export's.
        with multiprocessing.get_context("spawn").Pool(1) as child:
            yield child.apply(_one, (name, settings, asker, kind))


def _one(name: str, settings: Settings, asker: int, kind: ExportFormat) -> Figure:
    sessions = db.make_sessions(db.make_engine(settings.database_url), wiring(settings))
    with sessions() as session:
        session.get_one(User, asker)
    before = _peak()
    began = time.perf_counter()
    with sessions.begin() as session:
        by = session.get_one(User, asker)
        wanted = NewExport(Filters(), kind, COLUMNS)
        export = exporting.request(session, wanted, by=by, locale="zh_Hans_CN", now=clock.now())
        export_id = export.id
    while take_step(sessions, exporting.advance):
        pass
    seconds = time.perf_counter() - began
    with sessions() as session:
        done = session.get_one(Export, export_id)
        path = exporting.file_for(session, done, viewer=session.get_one(User, asker))
        size = path.stat().st_size
        return Figure(name, kind, done.position, seconds, _peak() - before, size)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
