"""Random customers with every kind of emptiness: what happened to each, and the rows of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from crm.activities.models import Activity, LoopStage, Step, Target, TargetState
from crm.customers.models import (
    Channel,
    Customer,
    CustomerKind,
    CustomerScores,
    Opportunity,
    OpportunityStage,
    OrderLine,
    OrderStatus,
    PurchasingPower,
    Segment,
    Sex,
    Stage,
    StageChange,
    StageReason,
    TagGroup,
    TagPlace,
)
from crm.customers.services import stats
from crm.followups.models import FollowUp, Outcome
from crm.outreach.models import LedgerEntry, LedgerState, Policy, Suppression
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.segment_oracle import ZONE, Facts, Json, Went, matches
from tests.factories.activities import make_activity, make_plan, make_segment
from tests.factories.customers import make_customer, make_order, make_tag
from tests.factories.users import make_user

SIZE = 70
TAGS = ["VIP", "老客", "批发", "测试%", "a_b"]
TEXTS = ["", "华东", "华南", "East%", "eAst_1", "É", "é", "o'Brien", '";--']
PRODUCTS = ["", "床品", "Bed%", "bed_2", "毛巾"]
VARIANTS = ["", "A", "B"]
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


@dataclass(slots=True)
class Crowd:
    """Everybody by id, and the ids that rules about other records name."""

    people: dict[int, Facts] = field(default_factory=dict)
    owners: list[int] = field(default_factory=list)
    activities: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(2026))
    numbers: Any = field(default_factory=lambda: count(1))

    def with_ids(self, rule: Json) -> Json:
        """The rule with positions replaced by the ids that stand there."""
        if isinstance(rule, list):
            return [self.with_ids(one) for one in rule]
        if not isinstance(rule, dict):
            return rule
        if "field" not in rule:
            return {key: self.with_ids(inner) for key, inner in rule.items()}
        name = rule["field"]
        known = {
            "owner": self.owners,
            "segment": self.segments,
            "tag_group": self.groups,
        }.get(name)
        if name.startswith("activity"):
            known = self.activities
        if known is None or "value" not in rule:
            return rule
        return {**rule, "value": [_named(one, known) for one in rule["value"]]}


def _named(place: int | str, known: Sequence[int]) -> int | str:
    if isinstance(place, int):
        return known[place]
    number, _, variant = place.partition(":")
    return f"{known[int(number)]}:{variant}"


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
        _opportunities(session, crowd, customer, facts)
        _orders(session, crowd, customer, facts)
        _scores(session, crowd, customer, facts)
        _stages(session, crowd, customer, facts)
        _contacts(session, crowd, customer, facts)
        _followups(session, crowd, customer, facts)
        _targets(session, crowd, customer, facts, running)
    session.flush()
    stats.recompute(session, list(crowd.people), now=NOW)
    _segments(session, crowd, people[0])
    return crowd


def moment(chance: random.Random, *, future: bool = False) -> datetime:
    """An instant on either side of a day that rules ask about, early or late in that day."""
    days = chance.choice([0, 0, 1, 2, 29, 30, 31, 59, 60, 61, 400])
    edge = chance.choice([timedelta(0), timedelta(hours=9, minutes=30), timedelta(hours=15)])
    return NOW + timedelta(days=days) - edge if future else NOW - timedelta(days=days) - edge


def _maybe(chance: random.Random, value: Json) -> Json:
    return chance.choice([None, value])


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
        "last_contact": _maybe(chance, moment(chance)),
        "next_followup": _maybe(chance, moment(chance, future=True)),
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


def _opportunities(
    session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]
) -> None:
    chance = crowd.chance
    wanted = []
    for _ in range(chance.choice([0, 0, 1, 2])):
        stage = chance.choice(list(OpportunityStage))
        amount = chance.choice([0, 30_000, 60_000])
        wanted += [amount] if stage.is_open else []
        session.add(
            Opportunity(
                customer_id=customer.id,
                title="商机",
                stage=stage,
                amount_fen=amount,
                closed_on=None if stage.is_open else NOW.date(),
                created_at=NOW,
                updated_at=NOW,
            )
        )
    facts |= {
        "has_open_opportunity": bool(wanted),
        "open_opportunity_amount": Fraction(sum(wanted), 100),
    }


def _orders(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    went: list[Went] = []
    names, codes, channels = set(), set(), set()
    for _ in range(chance.choice([0, 0, 1, 2, 3])):
        amount = chance.choice([0, 1, 30_000, 59_999, 60_000, 60_001, 120_002])
        refunded = chance.choice([0, 0, 0, 1, amount])
        status, channel = chance.choice(list(OrderStatus)), chance.choice(TEXTS)
        ordered, paid = moment(chance), _maybe(chance, moment(chance))
        lines = [(chance.choice(PRODUCTS), chance.choice(PRODUCTS)) for _ in range(2)]
        order = make_order(
            session,
            amount_fen=amount,
            refunded_fen=refunded,
            status=status,
            channel=channel,
            ordered_at=ordered,
            paid_at=paid,
            number=f"crowd-{next(crowd.numbers)}",
        )
        order.customer_id = customer.id
        session.add_all(
            OrderLine(
                order_id=order.id,
                line_no=place,
                product_code=code,
                product_name=name,
                quantity=1,
                unit_price=1,
                amount_milli=1000,
            )
            for place, (code, name) in enumerate(lines)
        )
        if status in {OrderStatus.PAID, OrderStatus.COMPLETED} and amount > refunded:
            went.append(Went(paid or ordered, Fraction(amount - refunded, 100)))
            codes |= {code for code, _ in lines}
            names |= {name for _, name in lines}
            channels.add(channel)
    spent = sum((one.amount for one in went), Fraction(0))
    days = sorted(one.at for one in went)
    facts |= {
        "order_count": len(went),
        "order_amount": spent,
        "order_average": spent / len(went) if went else None,
        "first_order": days[0] if days else None,
        "last_order": days[-1] if days else None,
        "orders_in_days": [Went(one.at, Fraction(1)) for one in went],
        "spent_in_days": went,
        "product": frozenset(names) - {""},
        "product_code": frozenset(codes) - {""},
        "order_channel": frozenset(channels) - {""},
    }


def _scores(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    values: dict[str, Any] = dict.fromkeys(("r", "f", "m", "gap", "next"))
    if chance.random() < 0.7:
        values = {one: chance.choice([None, 1, 3, 5]) for one in "rfm"}
        values |= {
            "gap": chance.choice([None, 1, 3, 8]),
            "next": _maybe(chance, moment(chance, future=True)),
        }
        session.add(
            CustomerScores(
                customer_id=customer.id,
                recency=values["r"],
                frequency=values["f"],
                monetary=values["m"],
                gap_days=values["gap"],
                next_order_at=values["next"],
                computed_at=NOW,
            )
        )
    facts |= {f"score_{one}": values[one] for one in "rfm"}
    facts |= {"order_gap": values["gap"], "next_order": values["next"]}


def _stages(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    entered: dict[Stage, datetime] = {}
    for stage in chance.sample(tuple(Stage), chance.randint(0, 3)):
        for at in (moment(chance), moment(chance)):
            entered[stage] = max(at, entered.get(stage, at))
            session.add(
                StageChange(customer_id=customer.id, after=stage, reason=StageReason.ORDERS, at=at)
            )
    facts["stage_ever"] = frozenset({facts["stage"], *(stage.value for stage in entered)})
    facts |= {f"entered_{stage.value}": entered.get(stage) for stage in Stage}


def _contacts(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    last: dict[Channel, datetime] = {}
    by_us: list[Went] = []
    for _ in range(chance.choice([0, 1, 2, 4])):
        entry = LedgerEntry(
            subject_id=customer.subject_id,
            customer_id=customer.id,
            channel=chance.choice(list(Channel)),
            state=chance.choice([LedgerState.SENT, LedgerState.UNCERTAIN, LedgerState.CANCELLED]),
            at=moment(chance),
            is_inbound=chance.random() < 0.3,
            policy_id=1,
        )
        session.add(entry)
        if entry.state is not LedgerState.CANCELLED:
            last[entry.channel] = max(entry.at, last.get(entry.channel, entry.at))
            by_us += [] if entry.is_inbound else [Went(entry.at, Fraction(1))]
    either: list[list[datetime | None]] = [[], [], [None], [NOW], [NOW, None]]
    marks = chance.choice(either)
    session.add_all(
        Suppression(subject_id=customer.subject_id, source="test", set_at=NOW, cleared_at=at)
        for at in marks
    )
    facts |= {f"last_{channel.value}": last.get(channel) for channel in Channel}
    facts |= {"contacts_in_days": by_us, "do_not_contact": None in marks}


def _followups(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    logged: list[tuple[datetime, int, Outcome]] = []
    is_planned = chance.random() < 0.3
    for place in range(chance.choice([0, 1, 3])):
        at, outcome = moment(chance), chance.choice(list(Outcome))
        logged.append((at, place, outcome))
        session.add(
            _followup(crowd, customer, outcome=outcome, contacted_at=at, completed_at=at, due_at=at)
        )
        session.flush()  # ids in this order: the later one counts when two have the same time
    if is_planned:
        session.add(_followup(crowd, customer, due_at=NOW))
    if chance.random() < 0.3:
        session.add(_followup(crowd, customer, due_at=NOW, cancelled_at=NOW))
    facts |= {
        "last_outcome": max(logged)[2].value if logged else None,
        "last_followup": max(logged)[0] if logged else None,
        "followups_in_days": [Went(at, Fraction(1)) for at, _, _ in logged],
        "is_planned": is_planned,
    }


def _followup(crowd: Crowd, customer: Customer, **values: Json) -> FollowUp:
    return FollowUp(customer_id=customer.id, owner_id=crowd.owners[0], created_at=NOW, **values)


def _activities(session: Session, crowd: Crowd, owner: User) -> dict[int, tuple[Activity, int]]:
    """Two activities, the second one running; each with the plan that its targets hang on."""
    made = {}
    whom = make_segment(session, by=owner, name="活动的客群")
    for stage in (LoopStage.REVIEW, LoopStage.EXECUTION):
        activity = make_activity(session, owner=owner, title=stage.value, stage=stage)
        made[activity.id] = (activity, make_plan(session, activity, whom).id)
    crowd.activities = list(made)
    return made


def _targets(
    session: Session,
    crowd: Crowd,
    customer: Customer,
    facts: dict[str, Any],
    activities: dict[int, tuple[Activity, int]],
) -> None:
    chance = crowd.chance
    taking: list[Target] = []
    held: set[int] = set()
    for activity_id, (_activity, plan_id) in activities.items():
        if chance.random() < 0.5:
            continue
        target = Target(
            activity_id=activity_id,
            customer_id=customer.id,
            plan_id=plan_id,
            variant=chance.choice(VARIANTS),
            is_holdout=chance.random() < 0.2,
            state=chance.choice(list(TargetState)),
            furthest_step=chance.randint(0, len(Step)),
            created_at=NOW,
        )
        session.add(target)
        held |= {activity_id} if target.state is TargetState.HELD else set()
        if not target.is_holdout and target.state is not TargetState.EXCLUDED:
            taking.append(target)
    facts |= {
        "activity": frozenset(one.activity_id for one in taking),
        "activity_held": frozenset(held),
        "activity_variant": frozenset(
            f"{one.activity_id}:{one.variant}" for one in taking if one.variant
        ),
        "in_running_activity": any(one.activity_id == crowd.activities[1] for one in taking),
    }
    for rank, step in enumerate(Step, start=1):
        reached = frozenset(one.activity_id for one in taking if one.furthest_step >= rank)
        facts[f"activity_{step.value}"] = reached


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
