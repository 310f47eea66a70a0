"""The `crm` command: start, set up, read in, count, report, and look after the house."""

import json
import logging
import multiprocessing
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm import app, doctor, migrations
from crm import worker as workers
from crm.core import clock, db, spreadsheet
from crm.core.db import Sessions
from crm.core.errors import DomainError
from crm.core.messages import ERRORS
from crm.customers.models import Import, ImportKind, ImportState
from crm.customers.queries import imports as import_queries
from crm.customers.queries import segments as segment_queries
from crm.customers.rules import mappings
from crm.customers.services import importing, segments
from crm.reports import services as reports
from crm.reports.rules.conversion import parse_month
from crm.settings import LOCALES, Settings, SettingsError
from crm.users import queries as user_queries
from crm.users import services as users
from crm.users.models import Role, Team, User
from crm.web.server import Server

STOP_PATIENCE = 20  # seconds a child may take to finish its work


def main() -> None:
    """Run the command; a refusal is one sentence and exit code 1, never a stack trace."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("alembic", "apscheduler", "fontTools", "weasyprint"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        crm(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingsError as error:
        click.echo(f"crm: {error}", err=True)
        sys.exit(1)
    except DomainError as error:
        click.echo(f"crm: {ERRORS[error.code] % error.details} [{error.code}]", err=True)
        sys.exit(1)


@click.group()
def crm() -> None:
    """闭环 CRM: one closed loop of sales activities."""


@crm.command()
@click.option("--empty", is_flag=True, help="No demo shop; prints the administrator's password.")
def init(*, empty: bool) -> None:
    """Prepare var/, the secret key and the database; fill an empty one with the demo shop."""
    _make_secret_key()
    settings = _settings()
    engine = db.make_engine(settings.database_url)
    migrations.upgrade(engine)
    engine.dispose()
    sessions = app.make_sessions(settings)
    with sessions.begin() as session:
        if session.scalar(select(func.count()).select_from(User)):
            return
        if empty:
            _make_administrator(session)
            return
    _make_demo(sessions)


@crm.command()
@click.option("--reset", is_flag=True, help="Delete everything in the database first.")
def demo(*, reset: bool) -> None:
    """Make the demo shop: people, customers, orders, segments and a running activity."""
    settings = _settings()
    if reset:
        engine = db.make_engine(settings.database_url)
        migrations.downgrade(engine)
        migrations.upgrade(engine)
        engine.dispose()
    sessions = app.make_sessions(settings)
    with sessions.begin() as session:
        if session.scalar(select(func.count()).select_from(User)):
            raise click.ClickException("The database is not empty; `crm demo --reset` empties it.")
    _make_demo(sessions)


@crm.command()
@click.option("--empty", is_flag=True, help="No demo shop; prints the administrator's password.")
@click.pass_context
def start(context: click.Context, *, empty: bool) -> None:
    """Prepare what is missing, then serve: what `bin/run` calls."""
    context.invoke(init, empty=empty)
    context.invoke(serve)


@crm.command()
def serve() -> None:
    """Start web and worker on this machine; Ctrl-C stops both."""
    settings = _settings()
    click.echo(f"闭环 CRM: {settings.base_url}  (Ctrl-C stops it)")
    sys.exit(_watch([partial(_run_web, settings), partial(_run_worker, settings)]))


@crm.command()
def web() -> None:
    """Start the web server."""
    _run_web(_settings())


@crm.command()
@click.option("--once", is_flag=True, help="Do what is due now, then stop.")
def worker(*, once: bool) -> None:
    """Start the clock and delivery process."""
    if once:
        workers.make_worker(_settings()).run_once()
    else:
        _run_worker(_settings())


@crm.command(name="doctor")
def examine() -> None:
    """Look for what is wrong; exit code 1 when anything is."""
    findings = doctor.examine(_settings())
    for finding in findings:
        click.echo(f"{'ok  ' if finding.is_fine else 'FAIL'}  {finding.what}: {finding.detail}")
    sys.exit(0 if all(finding.is_fine for finding in findings) else 1)


@crm.group()
def user() -> None:
    """People who sign in."""


@user.command(name="add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--team", default=None, help="Made when there is none of this name.")
def add_user(email: str, name: str, role: str, team: str | None) -> None:
    """Add a person and print the one-time password."""
    with app.make_sessions(_settings()).begin() as session:
        team_id = _team_named(session, team).id if team else None
        wanted = users.NewUser(email=email, name=name, role=Role(role), team_id=team_id)
        made, password = users.add(session, wanted, by=None, now=clock.now())
        click.echo(f"{made.email}  {password}  (to be changed at the first sign-in)")


@user.command(name="reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Give a person a new one-time password and end their sessions."""
    with app.make_sessions(_settings()).begin() as session:
        found = user_queries.get_by_email(session, email)
        password = users.reset_password(session, found, by=None, now=clock.now())
        click.echo(f"{found.email}  {password}  (to be changed at the next sign-in)")


@crm.command(name="import")
@click.argument("kind", type=click.Choice([kind.value for kind in ImportKind]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encoding", default=None, help="Of the file; found out when not given.")
@click.option("--sheet", default=None, help="Of a workbook with several.")
@click.option("--rejected", type=click.Path(dir_okay=False, path_type=Path))
def read_in(
    kind: str,
    file: Path,
    mapping: Path | None,
    encoding: str | None,
    sheet: str | None,
    rejected: Path | None,
) -> None:
    """Read customers or orders in from CSV (plain or gzip), a workbook or visiting cards.

    Without --mapping the header is asked. --rejected writes the rows that were not taken.
    """
    sessions = app.make_sessions(_settings())
    wanted = importing.NewImport(
        kind=ImportKind(kind),
        path=file,
        file_name=file.name,
        mapping=mappings.from_json(_read_json(mapping), kind=kind) if mapping else None,
        encoding=encoding,
        sheet=sheet,
    )
    with sessions.begin() as session:
        by = _an_administrator(session)
        item_id = importing.start(session, wanted, by=by, now=clock.now()).id
    more = True
    while more:
        with sessions.begin() as session:
            item = session.get_one(Import, item_id)
            more = importing.advance_one(session, item, clock.now())
    with sessions() as session:
        item = session.get_one(Import, item_id)
        if rejected is not None:
            _write_rejected(session, item, rejected)
        _tell(item)


@crm.group()
def segment() -> None:
    """Groups of customers described by a rule."""


@segment.command(name="count")
@click.argument("rule", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def count_segment(rule: Path) -> None:
    """Count the customers whom the rule in a JSON file means."""
    with app.make_sessions(_settings())() as session:
        click.echo(segment_queries.count(session, _read_json(rule), now=clock.now()))


@crm.group()
def report() -> None:
    """Reports as files."""


@report.command(name="conversion")
@click.option("--month", required=True, help="As in 2026-11.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--locale", type=click.Choice(LOCALES), default=LOCALES[0])
def report_conversion(month: str, out: Path, locale: str) -> None:
    """Write the month's conversion as a PDF."""
    wanted = reports.Wanted(month=parse_month(month))
    with app.make_sessions(_settings())() as session:
        reports.save_conversion(session, wanted, out, locale=locale, now=clock.now())
    click.echo(f"{out}")


def _an_administrator(session: Session) -> User:
    """In whose name the command line acts."""
    active = select(User).where(User.role == Role.ADMIN, User.disabled_at.is_(None))
    found = session.scalars(active.order_by(User.id).limit(1)).first()
    if found is None:
        raise click.ClickException("There is no administrator yet: run `crm init` first.")
    return found


def _write_rejected(session: Session, item: Import, target: Path) -> None:
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        spreadsheet.write_rows(file, [[*item.columns, "row", "field", "reason"]])
        spreadsheet.write_rows(
            file,
            (
                [*map(str, refusal.cells), str(refusal.line), refusal.field, refusal.code]
                for refusal in import_queries.all_refusals(session, item)
            ),
        )


def _tell(item: Import) -> None:
    if item.state is ImportState.FAILED:
        raise click.ClickException(f"The import failed: {item.error_code}")
    click.echo(
        f"{item.position} rows: {item.created_count} new, {item.updated_count} changed, "
        f"{item.unchanged_count} as they were, {item.rejected_count} rejected"
    )


def _team_named(session: Session, name: str) -> Team:
    found = session.scalar(select(Team).where(Team.name == name))
    return found or users.add_team(session, users.NewTeam(name), by=None, now=clock.now())


def _settings() -> Settings:
    return Settings.from_env(os.environ)


def _make_secret_key() -> None:
    """Write var/secret_key (0600) unless a key exists or comes from the environment."""
    if "CRM_SECRET_KEY" in os.environ:
        return
    folder = Path(os.environ.get("CRM_VAR_DIR", "var")).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "secret_key"
    if path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))


def _make_administrator(session: Session) -> None:
    email = "admin@localhost"
    wanted = users.NewUser(email=email, name="Administrator", role=Role.ADMIN, team_id=None)
    made, password = users.add(session, wanted, by=None, now=clock.now())
    segments.create_defaults(session, made, clock.now())
    click.echo("The administrator's one-time password, shown this once:")
    click.echo(f"  {email}  {password}")


def _make_demo(sessions: Sessions) -> None:
    from crm import demo as shop  # noqa: PLC0415 - a second of set-up that no other command needs

    click.echo("Making the demo shop …")
    try:
        for line in shop.make(sessions, now=clock.now()):
            click.echo(line)
    except BaseException:
        click.echo("The demo shop is unfinished: `crm demo --reset` makes it anew.", err=True)
        raise


def _run_web(settings: Settings) -> None:
    Server(partial(app.create_app, settings), host=settings.host, port=settings.port).run()


def _run_worker(settings: Settings) -> None:
    workers.make_worker(settings).run()


def _watch(parts: list[Callable[[], None]]) -> int:
    """Run each part in a child until one ends or we are told to stop; the exit code."""
    asked: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    # Forked, so that no child spends two seconds on importing what we have imported.
    forking = multiprocessing.get_context("fork")
    children = [forking.Process(target=_as_child, args=(part,)) for part in parts]
    for child in children:
        child.start()
    while not asked and all(child.is_alive() for child in children):
        time.sleep(0.2)
    codes = [_end(child) for child in children]
    return 0 if asked else max(codes, key=abs)


def _as_child(part: Callable[[], None]) -> None:
    os.setsid()  # a Ctrl-C reaches it through us, once
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    part()


def _end(child: BaseProcess) -> int:
    child.terminate()
    child.join(STOP_PATIENCE)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode or 0


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise click.ClickException(f"{path}: {error}") from None
