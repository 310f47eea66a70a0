"""Both faces of reports, side by side: the same figures, the same refusals."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.activities.models import Step
from crm.core import files
from crm.reports import pdf, queries, services
from crm.reports.services import Wanted, runs
from crm.users.models import User
from crm.users.rules import Scope
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.activities import make_activity
from tests.factories.reports import make_target
from tests.factories.users import bearer, make_lead, make_manager, make_rep, make_team

TUESDAY = NOW - timedelta(days=2)
NOVEMBER = Wanted(datetime(2026, 11, 1, tzinfo=UTC).date())

SignedIn = Callable[[User], FlaskClient]


@pytest.fixture(autouse=True)
def thursday() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def manager(session: Session) -> User:
    return make_manager(session)


@pytest.fixture(autouse=True)
def forty(session: Session, manager: User) -> None:
    """40 customers of an activity were talked to on Tuesday, 10 bought."""
    activity = make_activity(session, owner=manager, title="秋冬焕新 <复购>")
    for number in range(40):
        steps = {Step.TALK: TUESDAY, Step.DEAL: TUESDAY} if number < 10 else {Step.TALK: TUESDAY}
        make_target(session, activity, steps=steps)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, session: Session) -> Callable[[], None]:
    """Draws what waits, without the seconds that drawing takes."""

    def write(html: str, target: Path) -> None:
        target.write_bytes(b"%PDF-" + html.encode())

    def draw() -> None:
        while not isinstance(more := services.advance(session, NOW), bool):
            session.commit()
            more()(session, NOW)
        session.commit()

    monkeypatch.setattr(pdf, "write", write)
    return draw


def test_the_page_shows_the_figure_its_interval_its_definition_and_its_as_of_day(
    client_for: SignedIn, manager: User
) -> None:
    page = client_for(manager).get("/reports/?month=2026-11").get_data(as_text=True)

    for shown in (
        "10 of 40 targets bought: 25.00 %",
        "14.2–40.2 %",
        "Data up to the end of 18 November 2026",
        "the month is still running",
        "Targets that reached the deal ÷ targets that reached the talk",
        "CV-ALL · Version 1",
        "Staff and test customers left out: 0",
        "秋冬焕新 &lt;复购&gt;",
        'aria-label="Funnel: Talk 40, Invite 10, Revisit 10, Deal 10"',
    ):
        assert shown in page
    assert "style=" not in page


def test_the_api_gives_the_same_figures_with_their_fractions(
    client: FlaskClient, session: Session, manager: User
) -> None:
    headers = bearer(session, manager)
    session.commit()

    found = client.get("/api/v1/reports/conversion?month=2026-11", headers=headers)

    assert found.status_code == 200
    body = found.get_json()
    assert (body["month"], body["as_of"], body["scope"]) == ("2026-11", "2026-11-18", "all")
    assert body["overall"]["count"] == 10
    assert body["overall"]["of"] == 40
    assert body["overall"]["share"] == 0.25
    assert round(body["overall"]["low"], 3) == 0.142
    assert body["overall"]["reading"] == "wide"
    assert [step["count"] for step in body["steps"]] == [40, 10, 10, 10]
    assert body["steps"][0]["conversion"] is None
    assert body["metric"]["id"] == "CV-ALL"
    assert body["metric"]["version"] == 1
    assert [one["title"] for one in body["activities"]] == ["秋冬焕新 <复购>"]
    assert body["internal_count"] == 0


def test_without_a_month_the_month_of_the_last_complete_day_is_shown(
    client_for: SignedIn, client: FlaskClient, session: Session, manager: User
) -> None:
    headers = bearer(session, manager)
    page = client_for(manager).get("/reports/").get_data(as_text=True)

    assert "Conversion in November 2026" in page
    body = client.get("/api/v1/reports/conversion", headers=headers).get_json()
    assert body["month"] == "2026-11"


@pytest.mark.parametrize("month", ["2026-12", "2099-01"])
def test_a_month_to_come_is_refused_on_both_faces(
    client_for: SignedIn, client: FlaskClient, session: Session, manager: User, month: str
) -> None:
    headers = bearer(session, manager)
    answer = client_for(manager).get(f"/reports/?month={month}")
    assert answer.status_code == 422
    assert "not later than this one" in answer.get_data(as_text=True)

    refused = client.get(f"/api/v1/reports/conversion?month={month}", headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (422, "reports.month_unknown")


@pytest.mark.parametrize("month", ["x", "2026-13", "2026-11-01", "0000-01", "99999-01", "2026-١١"])
def test_what_is_no_month_is_refused_on_both_faces(
    client_for: SignedIn, client: FlaskClient, session: Session, manager: User, month: str
) -> None:
    headers = bearer(session, manager)

    page = client_for(manager).get("/reports/", query_string={"month": month})
    program = client.get(
        "/api/v1/reports/conversion", query_string={"month": month}, headers=headers
    )

    assert page.status_code == program.status_code == 422


def test_a_pdf_is_asked_for_made_and_downloaded(
    client_for: SignedIn, session: Session, manager: User, drawn: Callable[[], None]
) -> None:
    browser = client_for(manager)

    answer = browser.post("/reports/runs", data={"month": "2026-11"})
    assert answer.status_code == 303
    assert answer.location.endswith("/reports/?month=2026-11")
    waiting = browser.get("/reports/runs", headers={"HX-Request": "true"})
    assert "Being made" in waiting.get_data(as_text=True)
    assert "every 2s" in waiting.get_data(as_text=True)
    drawn()

    ready = browser.get("/reports/runs", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "Ready" in ready
    assert "every 2s" not in ready
    (run,) = session.scalars(queries.latest_runs(manager))
    file = browser.get(f"/reports/runs/{run.public_id}/file")
    assert file.status_code == 200
    assert file.mimetype == "application/pdf"
    assert "filename=conversion-2026-11.pdf" in file.headers["Content-Disposition"]
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert "no-store" in file.headers["Cache-Control"]
    assert file.get_data().startswith(b"%PDF-")


def test_a_program_asks_for_a_pdf_waits_and_takes_it(
    client: FlaskClient, session: Session, manager: User, drawn: Callable[[], None]
) -> None:
    headers = bearer(session, manager)
    session.commit()

    asked = client.post("/api/v1/reports/runs", json={"month": "2026-11"}, headers=headers)
    assert asked.status_code == 202
    run = asked.get_json()
    assert (run["state"], run["month"], run["scope"]) == ("waiting", "2026-11", "all")
    address = f"/api/v1/reports/runs/{run['public_id']}"
    early = client.get(f"{address}/file", headers=headers)
    assert (early.status_code, early.get_json()["code"]) == (409, "reports.not_done")
    drawn()

    assert client.get(address, headers=headers).get_json()["state"] == "done"
    listed = client.get("/api/v1/reports/runs", headers=headers).get_json()["items"]
    assert [one["public_id"] for one in listed] == [run["public_id"]]
    file = client.get(f"{address}/file", headers=headers)
    assert file.status_code == 200
    assert file.get_data().startswith(b"%PDF-")


def test_htmx_gets_the_list_in_place_and_a_toast(client_for: SignedIn, manager: User) -> None:
    answer = client_for(manager).post(
        "/reports/runs", data={"month": "2026-11"}, headers={"HX-Request": "true"}
    )

    assert answer.status_code == 200
    assert "<html" not in answer.get_data(as_text=True)
    assert "The PDF is being made" in answer.headers["HX-Trigger"]


def test_a_report_of_others_does_not_exist_for_me_on_either_face(
    client_for: SignedIn,
    client: FlaskClient,
    session: Session,
    manager: User,
    drawn: Callable[[], None],
) -> None:
    run = services.request(session, NOVEMBER, by=manager, now=NOW)
    team = make_team(session, name="华西")
    drawn()

    for other in (make_rep(session, team=team), make_lead(session, team=team)):
        headers = bearer(session, other)
        browser = client_for(other)
        assert browser.get(f"/reports/runs/{run.public_id}/file").status_code == 404
        for path in ("", "/file"):
            address = f"/api/v1/reports/runs/{run.public_id}{path}"
            assert client.get(address, headers=headers).status_code == 404
        assert run.public_id not in browser.get("/reports/").get_data(as_text=True)
        assert "10 of 40" not in browser.get("/reports/").get_data(as_text=True)


@pytest.mark.parametrize(
    "method_and_path", ["GET /reports/", "GET /reports/runs", "POST /reports/runs"]
)
def test_strangers_are_led_to_the_sign_in(client: FlaskClient, method_and_path: str) -> None:
    method, path = method_and_path.split(" ")

    answer = client.open(path, method=method)

    assert answer.status_code in {302, 303}
    assert "sign" in answer.location


def test_a_program_needs_the_scope(client: FlaskClient, session: Session, manager: User) -> None:
    reading = bearer(session, manager, [Scope.REPORTS_READ])
    other = bearer(session, manager, [Scope.CUSTOMERS_READ])
    session.commit()

    assert client.get("/api/v1/reports/conversion").status_code == 401
    assert client.get("/api/v1/reports/conversion", headers=other).status_code == 403
    assert client.get("/api/v1/reports/runs", headers=reading).status_code == 200
    refused = client.post("/api/v1/reports/runs", json={}, headers=reading)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "users.scope_missing")


def test_a_file_that_is_gone_is_said_so(
    client_for: SignedIn, session: Session, manager: User, drawn: Callable[[], None]
) -> None:
    run = services.request(session, NOVEMBER, by=manager, now=NOW)
    drawn()
    session.refresh(run)
    (files.folder(session, runs.FOLDER) / f"{run.public_id}.pdf").unlink()

    answer = client_for(manager).get(f"/reports/runs/{run.public_id}/file")

    assert answer.status_code == 409
    assert "Make it again" in answer.get_data(as_text=True)


def test_a_failed_report_says_why_in_the_list(
    client_for: SignedIn, session: Session, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "FONTS", Path("/nowhere"))
    services.request(session, NOVEMBER, by=manager, now=NOW)
    more = services.advance(session, NOW)
    assert not isinstance(more, bool)
    more()(session, NOW)

    page = client_for(manager).get("/reports/runs").get_data(as_text=True)

    assert "Not made" in page
    assert "The fonts of the PDF are missing. Run bin/setup." in page


def test_the_page_takes_the_same_few_queries_for_one_activity_and_for_many(
    client_for: SignedIn, session: Session, manager: User, engine: Engine
) -> None:
    browser = client_for(manager)
    with count_queries(engine) as few:
        browser.get("/reports/?month=2026-11")
    for number in range(8):
        activity = make_activity(session, owner=manager, title=f"活动 {number}")
        make_target(session, activity, steps={Step.TALK: TUESDAY})
    session.commit()

    with count_queries(engine) as many:
        browser.get("/reports/?month=2026-11")

    assert len(many) == len(few)


def test_the_page_reads_in_chinese(client_for: SignedIn, session: Session) -> None:
    reader = make_manager(session, name="林静", locale="zh_Hans_CN")

    page = client_for(reader).get("/reports/?month=2026-11").get_data(as_text=True)

    assert "2026年11月" in page
    assert 'lang="zh-CN"' in page
