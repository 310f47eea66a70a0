"""The loop's order and its gates, and the metrics that a goal may name; plain values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from crm.activities.models import LoopStage, Step
from crm.core.messages import N_

LOOP = tuple(LoopStage)
BEFORE_LAUNCH = frozenset({LoopStage.GOAL, LoopStage.STRATEGY, LoopStage.RESOURCES})
STEPS: Mapping[Step, str] = {
    Step.TALK: N_("Talk"),
    Step.INVITE: N_("Invite"),
    Step.REVISIT: N_("Revisit"),
    Step.DEAL: N_("Deal"),
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an activity has of that which its gates ask for."""

    main_goal_count: int
    plan_count: int
    member_count: int
    is_launched: bool = False
    has_broken_segment: bool = False  # whose rule means nobody, whoever it was meant for


def gate(stage: LoopStage, ready: Readiness) -> tuple[str, ...]:
    """What is missing before this stage may begin, as codes of texts; empty when it may."""
    missing = []
    rank = LOOP.index(stage)
    if rank >= LOOP.index(LoopStage.STRATEGY) and not ready.main_goal_count:
        missing.append("activities.missing_goal")
    if rank >= LOOP.index(LoopStage.RESOURCES) and not ready.plan_count:
        missing.append("activities.missing_plan")
    if stage is LoopStage.EXECUTION and ready.has_broken_segment:
        missing.append("activities.broken_segment")
    elif stage is LoopStage.EXECUTION and ready.plan_count and not ready.member_count:
        missing.append("activities.missing_members")
    if stage is LoopStage.REVIEW and not ready.is_launched:
        missing.append("activities.missing_launch")
    return tuple(missing)


def stage_after(stage: LoopStage) -> LoopStage | None:
    following = LOOP.index(stage) + 1
    return LOOP[following] if following < len(LOOP) else None


@dataclass(frozen=True, slots=True)
class Metric:
    """`unit` is the key of how its figures are shown; `is_measured`: the house counts it itself."""

    key: str
    label: str
    definition: str
    unit: str
    is_measured: bool = True


METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric(
            "deals", N_("Deals"), N_("Customers of the activity who reached the deal."), "count"
        ),
        Metric(
            "conversion",
            N_("Overall conversion (talk → deal)"),
            N_("Customers who reached the deal ÷ customers who reached the talk."),
            "percent",
        ),
        Metric("talks", N_("Customers talked to"), N_("Customers who reached the talk."), "count"),
        Metric(
            "invitations", N_("Invitations"), N_("Customers who reached the invitation."), "count"
        ),
        Metric(
            "revenue",
            N_("Revenue"),
            N_("Valid orders of the activity's customers within the goal's period, less refunds."),
            "yuan",
        ),
        Metric(
            "other",
            N_("Another figure"),
            N_("Named in the goal; not measured by this program yet."),
            "",
            is_measured=False,
        ),
    )
}

#: How many targets reached at least each step (rank 1 … 4).
Reached = Mapping[int, int]


def measured(metric: str, reached: Reached, revenue_fen: int | None) -> Decimal | None:
    """The figure of a known metric now; None where nothing can be said (no denominator)."""
    if metric == "revenue":
        return None if revenue_fen is None else Decimal(revenue_fen) / 100
    if metric == "conversion":
        rate = conversion(reached)
        return None if rate is None else Decimal(rate.numerator * 100) / rate.denominator
    steps = {"deals": Step.DEAL, "talks": Step.TALK, "invitations": Step.INVITE}
    step = steps.get(metric)
    return None if step is None else Decimal(reached.get(step.rank, 0))


def conversion(reached: Reached) -> Fraction | None:
    """CV-ALL: at the last step ÷ at the first; None without anybody at the first."""
    first = reached.get(Step.TALK.rank, 0)
    return Fraction(reached.get(Step.DEAL.rank, 0), first) if first else None


def share_reached(now: Decimal | None, target: Decimal) -> Decimal | None:
    """How much of the target is reached, 1 being all of it."""
    return None if now is None or target <= 0 else now / target


def is_kept(now: Decimal | None, floor: Decimal) -> bool | None:
    """Whether a guardrail holds; every figure that is measured here is better when it is higher."""
    return None if now is None else now >= floor
