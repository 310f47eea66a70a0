"""The same request sent twice is done once, on both faces."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.idempotency import KeptRequest
from crm.customers.models import Customer
from crm.users.models import User
from tests.factories.users import bearer, make_admin, make_rep, make_team

Clients = Callable[[User], FlaskClient]
FORM = {"name": "王芳", "phone": "13800138000", "kind": "person"}


def customers(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Customer)) or 0


def test_a_form_sent_twice_makes_one_record_and_the_same_answer(
    session: Session, client_for: Clients
) -> None:
    client = client_for(make_rep(session))
    sent = {**FORM, "idempotency_key": "press"}

    first = client.post("/customers/", data=sent)
    second = client.post("/customers/", data=sent)

    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert customers(session) == 1


def test_a_key_used_for_something_else_is_refused(session: Session, client_for: Clients) -> None:
    client = client_for(make_rep(session))
    client.post("/customers/", data={**FORM, "idempotency_key": "press"})

    other = client.post("/customers/", data={**FORM, "name": "李明", "idempotency_key": "press"})

    assert other.status_code == 422
    assert customers(session) == 1


def test_a_refused_form_is_not_kept(session: Session, client_for: Clients) -> None:
    client = client_for(make_rep(session))

    bad = client.post("/customers/", data={"kind": "person", "idempotency_key": "press"})
    good = client.post("/customers/", data={**FORM, "idempotency_key": "press"})

    assert (bad.status_code, good.status_code) == (422, 303)
    assert customers(session) == 1


def test_a_key_is_its_users_own(session: Session, client_for: Clients) -> None:
    for rep in (make_rep(session), make_rep(session, name="李娜")):
        client_for(rep).post("/customers/", data={"name": rep.name, "idempotency_key": "same"})
    assert customers(session) == 2


def test_a_program_repeats_with_a_header(session: Session, client: FlaskClient) -> None:
    headers = {**bearer(session, make_admin(session)), "Idempotency-Key": "run-17"}
    session.commit()

    first = client.post("/api/v1/customers", json={"name": "王芳"}, headers=headers)
    second = client.post("/api/v1/customers", json={"name": "王芳"}, headers=headers)

    assert first.status_code == second.status_code == 201
    assert first.json == second.json
    assert customers(session) == 1


def test_rights_are_asked_again_before_an_answer_is_repeated(
    session: Session, client_for: Clients
) -> None:
    rep = make_rep(session)
    client = client_for(rep)
    sent = {**FORM, "idempotency_key": "press"}
    assert client.post("/customers/", data=sent).status_code == 303
    rep.team_id = make_team(session, name="华南组").id
    session.commit()

    assert client.post("/customers/", data=sent).status_code == 422


def test_what_shows_a_secret_is_never_kept(session: Session, client_for: Clients) -> None:
    client = client_for(make_admin(session))
    sent = {"name": "ERP", "scopes": "customers:read", "idempotency_key": "press"}

    made = client.post("/users/me/tokens", data=sent)

    assert made.status_code == 201, made.get_data(as_text=True)
    assert session.scalars(select(KeptRequest)).all() == []
