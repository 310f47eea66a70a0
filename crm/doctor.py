"""`crm doctor`: looks for what would fail later, and says it now in one line each."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from crm import app, migrations
from crm.core import audit, clock, db, jobs
from crm.core.notices import Notice, NoticeState
from crm.settings import Settings

#: Below these, known holes are open (docs/adr and SECURITY.md).
LEAST = {"weasyprint": (70, 0), "jinja2": (3, 1, 6), "flask": (3, 1, 3), "werkzeug": (3, 1, 5)}
LEAST_FREE = 0.05
STATIC = Path(__file__).parent / "web" / "static"
PARTS = ("vendor/htmx.min.js", "vendor/tabler.min.css", "vendor/icons.svg")
FONTS = ("fonts/NotoSansSC-Regular.ttf", "fonts/NotoSansSC-Bold.ttf")


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    is_fine: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Every check's finding, in a fixed order. Sends no mail and changes nothing."""
    engine = db.make_engine(settings.database_url)
    try:
        return [
            *_versions(),
            _parts("browser parts", PARTS),
            _parts("fonts", FONTS),
            _pdf(),
            _secret(settings),
            _disk(settings),
            _guarded("database", lambda: _schema(engine)),
            _guarded("worker", lambda: _worker(settings)),
            _guarded("notices", lambda: _stuck(settings)),
            _guarded("audit", lambda: _audit(settings)),
            _smtp(settings),
        ]
    finally:
        engine.dispose()


def _versions() -> Iterator[Finding]:
    for name, least in LEAST.items():
        found = version(name)
        numbers = tuple(int(part) for part in found.split(".")[: len(least)] if part.isdigit())
        yield Finding(name, numbers >= least, f"{found}, at least {'.'.join(map(str, least))}")


def _parts(what: str, names: tuple[str, ...]) -> Finding:
    missing = [name for name in names if not (STATIC / name).is_file()]
    return Finding(what, not missing, f"missing {', '.join(missing)}" if missing else "all there")


def _pdf() -> Finding:
    try:
        import weasyprint  # noqa: F401, PLC0415 - a missing pango is what we look for
    except OSError as error:
        return Finding("pdf", is_fine=False, detail=f"pango is missing: {error}")
    return Finding("pdf", is_fine=True, detail="pango loads")


def _secret(settings: Settings) -> Finding:
    path = settings.var_dir / "secret_key"
    if not path.exists():
        return Finding("secret key", is_fine=True, detail="from the environment")
    is_private = not path.stat().st_mode & 0o077
    return Finding("secret key", is_private, f"{path}, mode {path.stat().st_mode & 0o777:o}")


def _disk(settings: Settings) -> Finding:
    usage = shutil.disk_usage(settings.var_dir)
    share = usage.free / usage.total
    return Finding("disk", share >= LEAST_FREE, f"{share:.0%} free")


def _schema(engine: Engine) -> Finding:
    is_current = migrations.is_current(engine)
    detail = "schema is current" if is_current else "schema is old: run `crm init`"
    return Finding("database", is_current, detail)


def _worker(settings: Settings) -> Finding:
    with app.make_sessions(settings)() as session:
        beat = jobs.last_beat(session)
    if beat is None:
        return Finding("worker", is_fine=False, detail="has never run: start `crm worker`")
    silence = clock.now() - beat
    return Finding(
        "worker", silence < jobs.SILENCE, f"last beat {int(silence.total_seconds())} s ago"
    )


def _stuck(settings: Settings) -> Finding:
    with app.make_sessions(settings)() as session:
        failed = session.scalar(
            select(func.count()).select_from(Notice).where(Notice.state == NoticeState.FAILED)
        )
    return Finding("notices", not failed, f"{failed} could not be delivered")


def _audit(settings: Settings) -> Finding:
    with app.make_sessions(settings)() as session:
        broken = audit.first_broken(session)
    detail = "the chain is whole" if broken is None else f"the chain breaks at row {broken}"
    return Finding("audit", broken is None, detail)


def _smtp(settings: Settings) -> Finding:
    if settings.smtp is None:
        folder = settings.var_dir / "outbox"
        return Finding("mail", is_fine=True, detail=f"no server set: mails are kept in {folder}")
    address = (settings.smtp.host, settings.smtp.port)
    try:
        with closing(socket.create_connection(address, timeout=5)):
            return Finding("mail", is_fine=True, detail=f"{address[0]}:{address[1]} answers")
    except OSError as error:
        return Finding("mail", is_fine=False, detail=f"{address[0]}:{address[1]}: {error}")


def _guarded(what: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except SQLAlchemyError as error:
        return Finding(what, is_fine=False, detail=type(error).__name__)
