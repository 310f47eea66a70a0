"""The rules of contact are changed by new versions, by administrators, one after the other."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import Channel
from crm.outreach import queries, services
from crm.outreach.models import LedgerEntry, Policy
from crm.outreach.rules import DEFAULT_CAPS, Limit
from crm.outreach.services import NewPolicy
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.outreach import make_contact
from tests.factories.users import bearer, make_admin, make_lead

ClientFor = Callable[[User], FlaskClient]
FORM = {
    "version": "0",
    "cool_down_days": "5",
    "channel": ["", "phone", "email"],
    "limit": ["4", "1", ""],
    "days": ["30", "7", " "],
}


def newest(session: Session) -> int:
    policy = queries.find_policy(session)
    return policy.id if policy else 0


def revise(session: Session, *limits: Limit, days: int = 2) -> Policy:
    wanted = NewPolicy(newest(session), days, limits)
    return services.revise(session, wanted, by=make_admin(session), now=NOW)


def test_a_new_version_holds_from_now_on_and_the_earlier_decisions_keep_theirs(
    session: Session,
) -> None:
    customer = make_customer(session)
    make_contact(session, customer, at=NOW - timedelta(days=9))
    before = session.scalars(select(LedgerEntry.policy_id)).one()
    made = revise(session, Limit(1, 30), days=0)
    assert made.id != before
    assert session.scalars(select(LedgerEntry.policy_id)).one() == before
    answer = services.ask(session, customer, at=NOW, by=None, now=NOW)
    assert answer.is_held
    assert answer.next_at == NOW + timedelta(days=21)


def test_a_looser_version_lets_go_at_once(session: Session) -> None:
    customer = make_customer(session)
    for hours in (50, 40, 30):
        make_contact(session, customer, at=NOW - timedelta(hours=hours))
    assert services.ask(session, customer, at=NOW, by=None, now=NOW).is_held
    revise(session, Limit(4, 7), days=0)
    assert services.ask(session, customer, at=NOW, by=None, now=NOW).is_allowed
    make_contact(session, customer, at=NOW)
    assert services.ask(session, customer, at=NOW, by=None, now=NOW).is_held


def test_the_second_of_two_administrators_is_told(session: Session) -> None:
    seen = newest(session)
    revise(session, Limit(4, 7))
    wanted = NewPolicy(seen, 1, [Limit(9, 7)])
    with pytest.raises(Conflict) as refusal:
        services.revise(session, wanted, by=make_admin(session), now=NOW)
    assert refusal.value.code == "core.stale"


def test_nothing_changed_is_no_new_version(session: Session) -> None:
    first = revise(session, Limit(4, 7, Channel.PHONE))
    assert revise(session, Limit(4, 7, Channel.PHONE)).id == first.id
    entries = select(func.count()).where(AuditEntry.action == "outreach.policy_revised")
    assert session.scalar(entries) == 1


def test_two_limits_about_the_same_are_refused(session: Session) -> None:
    with pytest.raises(Invalid) as refusal:
        revise(session, Limit(4, 7), Limit(5, 7))
    assert refusal.value.code == "outreach.limit_twice"
    with pytest.raises(Invalid) as refusal:
        revise(session, *(Limit(1, days) for days in range(1, 14)))
    assert refusal.value.code == "outreach.too_many_limits"


def test_only_administrators_revise(session: Session) -> None:
    wanted = NewPolicy(newest(session), 1)
    with pytest.raises(NotAllowed):
        services.revise(session, wanted, by=make_lead(session), now=NOW)


def test_the_form_takes_lines_and_leaves_out_empty_ones(
    session: Session, client_for: ClientFor
) -> None:
    client = client_for(make_admin(session, name="孙立"))
    page = client.get("/outreach/policy").get_data(as_text=True)
    assert page.count('name="limit"') == len(DEFAULT_CAPS) + 2
    answer = client.post("/outreach/policy", data=FORM)
    assert answer.status_code == 303
    caps = queries.terms(session).caps
    assert [(cap.channel, cap.limit, cap.days) for cap in caps] == [
        (None, 4, 30),
        (Channel.PHONE, 1, 7),
    ]
    page = client.get("/outreach/policy").get_data(as_text=True)
    assert "At most 4 contacts within any 30 days" in page
    assert "孙立" in page


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"limit": ["0", "1", ""]}, "Between 1 and 100"),
        ({"limit": ["x", "1", ""]}, "Not a whole number"),
        ({"days": ["", "7", ""]}, "Fill this in"),
        ({"channel": ["", "", ""], "days": ["7", "7", ""]}, "same channel"),
        ({"cool_down_days": "-1"}, "Between 0 and 365"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    session: Session, client_for: ClientFor, changed: dict[str, object], said: str
) -> None:
    client = client_for(make_admin(session))
    answer = client.post("/outreach/policy", data=FORM | changed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert said in page
    assert '<option value="phone" selected' in page or "channel" in changed
    assert newest(session) == 0


def test_a_lead_reads_the_rules_and_finds_no_form(session: Session, client_for: ClientFor) -> None:
    client = client_for(make_lead(session))
    page = client.get("/outreach/policy").get_data(as_text=True)
    assert "Rules in force" in page
    assert 'name="limit"' not in page
    assert client.post("/outreach/policy", data=FORM).status_code == 403


def test_programs_read_and_put_the_rules(session: Session, client: FlaskClient) -> None:
    headers = bearer(session, make_admin(session))
    address = "/api/v1/outreach/policy"
    assert client.get(address, headers=headers).json == {
        "version": 0,
        "cool_down_days": 3,
        "limits": [
            {"limit": 2, "days": 7, "channel": "email"},
            {"limit": 3, "days": 7, "channel": None},
        ],
        "since": None,
    }
    body = {"version": 0, "cool_down_days": 0, "limits": [{"limit": 9, "days": 30}]}
    made = client.put(address, headers=headers, json=body)
    assert made.status_code == 200
    assert made.json is not None
    assert made.json["limits"] == [{"limit": 9, "days": 30, "channel": None}]
    assert client.put(address, headers=headers, json=body).status_code == 409
