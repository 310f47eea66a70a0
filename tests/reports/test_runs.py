"""A report that was asked for: frozen at once, drawn outside any transaction, seen by few."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.activities.models import Activity, Step
from crm.core import files
from crm.core.company import Company
from crm.core.db import Sessions
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound, Unavailable
from crm.core.i18n import CHINESE, ENGLISH
from crm.reports import pdf, queries, services
from crm.reports.jobs import JOBS
from crm.reports.models import ReportRun, RunState
from crm.reports.rules.conversion import ActivityFunnel, Conversion, Funnel
from crm.reports.services import Wanted, runs
from crm.reports.services.conversion import as_html
from crm.users.models import Role, User
from crm.worker import take_step
from tests.conftest import NOW
from tests.factories.activities import make_activity
from tests.factories.reports import make_target
from tests.factories.users import make_lead, make_manager, make_rep, make_team

TUESDAY = NOW - timedelta(days=2)
NOVEMBER = Wanted(datetime(2026, 11, 1, tzinfo=UTC).date())

needs_fonts = pytest.mark.skipif(
    bool(pdf.missing_fonts()), reason="the fonts are not made yet: run bin/setup"
)


@pytest.fixture
def manager(session: Session) -> User:
    return make_manager(session)


@pytest.fixture
def activity(session: Session, manager: User) -> Activity:
    """40 customers talked to, 10 of them bought; the owner is nobody."""
    made = make_activity(session, owner=manager, title="秋冬焕新 & 老客 <复购>")
    for number in range(40):
        steps = {Step.TALK: TUESDAY, Step.DEAL: TUESDAY} if number < 10 else {Step.TALK: TUESDAY}
        make_target(session, made, steps=steps)
    return made


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were drawn, without the seconds that drawing takes."""
    texts: list[str] = []

    def write(html: str, target: Path) -> None:
        texts.append(html)
        target.write_bytes(b"%PDF-" + html.encode())

    monkeypatch.setattr(pdf, "write", write)
    return texts


def step(session: Session, now: datetime = NOW) -> bool:
    """One step as the worker takes it, with what it leaves for outside."""
    more = services.advance(session, now)
    session.flush()
    return more if isinstance(more, bool) else more()(session, now)


def ask(session: Session, by: User, now: datetime = NOW) -> ReportRun:
    return services.request(session, NOVEMBER, by=by, now=now)


def test_a_report_is_frozen_when_it_is_asked_for(
    session: Session, manager: User, activity: Activity, drawn: list[str]
) -> None:
    run = ask(session, manager)
    make_target(session, activity, steps={Step.TALK: TUESDAY, Step.DEAL: TUESDAY})

    while step(session):
        pass
    session.refresh(run)

    assert run.state is RunState.DONE
    assert run.figures["total"] == [40, 10, 10, 10]
    assert "10 of 40 targets bought: 25.00 %" in drawn[0]
    assert run.file_sha256 is not None
    assert services.content_of(session, run).startswith(b"%PDF-")


def test_the_same_figures_are_drawn_once_and_new_ones_again(
    session: Session, manager: User, activity: Activity, drawn: list[str]
) -> None:
    first = ask(session, manager)
    assert ask(session, manager) is first
    while step(session):
        pass
    session.refresh(first)
    assert ask(session, manager) is first

    make_target(session, activity, steps={Step.TALK: TUESDAY})
    second = ask(session, manager)

    assert second is not first
    assert len(drawn) == 1


def test_the_job_run_twice_draws_once(
    session: Session, manager: User, activity: Activity, drawn: list[str]
) -> None:
    assert activity.id
    ask(session, manager)
    for _ in range(2):
        while step(session):
            pass

    assert len(drawn) == 1
    assert [job.name for job in JOBS] == ["draw reports"]


def test_no_transaction_is_open_while_a_report_is_drawn(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunState] = []

    def write(html: str, target: Path) -> None:
        # Another session sees the claim: it was committed before.
        with sessions.begin() as other:
            seen.append(other.scalars(select(ReportRun.state)).one())
        target.write_bytes(b"%PDF-" + html.encode())

    monkeypatch.setattr(pdf, "write", write)
    with sessions.begin() as session:
        ask(session, make_manager(session))

    while take_step(sessions, lambda session, _now: services.advance(session, NOW)):
        pass

    assert seen == [RunState.RUNNING]
    with sessions.begin() as session:
        assert session.scalars(select(ReportRun.state)).one() is RunState.DONE


def refuse(monkeypatch: pytest.MonkeyPatch, code: str) -> list[int]:
    tries: list[int] = []

    def write(html: str, target: Path) -> None:
        del html, target
        tries.append(1)
        raise Unavailable(code)

    monkeypatch.setattr(pdf, "write", write)
    return tries


@pytest.mark.parametrize("code", ["reports.pdf_too_large", "reports.pdf_no_fonts"])
def test_a_refusal_that_time_does_not_heal_is_final_and_says_why(
    session: Session, manager: User, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    run = ask(session, manager)
    tries = refuse(monkeypatch, code)

    while step(session):
        pass
    session.refresh(run)

    assert (run.state, run.error_code, len(tries)) == (RunState.FAILED, code, 1)
    with pytest.raises(Conflict) as refused:
        services.content_of(session, run)
    assert refused.value.code == "reports.not_done"
    assert ask(session, manager) is not run


def test_a_full_disk_is_tried_again_later_and_three_times_at_most(
    session: Session, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ask(session, manager)
    tries = refuse(monkeypatch, "reports.pdf_no_room")

    assert step(session)
    assert not step(session)
    session.refresh(run)
    assert run.state is RunState.WAITING
    for hours in (1, 2, 3):
        while step(session, NOW + timedelta(hours=hours)):
            pass
    session.refresh(run)

    assert (run.state, run.error_code) == (RunState.FAILED, "reports.pdf_no_room")
    assert len(tries) == runs.MAX_ATTEMPTS


def test_a_report_that_kills_its_worker_each_time_is_given_up(
    session: Session, manager: User, drawn: list[str]
) -> None:
    run = ask(session, manager)

    for hour in range(runs.MAX_ATTEMPTS):
        left_for_outside = services.advance(session, NOW + timedelta(hours=hour))
        assert not isinstance(left_for_outside, bool)  # claimed, and then the process died
        assert services.advance(session, NOW + timedelta(hours=hour)) is False
    assert step(session, NOW + timedelta(hours=9))
    session.refresh(run)

    assert (run.state, run.error_code) == (RunState.FAILED, "reports.pdf_failed")
    assert drawn == []


def test_a_worker_that_comes_back_after_its_lease_spoils_nothing(
    session: Session, manager: User, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ask(session, manager)
    asleep = services.advance(session, NOW)
    assert not isinstance(asleep, bool)
    while step(session, NOW + timedelta(hours=1)):
        pass
    session.refresh(run)
    done = (run.state, run.file_sha256, run.finished_at)

    refuse(monkeypatch, "reports.pdf_failed")
    asleep()(session, NOW + timedelta(hours=2))
    session.refresh(run)

    assert (run.state, run.file_sha256, run.finished_at) == done
    assert len(drawn) == 1


def test_a_file_that_was_changed_or_lost_is_not_handed_out(
    session: Session, manager: User, drawn: list[str]
) -> None:
    run = ask(session, manager)
    while step(session):
        pass
    session.refresh(run)
    assert drawn
    assert run.file_name is not None
    path = files.folder(session, runs.FOLDER) / run.file_name

    path.write_bytes(b"%PDF-something else")
    with pytest.raises(Conflict) as changed:
        services.content_of(session, run)
    path.unlink()
    with pytest.raises(Conflict) as lost:
        services.content_of(session, run)

    assert changed.value.code == lost.value.code == "reports.file_lost"
    assert ask(session, manager) is not run


def test_a_month_to_come_cannot_be_asked_for(session: Session, manager: User) -> None:
    with pytest.raises(Invalid):
        services.request(session, Wanted((NOW + timedelta(days=20)).date()), by=manager, now=NOW)

    assert session.scalar(select(func.count()).select_from(ReportRun)) == 0


def test_without_the_right_nothing_is_shown_or_made(
    session: Session, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm.users import policies

    nobody = (policies.Reach.NONE,) * 4
    monkeypatch.setitem(policies.ACTIONS, "reports.read", nobody)
    with pytest.raises(NotAllowed):
        services.conversion_of(session, NOVEMBER, by=manager, now=NOW)
    monkeypatch.setitem(policies.ACTIONS, "reports.make", nobody)
    with pytest.raises(NotAllowed):
        ask(session, manager)


def test_who_leaves_a_team_loses_its_old_reports(session: Session) -> None:
    east, west = make_team(session, name="华东"), make_team(session, name="华西")
    lead, rep = make_lead(session, team=east), make_rep(session, team=east)
    of_team, of_rep = ask(session, lead), ask(session, rep)

    def seen(by: User) -> set[str]:
        return {run.public_id for run in session.scalars(queries.latest_runs(by))}

    assert seen(lead) == {of_team.public_id, of_rep.public_id}
    assert seen(rep) == {of_rep.public_id}
    assert seen(make_manager(session)) == {of_team.public_id, of_rep.public_id}
    assert seen(make_lead(session, name="别队", team=west)) == set()
    assert seen(make_rep(session, name="李娜", team=east)) == set()

    lead.team_id = west.id
    session.flush()

    assert seen(lead) == set()
    with pytest.raises(NotFound):
        queries.get_run(session, of_team.public_id, visible_for=lead)


def test_a_manager_who_becomes_a_rep_loses_the_companys_reports(
    session: Session, manager: User
) -> None:
    run = ask(session, manager)

    manager.role = Role.REP
    session.flush()

    with pytest.raises(NotFound):
        queries.get_run(session, run.public_id, visible_for=manager)


@needs_fonts
@pytest.mark.usefixtures("activity")
def test_the_printed_report_holds_the_figures_that_the_page_shows(
    session: Session, manager: User, tmp_path: Path
) -> None:
    target = tmp_path / "report.pdf"

    found = services.save_conversion(session, NOVEMBER, target, locale=ENGLISH, now=NOW)

    assert found == services.conversion_of(session, NOVEMBER, by=manager, now=NOW)
    text = " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(target).pages).split())
    for printed in (
        "10 of 40 targets bought: 25.00 %",
        "14.2–40.2 %",
        "秋冬焕新 & 老客 <复购>",
        "Data up to the end of 18 November 2026",
        "CV-ALL",
        "Version 1",
        "Targets that reached the deal ÷ targets that reached the talk",
        "Staff and test customers left out: 0",
        "Interval too wide",
    ):
        assert printed in text
    assert PdfReader(target).metadata is not None


@needs_fonts
def test_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    total = Funnel((40, 10, 10, 10))
    rows = (ActivityFunnel("a1", "秋冬焕新 & 老客 <复购>", total),)
    day = NOVEMBER.month or NOW.date()
    found = Conversion(day, NOW.date(), "", total, rows, internal_count=0)
    company = Company("青禾家居", ZoneInfo("Asia/Shanghai"))
    for name in ("a.pdf", "b.pdf"):
        pdf.write(as_html(found, company=company, locale=CHINESE), tmp_path / name)

    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
