"""The administrator adds, changes and disables people; both faces agree."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from crm.core.audit import AuditEntry, first_broken
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.users import services
from crm.users.models import Role, Team, User
from crm.users.services import NewTeam, NewUser, UserEdit, passwords, people, teams
from tests.conftest import NOW
from tests.factories.users import bearer, make_admin, make_lead, make_rep, make_team

ClientFor = Callable[[User], FlaskClient]


def test_a_new_person_gets_a_one_time_password_that_must_be_changed(session: Session) -> None:
    team = make_team(session)
    wanted = NewUser(" Zhou@Qinghe.example ", " 周琳 ", Role.REP, team.id)

    user, password = services.add(session, wanted, by=None, now=NOW)

    assert (user.email, user.name) == ("zhou@qinghe.example", "周琳")
    assert user.must_change_password
    assert passwords.is_right(password, user.password_hash)
    assert len(password) == 19


def test_the_demo_may_hand_in_a_password_of_its_own(session: Session) -> None:
    wanted = NewUser("boss@qinghe.example", "Boss", Role.MANAGER)

    user, password = services.add(session, wanted, by=None, now=NOW, password="a known demo phrase")

    assert password == "a known demo phrase"
    assert not user.must_change_password


def test_two_people_cannot_share_an_address(session: Session) -> None:
    taken = make_rep(session, email="wang@qinghe.example")
    wanted = NewUser("WANG@qinghe.example", "Another", Role.MANAGER)

    with pytest.raises(Conflict) as refused:
        services.add(session, wanted, by=None, now=NOW)

    assert refused.value.code == "users.email_taken"
    assert taken.email == "wang@qinghe.example"


def test_a_rep_needs_a_team_that_exists(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        services.add(session, NewUser("a@x.example", "A", Role.REP), by=None, now=NOW)
    assert refused.value.code == "users.team_missing"

    with pytest.raises(NotFound):
        services.add(session, NewUser("a@x.example", "A", Role.REP, 999), by=None, now=NOW)


def test_only_administrators_manage_people(session: Session) -> None:
    lead, user = make_lead(session), make_rep(session)
    wanted = UserEdit(user.email, user.name, Role.ADMIN)

    for refused in (
        lambda: services.add(session, NewUser("a@x.example", "A", Role.ADMIN), by=lead, now=NOW),
        lambda: services.edit(session, user, wanted, by=lead, now=NOW),
        lambda: services.disable(session, user, by=lead, now=NOW),
        lambda: services.enable(session, user, by=lead, now=NOW),
        lambda: services.reset_password(session, user, by=lead, now=NOW),
        lambda: people.end_sessions(session, user, by=lead, now=NOW),
        lambda: services.add_team(session, NewTeam("T"), by=lead, now=NOW),
    ):
        with pytest.raises(NotAllowed):
            refused()


def test_nobody_changes_his_own_role_or_shuts_himself_out(session: Session) -> None:
    admin, _other = make_admin(session), make_admin(session, name="钱进")

    for refused in (
        lambda: services.disable(session, admin, by=admin, now=NOW),
        lambda: services.reset_password(session, admin, by=admin, now=NOW),
        lambda: services.edit(
            session, admin, UserEdit(admin.email, admin.name, Role.MANAGER), by=admin, now=NOW
        ),
    ):
        with pytest.raises(Conflict) as conflict:
            refused()
        assert conflict.value.code == "users.not_yourself"


def test_the_last_administrator_stays(session: Session) -> None:
    first, second = make_admin(session), make_admin(session, name="钱进")
    services.disable(session, second, by=first, now=NOW)

    with pytest.raises(Conflict) as refused:
        services.disable(session, first, by=second, now=NOW)

    assert refused.value.code == "users.last_admin"


def test_a_stale_edit_is_refused(session: Session) -> None:
    admin, user = make_admin(session), make_rep(session)
    wanted = UserEdit(user.email, "New", user.role, user.team_id, version=user.version + 1)

    with pytest.raises(StaleDataError):
        services.edit(session, user, wanted, by=admin, now=NOW)


def test_a_new_role_is_audited_with_before_and_after(session: Session) -> None:
    admin, user = make_admin(session), make_rep(session)

    wanted = UserEdit(user.email, user.name, Role.LEAD, user.team_id)
    services.edit(session, user, wanted, by=admin, now=NOW)

    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.by_id, entry.thing) == (
        "users.changed",
        admin.id,
        f"user:{user.id}",
    )
    assert (entry.details["before"]["role"], entry.details["after"]["role"]) == ("rep", "lead")
    assert first_broken(session) is None


def test_teams_have_names_of_their_own_and_leave_when_empty(session: Session) -> None:
    admin = make_admin(session)
    team = services.add_team(session, NewTeam("华北组"), by=admin, now=NOW)
    member = make_rep(session, team=team)

    with pytest.raises(Conflict) as taken:
        services.add_team(session, NewTeam(" 华北组 "), by=admin, now=NOW)
    with pytest.raises(Conflict) as in_use:
        teams.remove(session, team, by=admin, now=NOW)
    with pytest.raises(StaleDataError):
        teams.rename(session, team, NewTeam("X", version=7), by=admin, now=NOW)
    member.team_id = None
    session.flush()
    teams.rename(session, team, NewTeam("华北一组", version=team.version), by=admin, now=NOW)
    teams.remove(session, team, by=admin, now=NOW)

    assert (taken.value.code, in_use.value.code) == ("users.team_taken", "users.team_in_use")
    assert session.get(Team, team.id) is None


def test_the_page_adds_a_person_and_shows_the_password_once(
    client_for: ClientFor, session: Session
) -> None:
    client, team = client_for(make_admin(session)), make_team(session)
    form = {
        "name": "周琳",
        "email": "zhou@qinghe.example",
        "role": "rep",
        "team_id": team.id,
        "phone": "138 0013 8000",
    }

    answer = client.post("/users/", data=form)
    user = session.scalars(select(User).where(User.email == "zhou@qinghe.example")).one()

    assert answer.status_code == 201
    assert "shown this once" in answer.text
    assert user.phone == "+8613800138000"
    assert "周琳" in client.get("/users/").text


def test_the_page_keeps_what_was_typed_when_it_refuses(
    client_for: ClientFor, session: Session
) -> None:
    client = client_for(make_admin(session))

    answer = client.post("/users/", data={"name": "周琳", "email": "no address", "role": "rep"})
    no_team = client.post("/users/", data={"name": "周琳", "email": "z@x.example", "role": "rep"})

    assert answer.status_code == no_team.status_code == 422
    assert "Not an e-mail address." in answer.text
    assert "周琳" in answer.text
    assert "Choose one." in no_team.text


def test_programs_manage_people_as_the_pages_do(client: FlaskClient, session: Session) -> None:
    headers, team = bearer(session, make_admin(session)), make_team(session)
    session.commit()
    sent = {"name": "周琳", "email": "zhou@qinghe.example", "role": "rep", "team_id": team.id}

    added = client.post("/api/v1/users", json=sent, headers=headers)
    again = client.post("/api/v1/users", json=sent, headers=headers)
    where = f"/api/v1/users/{added.json['id']}"  # type: ignore[index]
    shown = client.get(where, headers=headers)
    stale = client.put(where, json={**sent, "name": "X"}, headers={**headers, "If-Match": '"99"'})
    edited = client.put(
        where,
        json={**sent, "name": "周琳琳"},
        headers={**headers, "If-Match": shown.headers["ETag"]},
    )
    disabled = client.put(f"{where}/disabling", headers=headers)

    assert (added.status_code, again.status_code) == (201, 409)
    assert again.json["code"] == "users.email_taken"  # type: ignore[index]
    assert added.json["one_time_password"]  # type: ignore[index]
    assert "one_time_password" not in shown.json  # type: ignore[operator]
    assert (stale.status_code, edited.status_code) == (412, 200)
    assert edited.json["name"] == "周琳琳"  # type: ignore[index]
    assert disabled.json["is_active"] is False  # type: ignore[index]


def test_mass_assignment(client_for: ClientFor, client: FlaskClient, session: Session) -> None:
    """No form or endpoint takes a column it does not offer; the row stays as it was."""
    user = make_rep(session)
    pages, headers = client_for(user), bearer(session, make_admin(session))
    session.commit()
    before = _row(session, user)

    for column in User.__table__.columns.keys():  # noqa: SIM118 - a collection, not a dict
        if column not in {"name", "phone", "locale", "theme"}:
            sent = {"name": "王芳", column: "admin"}
            assert pages.post("/users/me", data=sent).status_code == 422, column
        if column not in {"email", "name", "phone", "locale", "role", "team_id", "version"}:
            sent = {"name": "N", "email": "n@x.example", "role": "admin", column: "1"}
            answer = client.put(f"/api/v1/users/{user.public_id}", json=sent, headers=headers)
            assert answer.status_code == 422, column

    assert _row(session, user) == before


def test_one_changes_ones_own_name_phone_and_language(
    client_for: ClientFor, session: Session
) -> None:
    user = make_rep(session)
    client = client_for(user)

    answer = client.post(
        "/users/me", data={"name": "王芳芳", "phone": "13800138000", "locale": "zh-CN"}
    )
    session.refresh(user)

    assert answer.status_code == 303
    assert (user.name, user.phone, user.locale) == ("王芳芳", "+8613800138000", "zh_Hans_CN")
    assert user.role is Role.REP


def test_a_number_too_large_for_the_database_is_nobodys(
    client_for: ClientFor, session: Session
) -> None:
    client = client_for(make_admin(session))

    assert client.get(f"/users/{2**63}/edit").status_code == 404
    assert client.get(f"/users/{2**63 - 1}/edit").status_code == 404


def _row(session: Session, user: User) -> dict[str, object]:
    session.refresh(user)
    return {name: getattr(user, name) for name in User.__table__.columns.keys()}  # noqa: SIM118


def test_the_first_user_of_a_house_without_teams_is_led_to_make_one(
    session: Session, client_for: ClientFor
) -> None:
    client = client_for(make_admin(session))
    assert "There is no team yet." in client.get("/users/new").get_data(as_text=True)
    make_team(session)
    assert "There is no team yet." not in client.get("/users/new").get_data(as_text=True)
