"""Which targets a month counts, and whose."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from crm.activities.models import Step
from crm.reports import queries
from crm.reports.rules import scope
from crm.reports.rules.conversion import Conversion, Funnel
from crm.reports.rules.scope import EVERYBODY, Scope
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.activities import make_activity
from tests.factories.customers import make_customer
from tests.factories.reports import make_target
from tests.factories.users import make_admin, make_lead, make_manager, make_rep, make_team

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
#: 09:30 in Shanghai on Thursday the 19th: the last complete day is the 18th.


def on(day: int, hour: int = 10, *, month: int = 11) -> datetime:
    """An hour of a day in Shanghai."""
    return datetime(2026, month, day, hour, tzinfo=UTC) - timedelta(hours=8)


def conversion(
    session: Session, month: date = NOVEMBER, *, within: Scope = EVERYBODY, now: datetime = NOW
) -> Conversion:
    return queries.month_conversion(session, month, within=within, now=now)


@pytest.fixture
def lead(session: Session) -> User:
    return make_lead(session)


def test_targets_count_by_the_furthest_step_even_when_one_before_was_not_written_down(
    session: Session, lead: User
) -> None:
    activity = make_activity(session, owner=lead, title="秋冬焕新")
    make_target(session, activity, steps={Step.TALK: on(2)})
    make_target(session, activity, steps={Step.TALK: on(2), Step.INVITE: on(3)})
    make_target(session, activity, steps={Step.DEAL: on(4)})
    make_target(session, activity)

    found = conversion(session)

    assert found.total == Funnel((3, 2, 1, 1))
    assert [one.title for one in found.activities] == ["秋冬焕新"]
    assert found.activities[0].funnel == found.total


def test_a_target_belongs_to_the_month_of_its_first_step_in_the_companys_zone(
    session: Session, lead: User
) -> None:
    activity = make_activity(session, owner=lead)
    make_target(session, activity, steps={Step.TALK: on(31, 23, month=10)})
    make_target(session, activity, steps={Step.TALK: on(1, 0), Step.DEAL: on(2)})
    # First talked to in October, bought in November: October's, and there without the deal.
    make_target(session, activity, steps={Step.TALK: on(30, month=10), Step.DEAL: on(2)})
    # The step before was written down later than the one after it.
    make_target(session, activity, steps={Step.INVITE: on(30, month=10), Step.TALK: on(2)})

    assert conversion(session).total == Funnel((1, 1, 1, 1))
    assert conversion(session, OCTOBER).total == Funnel((3, 1, 0, 0))


def test_nothing_after_the_as_of_day_enters_also_when_the_report_is_made_later(
    session: Session, lead: User
) -> None:
    activity = make_activity(session, owner=lead)
    make_target(session, activity, steps={Step.TALK: on(18, 23), Step.DEAL: on(19, 0)})
    make_target(session, activity, steps={Step.TALK: on(19, 8)})
    make_target(session, activity, steps={Step.TALK: on(30, 23), Step.DEAL: on(1, 0, month=12)})

    assert conversion(session).total == Funnel((1, 0, 0, 0))
    assert conversion(session).as_of == date(2026, 11, 18)

    december = datetime(2026, 12, 9, tzinfo=UTC)
    later = conversion(session, now=december)
    assert later.total == Funnel((3, 1, 1, 1))
    assert later.as_of == date(2026, 11, 30)
    assert conversion(session, now=december + timedelta(days=90)) == later


def test_on_the_first_day_of_a_month_nothing_is_counted_yet(session: Session, lead: User) -> None:
    activity = make_activity(session, owner=lead)
    make_target(session, activity, steps={Step.TALK: on(1, 8)})

    found = conversion(session, now=on(1, 9))

    assert found.total == Funnel((0, 0, 0, 0))
    assert not found.has_begun


def test_staff_and_test_customers_are_left_out_and_counted(session: Session, lead: User) -> None:
    activity = make_activity(session, owner=lead)
    make_target(session, activity, steps={Step.TALK: on(2)})
    for name in ("员工", "测试"):
        ours = make_customer(session, name=name, is_internal=True)
        make_target(session, activity, customer=ours, steps={Step.TALK: on(2), Step.DEAL: on(3)})

    found = conversion(session)

    assert found.total == Funnel((1, 0, 0, 0))
    assert found.internal_count == 2


def test_a_control_group_is_not_converted_by_contacts_it_should_not_have_had(
    session: Session, lead: User
) -> None:
    activity = make_activity(session, owner=lead)
    make_target(session, activity, steps={Step.TALK: on(2)}, is_holdout=True)

    assert conversion(session).total == Funnel((0, 0, 0, 0))


def test_a_customer_in_two_activities_is_a_unit_in_each(session: Session, lead: User) -> None:
    customer = make_customer(session)
    for title in ("双12", "秋冬焕新"):
        activity = make_activity(session, owner=lead, title=title)
        make_target(session, activity, customer=customer, steps={Step.TALK: on(2)})

    found = conversion(session)

    assert found.total == Funnel((2, 0, 0, 0))
    assert len(found.activities) == 2


def test_activities_are_listed_by_size_and_never_by_rate(session: Session, lead: User) -> None:
    small = make_activity(session, owner=lead, title="小而好")
    large = make_activity(session, owner=lead, title="大而差")
    make_target(session, small, steps={Step.TALK: on(2), Step.DEAL: on(3)})
    for _ in range(3):
        make_target(session, large, steps={Step.TALK: on(2)})

    assert [one.title for one in conversion(session).activities] == ["大而差", "小而好"]


def test_reps_count_their_own_targets_leads_their_teams_and_managers_all(session: Session) -> None:
    east, west = make_team(session, name="华东"), make_team(session, name="华西")
    lead = make_lead(session, team=east)
    wang, li = make_rep(session, team=east), make_rep(session, name="李娜", team=east)
    zhou = make_rep(session, name="周强", team=west)
    activity = make_activity(session, owner=lead)
    for owner, count in ((wang, 1), (li, 2), (zhou, 4), (None, 8)):
        for _ in range(count):
            make_target(session, activity, owner=owner, steps={Step.TALK: on(2)})

    def counted(user: User) -> int:
        return conversion(session, within=queries.scope_of(user)).total.counts[0]

    assert counted(wang) == 1
    assert counted(lead) == 3
    assert counted(make_manager(session)) == 15
    assert counted(make_admin(session)) == 15
    assert counted(make_lead(session, name="孤", team_id=None)) == 0


def test_a_report_says_whose_figures_it_holds(session: Session) -> None:
    lead = make_lead(session, team=make_team(session, name="华东"))

    assert conversion(session, within=queries.scope_of(lead)).scope_name == "华东"
    person = queries.scope_of(make_rep(session, name="李娜"))
    assert person.kind == scope.PERSON
    assert conversion(session, within=person).scope_name == "李娜"
    assert conversion(session).scope_name == ""
