"""Who may do what, and whose records each role covers."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.errors import NotAllowed
from crm.customers.models import Customer
from crm.users import policies
from crm.users.models import Role, User
from tests.factories.customers import make_customer
from tests.factories.users import (
    make_admin,
    make_lead,
    make_manager,
    make_rep,
    make_team,
    make_user,
)


def test_a_rep_edits_his_own_customer_only(session: Session) -> None:
    wang, li = make_rep(session), make_rep(session, name="李娜")
    mine, hers, pool = (make_customer(session, owner=owner) for owner in (wang, li, None))

    assert policies.may(wang, "customers.edit", mine)
    assert not policies.may(wang, "customers.edit", hers)
    assert not policies.may(wang, "customers.edit", pool)
    assert policies.may(wang, "customers.claim", pool)


def test_a_lead_reaches_his_team_and_the_pool_but_no_other_team(session: Session) -> None:
    south = make_team(session, name="华南一组")
    lead, member = make_lead(session), make_rep(session)
    stranger = make_rep(session, name="刘洋", team=south)

    assert policies.may(lead, "customers.edit", make_customer(session, owner=member))
    assert policies.may(lead, "customers.edit", make_customer(session, owner=None))
    assert not policies.may(lead, "customers.edit", make_customer(session, owner=stranger))


def test_a_lead_without_a_team_is_no_lead_of_the_teamless(session: Session) -> None:
    lead, other = make_lead(session, team_id=None), make_rep(session, team_id=None)
    customer = make_customer(session, owner=other)

    assert not policies.may(lead, "customers.edit", customer)


def test_a_manager_reads_all_and_changes_no_customer(session: Session) -> None:
    manager, wang = make_manager(session), make_rep(session)
    customer = make_customer(session, owner=wang)

    assert policies.may(manager, "customers.see_contacts", customer)
    assert not policies.may(manager, "customers.edit", customer)
    assert policies.may(manager, "activities.launch")


def test_only_an_administrator_manages_users(session: Session) -> None:
    people = [make_rep(session), make_lead(session), make_manager(session), make_admin(session)]

    assert [policies.may(user, "users.manage") for user in people] == [False, False, False, True]


def test_a_refusal_is_not_allowed_and_names_the_action(session: Session) -> None:
    with pytest.raises(NotAllowed) as refused:
        policies.require(make_rep(session), "users.manage")

    assert refused.value.code == "core.not_allowed"
    assert refused.value.details["action"] == "users.manage"


def test_an_action_that_nobody_listed_is_an_error_of_ours(session: Session) -> None:
    with pytest.raises(KeyError):
        policies.may(make_admin(session), "customers.fly")


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        (Role.REP, {"me"}),
        (Role.LEAD, {"me", "colleague"}),
        (Role.MANAGER, {"me", "colleague", "stranger"}),
        (Role.ADMIN, {"me", "colleague", "stranger"}),
    ],
)
def test_lists_cover_what_the_role_covers(session: Session, role: Role, covered: set[str]) -> None:
    east, south = make_team(session), make_team(session, name="华南一组")
    me = make_user(session, name="me", role=role, team=east)
    for owner in (
        me,
        make_rep(session, name="colleague", team=east),
        make_rep(session, name="stranger", team=south),
    ):
        make_customer(session, name=owner.name, owner=owner)

    found = session.scalars(
        select(Customer.name).where(policies.covers(me, Customer.owner_id))
    ).all()
    people = session.scalars(select(User.name).where(User.id.in_(policies.member_ids(me)))).all()

    assert set(found) == covered
    assert covered <= set(people)
