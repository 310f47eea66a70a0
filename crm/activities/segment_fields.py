"""What a segment's rule may ask about activities: who took part, how far, in which variant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from crm.activities.models import Activity, LoopStage, Step, Target, TargetState
from crm.core.errors import Invalid
from crm.core.messages import N_
from crm.customers.segment_fields import Kind, SegmentField, has_row, read_text

ACTIVITIES = N_("Activities")
MOST_OPTIONS = 300
REACHED = {
    Step.TALK: N_("Talked to in the activity"),
    Step.INVITE: N_("Invited in the activity"),
    Step.REVISIT: N_("Revisited in the activity"),
    Step.DEAL: N_("Deal in the activity"),
}

Holds = Callable[[Sequence[int] | None], ColumnElement[bool]]
Tells = Callable[[Session, Sequence[int]], Mapping[int, Sequence[str]]]

#: A holdout is kept out on purpose, an excluded one is never contacted: neither takes part.
TAKES_PART = (~Target.is_holdout, Target.state != TargetState.EXCLUDED)


def target_in(*which: ColumnElement[bool]) -> Holds:
    """Customers with such a target in any of the activities (None: in any at all)."""

    def holds(activity_ids: Sequence[int] | None) -> ColumnElement[bool]:
        if activity_ids is None:
            return has_row(Target.customer_id, *which)
        return has_row(Target.customer_id, Target.activity_id.in_(activity_ids), *which)

    return holds


def activities_with(*which: ColumnElement[bool]) -> Tells:
    """Ids of the activities in which customers have such a target."""

    def tells(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        rows = session.execute(
            select(Target.customer_id, Target.activity_id)
            .where(Target.customer_id.in_(customer_ids), *which)
            .order_by(Target.activity_id.desc())
        )
        found: dict[int, list[str]] = {}
        for customer_id, activity_id in rows:
            found.setdefault(customer_id, []).append(str(activity_id))
        return found

    return tells


def activity_options(session: Session) -> Sequence[tuple[str, str]]:
    rows = session.execute(
        select(Activity.id, Activity.title)
        .order_by(Activity.starts_on.desc(), Activity.id.desc())
        .limit(MOST_OPTIONS)
    )
    return [(str(activity_id), title) for activity_id, title in rows]


def variant_options(session: Session) -> Sequence[tuple[str, str]]:
    rows = session.execute(
        select(Activity.id, Activity.title, Target.variant)
        .join(Target, Target.activity_id == Activity.id)
        .where(Target.variant != "")
        .distinct()
        .order_by(Activity.id.desc(), Target.variant)
        .limit(MOST_OPTIONS)
    )
    return [
        (f"{activity_id}:{variant}", f"{title} · {variant}") for activity_id, title, variant in rows
    ]


def in_variant(values: Sequence[str] | None) -> ColumnElement[bool]:
    """Customers in any of these variants, each written "<activity's id>:<variant>"."""
    if values is None:
        return target_in(Target.variant != "", *TAKES_PART)(None)
    chosen = [value.partition(":") for value in values]
    wanted = [
        (Target.activity_id == int(number)) & (Target.variant == variant)
        for number, _, variant in chosen
    ]
    return target_in(or_(false(), *wanted), *TAKES_PART)(None)


def variants_of(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    rows = session.execute(
        select(Target.customer_id, Target.activity_id, Target.variant)
        .where(Target.customer_id.in_(customer_ids), Target.variant != "", *TAKES_PART)
        .order_by(Target.activity_id.desc())
    )
    found: dict[int, list[str]] = {}
    for customer_id, activity_id, variant in rows:
        found.setdefault(customer_id, []).append(f"{activity_id}:{variant}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantField(SegmentField):
    def _read_item(self, value: object) -> str:
        text = read_text(value)
        number, _, variant = text.partition(":")
        if not (number.isdecimal() and len(number) < len("1" * 18) and variant):
            raise Invalid("segments.value_unknown", value=text[:40])
        return text


def _in_activities(name: str, label: str, *which: ColumnElement[bool]) -> SegmentField:
    return SegmentField(
        name=name,
        label=label,
        kind=Kind.SET,
        ids=True,
        holds=target_in(*which),
        tells=activities_with(*which),
        options=activity_options,
        may_be_empty=True,
        group=ACTIVITIES,
    )


_RUNNING = has_row(
    Target.customer_id,
    Target.activity_id == Activity.id,
    Activity.stage == LoopStage.EXECUTION,
    *TAKES_PART,
)

FIELDS = (
    _in_activities("activity", N_("Took part in the activity"), *TAKES_PART),
    *(
        _in_activities(
            f"activity_{step.value}", label, Target.furthest_step >= step.rank, *TAKES_PART
        )
        for step, label in REACHED.items()
    ),
    _in_activities(
        "activity_held", N_("Held back in the activity"), Target.state == TargetState.HELD
    ),
    VariantField(
        name="activity_variant",
        label=N_("In the variant"),
        kind=Kind.SET,
        holds=in_variant,
        tells=variants_of,
        options=variant_options,
        may_be_empty=True,
        group=ACTIVITIES,
    ),
    SegmentField(
        name="in_running_activity",
        label=N_("Is in a running activity"),
        kind=Kind.FLAG,
        column=_RUNNING,
        group=ACTIVITIES,
    ),
)
