"""The customers' way through an activity: 沟通 → 邀约 → 回访 → 成交, and who waits why."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from crm.activities.models import Step, Target, TargetState, TargetStep
from crm.core.db import dialect_name
from crm.customers.services import timeline
from crm.users.models import User

BATCH = 5_000  # well below the number of values that either database takes in one statement


def reach(session: Session, target: Target, step: Step, *, by: User | None, at: datetime) -> bool:
    """The target reached this step. False when that was known already.

    The furthest step never goes back: a target at a step has passed all earlier ones, even when
    nobody wrote them down (CV-STEP).
    """
    insert = postgresql.insert if dialect_name(session) == "postgresql" else sqlite.insert
    row = (
        insert(TargetStep)
        .values(target_id=target.id, step=step, at=at, by_id=by.id if by else None)
        .on_conflict_do_nothing(index_elements=[TargetStep.target_id, TargetStep.step])
        .returning(TargetStep.id)
    )
    if session.execute(row).scalar() is None:
        return False
    session.execute(
        update(Target)
        .where(Target.id == target.id, Target.furthest_step < step.rank)
        .values(furthest_step=step.rank)
        .execution_options(synchronize_session=False)
    )
    set_committed_value(target, "furthest_step", max(target.furthest_step, step.rank))
    timeline.note(
        session,
        target.customer_id,
        "activities.step",
        at=at,
        by=by,
        step=step.value,
        activity_id=target.activity_id,
    )
    session.flush()
    return True


def take_back(session: Session, target_id: int, *, by: User, at: datetime) -> None:
    """Undo the steps that this person's contact at this instant had reached."""
    session.execute(
        delete(TargetStep).where(
            TargetStep.target_id == target_id, TargetStep.by_id == by.id, TargetStep.at == at
        )
    )
    left = session.scalars(select(TargetStep.step).where(TargetStep.target_id == target_id)).all()
    session.execute(
        update(Target)
        .where(Target.id == target_id)
        .values(furthest_step=max((step.rank for step in left), default=0))
        .execution_options(synchronize_session="fetch")
    )


def mark_many(
    session: Session,
    state: TargetState,
    target_ids: Sequence[int],
    *,
    reason: str | None = None,
    until: datetime | None = None,
) -> None:
    """Put many targets into a state; why and until when belong to held and excluded ones."""
    for ids in _batches(target_ids):
        session.execute(
            update(Target)
            .where(Target.id.in_(ids))
            .values(state=state, held_reason=reason, held_until=until)
            .execution_options(synchronize_session="fetch" if len(ids) == 1 else False)
        )


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
