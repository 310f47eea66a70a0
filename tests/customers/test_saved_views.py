"""Saved views: kept, shared, never changed behind somebody's back, and had back when deleted."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.customers.models import CustomerView, Stage
from crm.customers.queries import saved_views as queries
from crm.customers.queries.listing import Filters, Next, Tab
from crm.customers.services import saved_views as services
from crm.customers.services.saved_views import KeepView, ReviseView
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.users import (
    bearer,
    make_admin,
    make_lead,
    make_manager,
    make_rep,
    make_team,
)

ClientFor = Callable[[object], FlaskClient]
OVERDUE = Filters(tab=Tab.MINE, stage=[Stage.NEW], next=Next.OVERDUE, sort="last", down=True)


def keep(session: Session, by: User, name: str = "今天要联系", **wanted: object) -> CustomerView:
    given = {"filters": OVERDUE, "columns": ["stage", "owner"], **wanted}
    return services.create(session, KeepView(name, **given), by=by, now=NOW)  # type: ignore[arg-type]


def test_a_view_gives_back_the_filters_and_columns_it_was_kept_with(session: Session) -> None:
    view = keep(session, make_rep(session))

    session.expire(view)
    assert queries.filters_of(view) == OVERDUE
    assert view.columns == ["stage", "owner"]


def test_what_a_kept_view_no_longer_means_is_passed_over() -> None:
    kept = {"stage": ["new", "rich"], "next": "someday", "tab": "theirs", "owner": "x"}
    assert queries.from_json(kept, "-colour") == Filters(stage=[Stage.NEW])


def test_who_sees_a_view(session: Session) -> None:
    rep, colleague, lead = make_rep(session), make_rep(session), make_lead(session)
    stranger = make_rep(session, team=make_team(session, name="华南一组"))
    manager, admin = make_manager(session), make_admin(session)
    own = keep(session, rep, "我的")
    teams = keep(session, lead, "组里的", is_shared=True)
    all_of_us = keep(session, manager, "大家的", is_shared=True)

    def seen(by: User) -> set[str]:
        return {view.name for view in queries.shown(session, by)}

    assert seen(rep) == {"我的", "组里的", "大家的"}
    assert seen(colleague) == {"组里的", "大家的"}
    assert seen(stranger) == {"大家的"}
    assert seen(admin) == {"组里的", "大家的"}
    with pytest.raises(NotFound):
        queries.get(session, own.id, viewer=admin)
    with pytest.raises(NotFound):
        queries.get_by_public_id(session, teams.public_id, viewer=stranger)
    assert queries.get(session, all_of_us.id, viewer=stranger) is all_of_us


def test_a_rep_cannot_share(session: Session) -> None:
    with pytest.raises(NotAllowed):
        keep(session, make_rep(session), is_shared=True)


def test_a_shared_view_changes_only_by_its_owners_or_an_administrators_word(
    session: Session,
) -> None:
    lead = make_lead(session)
    view = keep(session, lead, is_shared=True)
    wanted = ReviseView(view.version, filters=Filters())

    for other in (make_rep(session), make_lead(session), make_manager(session)):
        with pytest.raises(NotAllowed) as refused:
            services.revise(session, view, wanted, by=other, now=NOW)
        with pytest.raises(NotAllowed):
            services.delete(session, view, by=other, now=NOW)
        assert refused.value.code == "views.not_yours"
    assert queries.filters_of(view) == OVERDUE
    services.revise(session, view, wanted, by=make_admin(session), now=NOW)
    assert queries.filters_of(view) == Filters()
    actions = set(session.scalars(select(AuditEntry.action)))
    assert {"views.share", "views.update_shared"} <= actions


def test_the_second_of_two_editors_is_told(session: Session) -> None:
    rep = make_rep(session)
    view = keep(session, rep)
    seen = view.version
    services.revise(session, view, ReviseView(seen, name="新名字"), by=rep, now=NOW)

    with pytest.raises(Conflict) as refused:
        services.revise(session, view, ReviseView(seen, filters=Filters()), by=rep, now=NOW)

    assert refused.value.code == "views.stale"
    assert queries.filters_of(view) == OVERDUE


def test_two_views_of_one_person_have_two_names(session: Session) -> None:
    rep = make_rep(session)
    keep(session, rep)
    keep(session, make_rep(session))
    with pytest.raises(Invalid) as refused:
        keep(session, rep, "  今天要联系 ")
    assert refused.value.code == "views.name_taken"


def test_one_person_keeps_fifty_views(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST", 1)
    rep = make_rep(session)
    keep(session, rep)
    with pytest.raises(Invalid) as refused:
        keep(session, rep, "第二个")
    assert refused.value.code == "views.too_many"


def test_own_views_stand_in_the_order_their_owner_gives_them(session: Session) -> None:
    rep = make_rep(session)
    first, second, third = (keep(session, rep, name) for name in "甲乙丙")
    services.move(session, third, -1, by=rep)
    services.move(session, first, -1, by=rep)
    session.flush()

    assert [view.name for view in queries.shown(session, rep)] == ["甲", "丙", "乙"]
    with pytest.raises(NotAllowed):
        services.move(session, second, 1, by=make_rep(session))


def test_a_deleted_view_can_be_had_back_for_a_week(session: Session) -> None:
    rep = make_rep(session)
    view = keep(session, rep)
    services.delete(session, view, by=rep, now=NOW)

    assert queries.shown(session, rep) == []
    back = queries.get_deleted(session, view.id, viewer=rep)
    with pytest.raises(NotFound):
        queries.get_deleted(session, view.id, viewer=make_admin(session))
    services.restore(session, back, by=rep, now=NOW)
    assert [one.name for one in queries.shown(session, rep)] == ["今天要联系"]

    services.delete(session, view, by=rep, now=NOW)
    keep(session, rep)
    with pytest.raises(Conflict):
        services.restore(session, view, by=rep, now=NOW)
    services.forget_deleted(session, NOW + timedelta(days=6))
    assert session.get(CustomerView, view.id) is not None
    services.forget_deleted(session, NOW + timedelta(days=8))
    session.flush()
    assert session.get(CustomerView, view.id) is None


def test_save_as_leaves_the_shared_view_as_it_was_and_reload_keeps_the_own_one(
    session: Session, client_for: ClientFor
) -> None:
    """T-75."""
    lead, rep = make_lead(session), make_rep(session)
    view = keep(session, lead, "华东组全部", is_shared=True)
    session.commit()
    before = (view.name, view.filters, view.columns, view.sort, view.version)
    client = client_for(rep)

    edited = client.get(f"/customers/?view={view.id}&edited=true&tab=all&columns=region").text
    assert "The view has unsaved changes" in edited
    assert "Save for everybody" not in edited
    form = client.get(f"/customers/views/new?view={view.id}&edited=true&columns=region").text
    asked = _hidden(form, "list")
    made = client.post("/customers/views/", data={"name": "我的一份", "list": asked})

    session.expire_all()
    assert (view.name, view.filters, view.columns, view.sort, view.version) == before
    mine = session.scalars(select(CustomerView).filter_by(name="我的一份")).one()
    assert (mine.owner_id, mine.columns, mine.is_shared) == (rep.id, ["region"], False)
    assert made.location.endswith(f"/customers/?view={mine.id}")
    for _ in range(2):
        assert "The view has unsaved changes" not in client.get(made.location).text
    refused = client.post(
        f"/customers/views/{view.id}/contents", data={"version": 1, "list": asked}
    )
    assert refused.status_code == 403


def test_the_tab_of_a_view_opens_it_and_its_filters_stand_as_chips(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    view = keep(session, rep, filters=Filters(stage=[Stage.NEW]))
    make_customer(session, name="新来的", owner=rep, stage=Stage.NEW)
    make_customer(session, name="老朋友", owner=rep, stage=Stage.LOYAL)
    client = client_for(rep)

    assert f'href="/customers/?view={view.id}"' in client.get("/customers/?tab=all").text
    page = client.get(f"/customers/?view={view.id}").text
    assert "新来的" in page
    assert "老朋友" not in page
    assert re.search(r'aria-current="page">今天要联系', page)


def test_an_own_view_is_saved_over_by_pressing_save(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    view = keep(session, rep)
    client = client_for(rep)
    page = client.get(f"/customers/?view={view.id}&edited=true&region=杭州").text

    data = {"version": _hidden(page, "version"), "list": _hidden(page, "list")}
    assert client.post(f"/customers/views/{view.id}/contents", data=data).status_code == 303
    session.expire_all()
    assert view.filters == {"region": "杭州"}
    again = client.post(f"/customers/views/{view.id}/contents", data=data)
    assert again.status_code == 409


def test_the_list_opens_with_the_view_that_its_user_chose(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    view = keep(session, rep, filters=Filters(region="杭州"))
    make_customer(session, name="杭州的", owner=rep, region="杭州")
    make_customer(session, name="上海的", owner=rep, region="上海")
    client = client_for(rep)
    client.post(f"/customers/views/{view.id}/default")

    assert "上海的" not in client.get("/customers/").text
    assert "上海的" in client.get("/customers/?tab=all").text
    client.post(f"/customers/views/{view.id}/deletion")
    assert "上海的" in client.get("/customers/").text


def test_deleting_is_undone_from_its_message(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    view = keep(session, rep)
    client = client_for(rep)

    gone = client.post(f"/customers/views/{view.id}/deletion", follow_redirects=True).text
    assert f'action="/customers/views/{view.id}/restoration"' in gone
    assert client.get(f"/customers/?view={view.id}").status_code == 404
    client.post(f"/customers/views/{view.id}/restoration")
    assert client.get(f"/customers/?view={view.id}").status_code == 200


def test_a_view_is_renamed_and_shared_in_its_dialog(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_lead(session)
    view, _other = keep(session, lead), keep(session, lead, "占用的")
    client = client_for(lead)
    address = f"/customers/views/{view.id}"

    taken = client.post(address, data={"version": 1, "name": "占用的"})
    assert taken.status_code == 422
    assert "already" in taken.text
    assert client.get(f"{address}/edit").status_code == 200
    data = {"version": view.version, "name": "组里的", "is_shared": "true"}
    assert client.post(address, data=data).status_code == 303
    session.expire_all()
    assert (view.name, view.is_shared) == ("组里的", True)


def test_programs_keep_and_change_views_too(session: Session, client: FlaskClient) -> None:
    lead = make_lead(session)
    headers = bearer(session, lead)
    session.commit()
    wanted = {"name": "新客", "filters": {"stage": ["new"], "sort": "last"}, "columns": ["owner"]}

    made = client.post("/api/v1/customer-views", json=wanted, headers=headers)
    assert made.status_code == 201
    address = f"/api/v1/customer-views/{made.get_json()['id']}"
    assert made.get_json()["filters"] == {"stage": ["new"], "sort": "last", "down": False}
    listed = client.get("/api/v1/customer-views", headers=headers).get_json()
    assert [one["name"] for one in listed["items"]] == ["新客"]

    changed = client.patch(
        address, json={"is_shared": True}, headers={**headers, "If-Match": made.headers["ETag"]}
    )
    assert changed.get_json()["is_shared"] is True
    stale = client.patch(
        address, json={"name": "x"}, headers={**headers, "If-Match": made.headers["ETag"]}
    )
    assert stale.status_code == 412
    assert client.patch(address, json={"name": "x"}, headers=headers).status_code == 422
    assert client.delete(address, headers=headers).status_code == 204
    assert client.get(address, headers=headers).status_code == 404


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1].replace("&amp;", "&")
