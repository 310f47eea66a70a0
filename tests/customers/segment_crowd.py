"""Random customers with every kind of emptiness: what happened to each, and the rows of it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from crm.activities.models import Activity, LoopStage
from crm.customers.models import (
    Customer,
    CustomerKind,
    PurchasingPower,
    Segment,
    Sex,
    Stage,
    TagGroup,
    TagPlace,
)
from crm.customers.services import stats
from crm.outreach.models import Policy
from crm.users.models import User
from tests.conftest import NOW
from tests.customers import segment_happenings as happenings
from tests.customers.segment_happenings import TEXTS, Crowd, maybe, moment
from tests.customers.segment_oracle import ZONE, Facts, Json, matches
from tests.factories.activities import make_activity, make_plan, make_segment
from tests.factories.customers import make_customer, make_tag
from tests.factories.users import make_user

SIZE = 70
TAGS = ["VIP", "老客", "批发", "测试%", "a_b"]
BIRTHDAYS = [
    None,
    date(1980, 2, 29),
    date(2000, 2, 28),
    date(1999, 3, 1),
    date(1970, 12, 31),
    date(2001, 1, 1),
    date(1990, 11, 19),
    date(1990, 11, 20),
    date(2008, 11, 18),
]
#: Rules of segments that other rules may name; the second names the first.
INNER: Sequence[tuple[str, Json]] = (
    ("华东", {"field": "region", "operator": "any_of", "value": ["华东"]}),
    (
        "华东没有 VIP",
        {
            "all": [
                {"field": "segment", "operator": "any_of", "value": [0]},
                {"field": "tag", "operator": "none_of", "value": ["VIP"]},
            ]
        },
    ),
)


def gather(session: Session) -> Crowd:
    """The customers with all that happened to them, in the database and as facts."""
    crowd = Crowd()
    people = [make_user(session, name=name, role="lead") for name in ("甲", "乙", "丙")]
    crowd.owners = [one.id for one in people]
    session.add(Policy(id=1, caps=[], cool_down_days=3, created_at=NOW))
    running = _activities(session, crowd, people[0])
    grouped = _tag_groups(session, crowd)
    for _ in range(SIZE):
        facts = _record(crowd)
        customer = _customer(session, facts)
        crowd.people[customer.id] = Facts(facts)
        facts["tag_group"] = frozenset(grouped[tag] for tag in facts["tag"] if tag in grouped)
        happenings.opportunities(session, crowd, customer, facts)
        happenings.orders(session, crowd, customer, facts)
        happenings.scores(session, crowd, customer, facts)
        happenings.stages(session, crowd, customer, facts)
        happenings.contacts(session, crowd, customer, facts)
        happenings.followups(session, crowd, customer, facts)
        happenings.targets(session, crowd, customer, facts, running)
    session.flush()
    stats.recompute(session, list(crowd.people), now=NOW)
    _segments(session, crowd, people[0])
    return crowd


def _record(crowd: Crowd) -> dict[str, Any]:
    chance = crowd.chance
    return {
        "tag": frozenset(chance.sample(TAGS, chance.randint(0, 3))),
        "stage": chance.choice(list(Stage)).value,
        "kind": chance.choice(list(CustomerKind)).value,
        "stage_since": moment(chance),
        "created": moment(chance),
        "region": chance.choice(TEXTS),
        "source": chance.choice(TEXTS),
        "name": chance.choice(["李明", "Li Ming", "LI", "100%"]),
        "company": chance.choice(TEXTS),
        "owner": chance.choice([None, *crowd.owners]),
        "last_contact": maybe(chance, moment(chance)),
        "next_followup": maybe(chance, moment(chance, future=True)),
        "has_phone": chance.random() < 0.5,
        "has_email": chance.random() < 0.5,
        "is_internal": chance.random() < 0.2,
        "birthday": chance.choice(BIRTHDAYS),
        "sex": chance.choice([None, *(sex.value for sex in Sex)]),
        "channel": chance.choice(TEXTS),
        "interests": chance.choice(TEXTS),
        "purchasing_power": chance.choice([None, *(power.value for power in PurchasingPower)]),
        "member_level": chance.choice(["", "金卡", "银卡"]),
        "points": chance.choice([None, 0, 1, 3, 8]),
    }


def _customer(session: Session, facts: dict[str, Any]) -> Customer:
    number = session.info["crowd"] = session.info.get("crowd", 0) + 1
    same = ("name", "region", "source", "company", "channel", "interests", "member_level", "points")
    return make_customer(
        session,
        **{name: facts[name] for name in same},
        tags=sorted(facts["tag"]),
        stage=Stage(facts["stage"]),
        kind=CustomerKind(facts["kind"]),
        stage_since=facts["stage_since"],
        created_at=facts["created"],
        external_id=f"crowd-{number}",
        owner_id=facts["owner"],
        last_contact_at=facts["last_contact"],
        next_followup_at=facts["next_followup"],
        phone=f"138{number:08d}" if facts["has_phone"] else None,
        email=f"c{number}@example.com" if facts["has_email"] else None,
        is_internal=facts["is_internal"],
        birth_on=facts["birthday"],
        sex=facts["sex"] and Sex(facts["sex"]),
        purchasing_power=facts["purchasing_power"] and PurchasingPower(facts["purchasing_power"]),
    )


def _tag_groups(session: Session, crowd: Crowd) -> dict[str, int]:
    """Two groups, by the names of their tags; some tags are in none."""
    members = {"会员": ("VIP", "老客"), "行业": ("批发",)}
    found = {}
    for name, tags in members.items():
        group = TagGroup(name=name, created_at=NOW)
        session.add(group)
        session.flush()
        crowd.groups.append(group.id)
        for tag in tags:
            session.add(TagPlace(tag_id=make_tag(session, tag).id, group_id=group.id))
            found[tag] = group.id
    return found


def _activities(session: Session, crowd: Crowd, owner: User) -> dict[int, tuple[Activity, int]]:
    """Two activities, the second one running; each with the plan that its targets hang on."""
    made = {}
    whom = make_segment(session, by=owner, name="活动的客群")
    for stage in (LoopStage.REVIEW, LoopStage.EXECUTION):
        activity = make_activity(session, owner=owner, title=stage.value, stage=stage)
        made[activity.id] = (activity, make_plan(session, activity, whom).id)
    crowd.activities = list(made)
    return made


def _segments(session: Session, crowd: Crowd, owner: User) -> None:
    for one in crowd.people.values():
        one.values["segment"] = frozenset()
    for name, rule in INNER:
        named = crowd.with_ids(rule)
        segment = Segment(
            name=name, rule=named, created_by_id=owner.id, created_at=NOW, updated_at=NOW
        )
        session.add(segment)
        session.flush()
        crowd.segments.append(segment.id)
        today = NOW.astimezone(ZONE).date()
        for one in crowd.people.values():
            if matches(named, one, today):
                one.values["segment"] |= {segment.id}
