"""The loop's gates and what a goal's figure is, on plain values."""

from decimal import Decimal

import pytest

from crm.activities import rules
from crm.activities.models import LoopStage, Step
from crm.activities.rules import Readiness, gate, measured
from crm.core.messages import ERRORS

NOTHING = Readiness(0, 0, 0)


@pytest.mark.parametrize(
    ("stage", "ready", "missing"),
    [
        (LoopStage.STRATEGY, NOTHING, ["goal"]),
        (LoopStage.STRATEGY, Readiness(1, 0, 0), []),
        (LoopStage.RESOURCES, Readiness(1, 0, 0), ["plan"]),
        (LoopStage.EXECUTION, NOTHING, ["goal", "plan"]),
        (LoopStage.EXECUTION, Readiness(1, 1, 0), ["members"]),
        (LoopStage.EXECUTION, Readiness(1, 1, 1), []),
        (LoopStage.REVIEW, Readiness(1, 1, 1), ["launch"]),
        (LoopStage.REVIEW, Readiness(1, 1, 1, is_launched=True), []),
    ],
)
def test_a_gate_lists_what_is_missing(
    stage: LoopStage, ready: Readiness, missing: list[str]
) -> None:
    codes = tuple(f"activities.missing_{what}" for what in missing)
    assert gate(stage, ready) == codes
    assert all(code in ERRORS for code in codes)


def test_the_loop_has_five_stages_and_ends_with_the_review() -> None:
    walked = [LoopStage.GOAL]
    while following := rules.stage_after(walked[-1]):
        walked.append(following)
    assert walked == list(LoopStage)


def test_steps_are_ranked_along_the_way() -> None:
    assert [step.rank for step in Step] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("metric", "figure"),
    [("deals", 5), ("talks", 40), ("invitations", 12), ("conversion", Decimal("12.5"))],
)
def test_a_known_metric_is_measured(metric: str, figure: object) -> None:
    assert measured(metric, {1: 40, 2: 12, 3: 8, 4: 5}, None) == figure


def test_nobody_reached_yet_is_no_rate_and_not_zero() -> None:
    assert measured("conversion", {}, None) is None
    assert measured("deals", {}, None) == 0


def test_revenue_is_told_in_yuan_and_other_figures_not_at_all() -> None:
    assert measured("revenue", {}, 46_210_050) == Decimal("462100.5")
    assert measured("revenue", {}, None) is None
    assert measured("other", {4: 9}, 100) is None


def test_the_share_of_a_target_needs_a_figure_and_a_target() -> None:
    assert rules.share_reached(Decimal(5), Decimal(10)) == Decimal("0.5")
    assert rules.share_reached(None, Decimal(10)) is None
    assert rules.share_reached(Decimal(5), Decimal(0)) is None


def test_a_guardrail_is_kept_at_its_floor_and_broken_below() -> None:
    assert rules.is_kept(Decimal("3.5"), Decimal("3.5")) is True
    assert rules.is_kept(Decimal("3.4"), Decimal("3.5")) is False
    assert rules.is_kept(None, Decimal("3.5")) is None
