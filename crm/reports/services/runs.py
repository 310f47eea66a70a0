"""Reports that were asked for: figures are frozen at once, the file is drawn by the worker."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.core import files
from crm.core.company import company
from crm.core.errors import Conflict, Unavailable
from crm.reports import pdf, queries
from crm.reports.models import ReportKind, ReportRun, RunState
from crm.reports.rules.conversion import Conversion
from crm.reports.rules.definitions import CV_ALL
from crm.reports.services.conversion import Wanted, as_html, conversion_of
from crm.users import policies
from crm.users.models import User

FOLDER = "reports"
LEASE = timedelta(minutes=2)  # longer than the child may live
MAX_ATTEMPTS = 3

#: Refusals that time may heal; the others need a person.
PASSING = frozenset({"reports.pdf_failed", "reports.pdf_no_room", "reports.pdf_too_slow"})


def request(session: Session, wanted: Wanted, *, by: User, now: datetime) -> ReportRun:
    """Freeze the month's figures and have them drawn. The same figures are not drawn twice."""
    policies.require(by, "reports.make")
    found = conversion_of(session, wanted, by=by, now=now)
    run = _same(session, found, by=by)
    if run is None:
        run = ReportRun(
            kind=ReportKind.CONVERSION,
            month=found.month,
            locale=by.locale,
            by_id=by.id,
            scope=str(queries.scope_of(by)),
            state=RunState.WAITING,
            as_of=found.as_of,
            definition_version=CV_ALL.version,
            figures=found.as_json(),
            created_at=now,
        )
        session.add(run)
        session.flush()  # the caller shows its public id
    return run


def advance(session: Session, now: datetime) -> bool:
    """Take a waiting report, and in the next step draw it. True while more is to do.

    The edge commits between the two, so that a crash while drawing counts as an attempt.
    """
    run = session.scalar(queries.being_drawn(now))
    if run is not None:
        _draw(session, run, now)
        return True
    run = session.scalar(queries.due(now))
    if run is None:
        return False
    if run.attempts >= MAX_ATTEMPTS:
        run.state, run.finished_at = RunState.FAILED, now
        run.error_code = run.error_code or "reports.pdf_failed"
        return True
    run.state, run.lease_until = RunState.RUNNING, now + LEASE
    run.attempts += 1
    return True


def file_of(session: Session, run: ReportRun) -> Path:
    """The drawn file, unchanged since. Raises Conflict while there is none."""
    if run.state is not RunState.DONE:
        raise Conflict("reports.not_done")
    path = _path(session, run)
    if not path.is_file() or _digest(path) != run.file_sha256:
        raise Conflict("reports.file_lost")
    return path


def _draw(session: Session, run: ReportRun, now: datetime) -> None:
    """Draw outside any transaction: seconds of work must not hold SQLite's one write lock."""
    run_id, attempts = run.id, run.attempts
    target = _path(session, run)
    html = as_html(Conversion.from_json(run.figures), company=company(session), locale=run.locale)
    session.rollback()  # nothing was written; the next statement begins anew
    try:
        pdf.write(html, target)
    except Unavailable as refusal:
        if refusal.code in PASSING and attempts < MAX_ATTEMPTS:
            later = now + LEASE * attempts
            _finish(session, run_id, state=RunState.WAITING, lease_until=later)
        else:
            _finish(
                session,
                run_id,
                state=RunState.FAILED,
                lease_until=None,
                error_code=refusal.code,
                finished_at=now,
            )
        return
    _finish(
        session,
        run_id,
        state=RunState.DONE,
        lease_until=None,
        error_code=None,
        finished_at=now,
        file_name=target.name,
        file_sha256=_digest(target),
    )


def _finish(session: Session, run_id: int, **values: object) -> None:
    """Only a report that is still being drawn: another process may have finished it meanwhile."""
    still_drawn = (ReportRun.id == run_id) & (ReportRun.state == RunState.RUNNING)
    session.execute(update(ReportRun).where(still_drawn).values(**values))


def _same(session: Session, found: Conversion, *, by: User) -> ReportRun | None:
    """A report of the same scope, language and figures that is made or being made."""
    candidates = select(ReportRun).where(
        queries.visible_to(by),
        ReportRun.kind == ReportKind.CONVERSION,
        ReportRun.scope == str(queries.scope_of(by)),
        ReportRun.month == found.month,
        ReportRun.as_of == found.as_of,
        ReportRun.locale == by.locale,
        ReportRun.definition_version == CV_ALL.version,
        ReportRun.state != RunState.FAILED,
    )
    figures = found.as_json()
    for run in session.scalars(candidates.order_by(ReportRun.id.desc())):
        is_whole = run.state is not RunState.DONE or _path(session, run).is_file()
        if run.figures == figures and is_whole:
            return run
    return None


def _path(session: Session, run: ReportRun) -> Path:
    return files.folder(session, FOLDER) / f"{run.public_id}.pdf"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
