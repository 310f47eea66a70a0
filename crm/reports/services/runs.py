"""Reports that were asked for: figures are frozen at once, the file is drawn by the worker."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.core import files
from crm.core.company import Company, company
from crm.core.db import Step
from crm.core.errors import Conflict, Unavailable
from crm.core.jobs import Outside
from crm.reports import pdf, queries
from crm.reports.models import ReportKind, ReportRun, RunState
from crm.reports.rules.conversion import Conversion
from crm.reports.rules.definitions import CV_ALL
from crm.reports.services.conversion import Wanted, as_html, conversion_of
from crm.users import policies
from crm.users.models import User

log = logging.getLogger(__name__)

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


def advance(session: Session, now: datetime) -> bool | Outside:
    """Claim a waiting report and leave its drawing for outside. False when none waits.

    The claim is committed first: seconds of drawing must not hold SQLite's one write lock, and a
    process that dies over a report has used up one of its attempts.
    """
    run = session.scalar(queries.due(now))
    if run is None:
        return False
    if run.attempts >= MAX_ATTEMPTS:
        run.state, run.lease_until, run.finished_at = RunState.FAILED, None, now
        run.error_code = run.error_code or "reports.pdf_failed"
        return True
    run.state, run.lease_until = RunState.RUNNING, now + LEASE
    run.attempts += 1
    claimed = _Claimed(
        run_id=run.id,
        attempt=run.attempts,
        found=Conversion.from_json(run.figures),
        locale=run.locale,
        company=company(session),
        target=_path(session, run),
    )
    return partial(_draw, claimed)


def content_of(session: Session, run: ReportRun) -> bytes:
    """The drawn file as it was drawn. Raises Conflict while there is none, or when it changed."""
    if run.state is not RunState.DONE:
        raise Conflict("reports.not_done")
    path = _path(session, run)
    content = path.read_bytes() if path.is_file() else b""
    if _digest(content) != run.file_sha256:
        raise Conflict("reports.file_lost")
    return content


@dataclass(frozen=True, slots=True)
class _Claimed:
    """All that drawing needs, so that it needs no session."""

    run_id: int
    attempt: int
    found: Conversion
    locale: str
    company: Company
    target: Path


def _draw(claimed: _Claimed) -> Step:
    html = as_html(claimed.found, company=claimed.company, locale=claimed.locale)
    try:
        pdf.write(html, claimed.target)
    except Unavailable as refusal:
        log.warning("report %s: %s %s", claimed.run_id, refusal.code, refusal.details)
        return partial(_note_refusal, claimed, refusal.code)
    return partial(_note_file, claimed, _digest(claimed.target.read_bytes()))


def _note_file(claimed: _Claimed, sha256: str, session: Session, now: datetime) -> bool:
    _note(
        session,
        claimed,
        state=RunState.DONE,
        lease_until=None,
        error_code=None,
        finished_at=now,
        file_name=claimed.target.name,
        file_sha256=sha256,
    )
    return True


def _note_refusal(claimed: _Claimed, code: str, session: Session, now: datetime) -> bool:
    if code in PASSING and claimed.attempt < MAX_ATTEMPTS:
        later = now + LEASE * claimed.attempt
        _note(session, claimed, state=RunState.WAITING, lease_until=later, error_code=code)
    else:
        over = {"lease_until": None, "finished_at": now, "error_code": code}
        _note(session, claimed, state=RunState.FAILED, **over)
    return True


def _note(session: Session, claimed: _Claimed, **values: object) -> None:
    """Only while the attempt is still ours: after its lease another worker may have taken over."""
    session.execute(
        update(ReportRun)
        .where(
            ReportRun.id == claimed.run_id,
            ReportRun.state == RunState.RUNNING,
            ReportRun.attempts == claimed.attempt,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )


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


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
