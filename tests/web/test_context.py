"""The edge of the transaction: under 400 it is kept, otherwise nothing of it remains."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, NotFound, TooMany
from crm.core.jobs import Lease
from crm.web import context
from tests.conftest import NOW

Routes = Callable[[], None]


def leases(session: Session) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).select_from(Lease)) or 0


def write(name: str) -> None:
    context.session().add(Lease(name=name, owner="me", until=NOW))


@pytest.fixture
def routed(own_app: Flask) -> FlaskClient:  # noqa: C901 - one small route per case
    @own_app.post("/test/kept")
    def kept() -> str:
        write("kept")
        return "ok"

    @own_app.post("/test/refused")
    def refused() -> tuple[str, int]:
        write("refused")
        return "no", 422

    @own_app.post("/test/raised")
    def raised() -> str:
        write("raised")
        context.session().flush()
        raise Conflict("core.stale")

    @own_app.post("/test/broken")
    def broken() -> str:
        write("broken")
        context.session().flush()
        raise ZeroDivisionError

    @own_app.post("/test/twice")
    def twice() -> str:
        write("same")
        context.session().add(Lease(name="x" * 61, owner=None, until=NOW))
        return "the commit will speak"

    @own_app.post("/test/survives")
    def survives() -> str:
        with context.own_transaction() as mine:
            mine.add(Lease(name="survives", owner="me", until=NOW))
        write("lost")
        raise NotFound("core.not_found")

    @own_app.post("/test/entangled")
    def entangled() -> str:
        context.session().scalars(select(Lease)).all()
        with context.own_transaction():
            return "never"

    @own_app.post("/test/patience")
    def patience() -> str:
        raise TooMany("core.too_many_requests", retry_after=30)

    return own_app.test_client()


def test_an_answer_under_400_is_kept(routed: FlaskClient, session: Session) -> None:
    assert routed.post("/test/kept").status_code == 200
    assert leases(session) == 1


@pytest.mark.parametrize(
    ("path", "status"), [("refused", 422), ("raised", 409), ("broken", 500), ("twice", 500)]
)
def test_a_refusal_leaves_nothing_behind(
    routed: FlaskClient, session: Session, path: str, status: int
) -> None:
    assert routed.post(f"/test/{path}").status_code == status
    assert leases(session) == 0


def test_what_must_survive_a_refusal_has_its_own_transaction(
    routed: FlaskClient, session: Session
) -> None:
    assert routed.post("/test/survives").status_code == 404
    assert session.scalars(select(Lease.name)).all() == ["survives"]


def test_two_writing_transactions_of_one_request_are_refused(routed: FlaskClient) -> None:
    """On SQLite they would wait for each other until both gave up."""
    assert routed.post("/test/entangled").status_code == 500


def test_an_unexpected_error_shows_a_number_and_no_trace(routed: FlaskClient) -> None:
    page = routed.post("/test/broken").get_data(as_text=True)
    assert "ZeroDivisionError" not in page
    assert "Traceback" not in page


def test_too_many_says_when_to_come_back(routed: FlaskClient) -> None:
    answer = routed.post("/test/patience")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")


def test_a_fragment_request_gets_a_fragment_and_a_program_gets_json(
    routed: FlaskClient, client: FlaskClient
) -> None:
    fragment = routed.post("/test/raised", headers={"HX-Request": "true"})
    program = client.get("/api/v1/nothing")
    assert "<html" not in fragment.get_data(as_text=True)
    assert program.json is not None
    assert program.json["code"] == "core.not_found"
