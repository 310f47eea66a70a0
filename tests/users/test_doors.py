"""What every route promises at the door: CSRF, no caching, and a `next` that stays in the house."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from crm.users.models import Theme, User
from tests.architecture.access_reach import examples
from tests.factories.users import PASSWORD, bearer, make_admin, make_rep

ClientFor = Callable[[User], FlaskClient]

ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\\\evil.example",
    "https:evil.example",
    "https://evil.example/users/me",
    "javascript:alert(1)",
    "%2f%2fevil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/users/me\r\nSet-Cookie: a=b",
    "/\x00/evil.example",
    "///evil.example",
    "/no/such/page",
    "",
]


def test_next_corpus(client: FlaskClient, session: Session) -> None:
    user = make_rep(session)
    session.commit()
    sent = {"login": user.email, "password": PASSWORD}

    led = {
        wanted: client.post("/users/sign-in", data={**sent, "next": wanted}).location
        for wanted in ELSEWHERE
    }

    assert set(led.values()) == {"/"}, led


def test_next_leads_to_a_page_of_the_house(client: FlaskClient, session: Session) -> None:
    user = make_rep(session)
    session.commit()

    sent = {"login": user.email, "password": PASSWORD, "next": "/users/me?a=1#tokens"}

    assert client.post("/users/sign-in", data=sent).location == "/users/me?a=1#tokens"


def test_every_unsafe_route_rejects_missing_csrf(app: Flask, session: Session) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    unsafe = [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"})
        if not rule.rule.startswith("/api/v1/")
    ]

    answers = {
        f"{method} {rule}": client.open(_address(app, rule), method=method).status_code
        for rule, method in unsafe
    }

    assert len(answers) > 20
    assert set(answers.values()) == {400}, answers


def test_a_form_that_carries_the_token_of_the_page_is_taken(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    user = make_rep(session)
    session.commit()
    page = client.get("/users/sign-in").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]

    sent = {"login": user.email, "password": PASSWORD, "csrf_token": token}

    assert client.post("/users/sign-in", data=sent).status_code == 303


def test_no_store_on_every_authenticated_route(
    app: Flask, client_for: ClientFor, session: Session
) -> None:
    admin = make_admin(session)
    client, headers = client_for(admin), bearer(session, admin)
    session.commit()
    pages = [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set()) and rule.endpoint != "static"
    ]

    kept = {}
    for rule in pages:
        sent = headers if rule.rule.startswith("/api/v1/") else {}
        answer = client.get(_address(app, rule), headers=sent, buffered=True)
        kept[rule.rule] = answer.headers.get("Cache-Control")

    assert len(kept) > 20
    assert set(kept.values()) == {"no-store"}, kept


def test_strangers_are_led_to_the_sign_in_page_and_back(
    client: FlaskClient, session: Session
) -> None:
    page = client.get("/users/me?x=1")
    fragment = client.get(
        "/users/me",
        headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/users/teams"},
    )
    foreign = client.post("/users/me", headers={"Referer": "http://evil.example/users/teams"})

    assert page.location == "/users/sign-in?next=/users/me?x%3D1"
    assert fragment.headers["HX-Redirect"] == "/users/sign-in?next=/users/teams"
    assert foreign.location == "/users/sign-in"


def test_who_was_given_a_password_must_choose_his_own_first(
    client_for: ClientFor, session: Session
) -> None:
    user = make_rep(session, must_change_password=True)
    client = client_for(user)
    one_time = {"current_password": PASSWORD}

    assert client.get("/users/me").location == "/users/password"
    assert client.get("/users/password").status_code == 200
    api = client.get("/api/v1/me", headers=_bearer(session, user))
    assert (api.status_code, api.json["code"]) == (403, "users.must_change_password")  # type: ignore[index]
    same = {**one_time, "password": PASSWORD, "password_again": PASSWORD}
    assert client.post("/users/password", data=same).status_code == 422
    other = {**one_time, "password": "four yellow lamps", "password_again": "four yellow lamps"}
    assert client.post("/users/password", data=other).status_code == 303
    assert client.get("/users/me").status_code == 200


def test_a_wrong_current_password_changes_nothing_and_counts(
    client_for: ClientFor, session: Session
) -> None:
    user = make_rep(session)
    before, client = user.password_hash, client_for(user)
    form = {
        "current_password": "wrong",
        "password": "four yellow lamps",
        "password_again": "four yellow lamps",
    }

    texts = [client.post("/users/password", data=form) for _ in range(11)]
    session.refresh(user)

    assert user.password_hash == before
    assert "This is not your current password." in texts[0].text
    assert "Too many attempts" in texts[-1].text


def test_language_and_theme_are_kept_in_a_cookie_and_with_the_person(
    client: FlaskClient, client_for: ClientFor, session: Session
) -> None:
    user = make_rep(session)
    anonymous = client.post("/users/preferences", data={"locale": "en", "next": "/users/sign-in"})
    assert anonymous.location == "/users/sign-in"
    assert 'lang="en"' in client.get("/users/sign-in").text
    client.post("/users/preferences", data={"locale": "zh-CN"})
    assert 'lang="zh-CN"' in client.get("/users/sign-in").text

    signed_in = client_for(user)
    signed_in.post("/users/preferences", data={"theme": "dark", "next": "/users/me"})
    session.refresh(user)

    assert user.theme is Theme.DARK
    assert 'data-theme="dark"' in signed_in.get("/users/me").text


def test_a_preference_that_does_not_exist_is_refused(client: FlaskClient) -> None:
    assert client.post("/users/preferences", data={"theme": "pink"}).status_code == 422


def _bearer(session: Session, user: User) -> dict[str, str]:
    headers = bearer(session, user)
    session.commit()
    return headers


def _address(app: Flask, rule: Rule) -> str:
    return app.url_map.bind("localhost").build(rule.endpoint, examples(rule))
