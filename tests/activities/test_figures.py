"""What goals count: staff and test records never (metrics.md G7)."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from crm.activities.queries.figures import figures
from tests.conftest import NOW
from tests.factories.activities import make_goal, make_launched_activity
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_lead, make_rep


def test_a_goals_revenue_leaves_staff_and_test_records_out(session: Session) -> None:
    lead, rep = make_lead(session), make_rep(session)
    customer = make_customer(session, owner=rep)
    tester = make_customer(session, name="测试", owner=rep)
    activity = make_launched_activity(session, owner=lead)
    at = datetime.combine(activity.starts_on, NOW.time(), tzinfo=UTC)
    for one in (customer, tester):
        make_order(session, one, amount_fen=50_000, ordered_at=at)
    goal = make_goal(session, activity, metric="revenue", unit="yuan")

    before = figures(session, [goal], {})[goal.id].now
    tester.is_internal = True
    session.flush()
    after = figures(session, [goal], {})[goal.id].now

    assert (before, after) == (Decimal(1_000), Decimal(500))
