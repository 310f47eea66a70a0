"""Two records become one: a person is a target of an activity once, with all steps of both."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.orm import Session, aliased

from crm.activities.models import Target, TargetState, TargetStep
from crm.core import bulk
from crm.core.packing import pack, unpack
from crm.customers.services import moving

SNAPSHOT = "activities"


def merge_targets(session: Session, merge_id: int, *, kept_id: int, merged_id: int) -> None:
    """Give the kept record the other's places in activities.

    Where both have one, the steps of both stand at the kept one's, each since it was first
    reached, and the other one goes: whoever counts targets counts the person once.
    """
    session.flush()
    doubled = session.execute(clashes(kept_id, merged_id)).all()
    kept_packed = [_snapshot(session, mine) for mine, _ in doubled]
    gone_packed = [_snapshot(session, theirs) for _, theirs in doubled]
    moving.remember(session, merge_id, SNAPSHOT, {"kept": kept_packed, "gone": gone_packed})
    for mine, theirs in doubled:
        _take_over(session, mine, theirs)
    moving.carry(session, merge_id, Target, source=merged_id, to=kept_id)


def part_targets(session: Session, merge_id: int, *, kept_id: int, merged_id: int) -> None:
    """Undo of it; steps reached since stay with the kept record."""
    moving.give_back(session, merge_id, Target, source=kept_id, to=merged_id)
    held = moving.recall(session, merge_id, SNAPSHOT) or {"kept": [], "gone": []}
    targets, steps = bulk.table(Target), bulk.table(TargetStep)
    for gone in held["gone"]:
        session.execute(insert(targets).values(unpack(targets, gone["target"])))
        for step in gone["steps"]:
            session.execute(insert(steps).values(unpack(steps, step)))
    for kept, gone in zip(held["kept"], held["gone"], strict=True):
        _restore(session, kept, gone)
    session.expire_all()


def clashes(kept_id: int, merged_id: int) -> Any:  # noqa: ANN401 - a select of two ids
    """Activities that both records are in: the kept one's target, and the other's."""
    mine, theirs = aliased(Target), aliased(Target)
    return (
        select(mine.id, theirs.id)
        .join(theirs, theirs.activity_id == mine.activity_id)
        .where(mine.customer_id == kept_id, theirs.customer_id == merged_id)
        .order_by(mine.id)
    )


def _snapshot(session: Session, target_id: int) -> dict[str, Any]:
    targets, steps = bulk.table(Target), bulk.table(TargetStep)
    target = session.execute(select(targets).where(targets.c.id == target_id)).one()
    reached = session.execute(select(steps).where(steps.c.target_id == target_id))
    return {"target": _packed(target), "steps": [_packed(row) for row in reached]}


def _packed(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of any table
    return pack(dict(row._mapping))  # noqa: SLF001 - SQLAlchemy's documented name


def _take_over(session: Session, mine: int, theirs: int) -> None:
    targets, steps = bulk.table(Target), bulk.table(TargetStep)
    known = {
        row.step: row for row in session.execute(select(steps).where(steps.c.target_id == mine))
    }
    for row in session.execute(select(steps).where(steps.c.target_id == theirs)).all():
        same = known.get(row.step)
        if same is None:
            new = {"target_id": mine, "step": row.step, "at": row.at, "by_id": row.by_id}
            session.execute(insert(steps).values(new))
        elif row.at < same.at:
            earlier = {"at": row.at, "by_id": row.by_id}
            session.execute(update(steps).where(steps.c.id == same.id).values(earlier))
    kept = _one(session, targets, mine)
    gone = _one(session, targets, theirs)
    values: dict[str, Any] = {"furthest_step": max(kept.furthest_step, gone.furthest_step)}
    if gone.state is TargetState.PLANNED:
        values |= {"state": gone.state, "held_reason": None, "held_until": None}
    session.execute(update(targets).where(targets.c.id == mine).values(values))
    session.execute(delete(targets).where(targets.c.id == theirs))
    session.expire_all()


def _restore(session: Session, kept: dict[str, Any], gone: dict[str, Any]) -> None:
    """The kept one's steps as they were, and those that it reached after the merge."""
    targets, steps = bulk.table(Target), bulk.table(TargetStep)
    own = {step["step"]: step for step in kept["steps"]}
    theirs = {step["step"]: step for step in gone["steps"]}
    target_id = kept["target"]["id"]
    left = 0
    for row in session.execute(select(steps).where(steps.c.target_id == target_id)).all():
        before = own.get(row.step.value)
        if before is not None:
            at = datetime.fromisoformat(before["at"])
            values = {"at": at, "by_id": before["by_id"]}
            session.execute(update(steps).where(steps.c.id == row.id).values(values))
        elif row.step.value in theirs:
            session.execute(delete(steps).where(steps.c.id == row.id))
            continue
        left = max(left, row.step.rank)
    values = unpack(targets, kept["target"])
    back = {name: values[name] for name in ("state", "held_reason", "held_until")}
    furthest = max(left, values["furthest_step"])
    session.execute(
        update(targets).where(targets.c.id == target_id).values(back | {"furthest_step": furthest})
    )


def _one(session: Session, table: Table, row_id: int) -> Any:  # noqa: ANN401 - a row
    return session.execute(select(table).where(table.c.id == row_id)).one()
