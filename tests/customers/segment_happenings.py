"""What happens to a customer of the random crowd: the rows of it, and the facts about it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from crm.activities.models import Activity, Step, Target, TargetState
from crm.customers.models import (
    Channel,
    Customer,
    CustomerScores,
    Opportunity,
    OpportunityStage,
    OrderLine,
    OrderStatus,
    Stage,
    StageChange,
    StageReason,
)
from crm.followups.models import FollowUp, Outcome
from crm.outreach.models import LedgerEntry, LedgerState, Suppression
from tests.conftest import NOW
from tests.customers.segment_oracle import Facts, Json, Went
from tests.factories.customers import make_order

TEXTS = ["", "华东", "华南", "East%", "eAst_1", "É", "é", "o'Brien", '";--']
PRODUCTS = ["", "床品", "Bed%", "bed_2", "毛巾"]
VARIANTS = ["", "A", "B"]


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


def moment(chance: random.Random, *, future: bool = False) -> datetime:
    """An instant on either side of a day that rules ask about, early or late in that day."""
    days = chance.choice([0, 0, 1, 2, 29, 30, 31, 59, 60, 61, 400])
    edge = chance.choice([timedelta(0), timedelta(hours=9, minutes=30), timedelta(hours=15)])
    return NOW + timedelta(days=days) - edge if future else NOW - timedelta(days=days) - edge


def maybe(chance: random.Random, value: Json) -> Json:
    return chance.choice([None, value])


def opportunities(
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


def orders(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    went: list[Went] = []
    names, codes, channels = set(), set(), set()
    for _ in range(chance.choice([0, 0, 1, 2, 3])):
        amount = chance.choice([0, 1, 30_000, 59_999, 60_000, 60_001, 120_002])
        refunded = chance.choice([0, 0, 0, 1, amount])
        status, channel = chance.choice(list(OrderStatus)), chance.choice(TEXTS)
        ordered, paid = moment(chance), maybe(chance, moment(chance))
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


def scores(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
    chance = crowd.chance
    values: dict[str, Any] = dict.fromkeys(("r", "f", "m", "gap", "next"))
    if chance.random() < 0.7:
        values = {one: chance.choice([None, 1, 3, 5]) for one in "rfm"}
        values |= {
            "gap": chance.choice([None, 1, 3, 8]),
            "next": maybe(chance, moment(chance, future=True)),
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


def stages(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
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


def contacts(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
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


def followups(session: Session, crowd: Crowd, customer: Customer, facts: dict[str, Any]) -> None:
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


def targets(
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
