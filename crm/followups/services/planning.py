"""After a launch: plans the targets' contacts set by set, through the guard, none twice."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session, joinedload

from crm.activities.models import Activity, LoopStage, Target, TargetState
from crm.activities.services import pipeline
from crm.core.company import company
from crm.customers import queries as customer_queries
from crm.customers.models import ContactSubject, Customer
from crm.customers.services import touch
from crm.followups import queries, rules
from crm.followups.models import ContactPlanning, FollowUp
from crm.outreach import services as outreach
from crm.users import policies
from crm.users.models import User

PAGE = 2_000
SPREAD_DAYS, SPREAD_MOST = 5, 200
NO_OWNER = "followups.no_owner"
OPEN_ELSEWHERE = "followups.open_elsewhere"


def start_planning(
    session: Session, *, activity_id: int, launched_by_id: int, now: datetime
) -> None:
    """Leave a row of work; the worker plans the targets' contacts set by set."""
    session.add(
        ContactPlanning(activity_id=activity_id, launched_by_id=launched_by_id, created_at=now)
    )


def plan_contacts(session: Session, now: datetime) -> bool:
    """Plan a page of the oldest launch's contacts. True while there is more to plan."""
    work = queries.unfinished_planning(session)
    if work is None:
        return False
    page = _waiting(session, work.activity_id)
    if not page:
        work.finished_at = now
        return True
    held = _held(session, page, now)
    ready = [target for target in page if target.id not in held]
    _plan(session, work.activity_id, ready, now)
    _hold(session, held)
    work.planned_count += len(ready)
    work.held_count += sum(not blocked for blocked, _, _ in held.values())
    work.excluded_count += sum(blocked for blocked, _, _ in held.values())
    session.flush()
    return True


def recheck_held(session: Session, now: datetime) -> bool:
    """Put targets whose hold has run out back into planning. True when more may be due."""
    owned = select(Customer.id).where(Customer.owner_id.is_not(None))
    running = select(Activity.id).where(Activity.stage == LoopStage.EXECUTION)
    due = (
        select(Target.id)
        .where(
            Target.state == TargetState.HELD,
            Target.activity_id.in_(running),
            or_(
                Target.held_until <= now,
                (Target.held_reason == NO_OWNER) & Target.customer_id.in_(owned),
            ),
        )
        .limit(PAGE)
    )
    ids = session.scalars(due).all()
    if not ids:
        return False
    activities = select(Target.activity_id).where(Target.id.in_(ids)).distinct()
    reopened = session.scalars(activities).all()
    pipeline.mark_many(session, TargetState.WAITING, ids)
    session.execute(
        update(ContactPlanning)
        .where(ContactPlanning.activity_id.in_(reopened))
        .values(finished_at=None)
    )
    return len(ids) == PAGE


def spread_unplanned(session: Session, *, by: User, now: datetime) -> int:
    """Plan a contact for own customers who have none, over the coming days; how many.

    Those whom the guard would hold or block are left as they are.
    """
    policies.require(by, "followups.plan")
    house = company(session)
    tomorrow = house.day_of(now) + timedelta(days=1)
    customers = session.scalars(
        select(Customer)
        .where(
            Customer.owner_id == by.id,
            Customer.next_followup_at.is_(None),
            customer_queries.is_live(),
        )
        .order_by(Customer.last_contact_at, Customer.id)
        .limit(SPREAD_MOST)
    ).all()
    busy = queries.open_by_subject(session, [customer.subject_id for customer in customers])
    answers = outreach.ask_many(session, customers, at=now, by=by, now=now)
    free = [
        customer
        for customer in customers
        if answers[customer.id].is_allowed and customer.subject_id not in busy
    ]
    per_day = -(-len(free) // SPREAD_DAYS)
    due = {
        customer.id: rules.morning(tomorrow + timedelta(days=place // per_day), house)
        for place, customer in enumerate(free)
    }
    session.add_all(
        FollowUp(customer_id=key, owner_id=by.id, due_at=due_at, purpose="", created_at=now)
        for key, due_at in due.items()
    )
    session.flush()
    touch.next_followups(session, due)
    return len(due)


#: target id → (not contacted at all, reason, until when)
Held = dict[int, tuple[bool, str, datetime | None]]


def _waiting(session: Session, activity_id: int) -> Sequence[Target]:
    """The next targets without a decision, the people behind them locked in one order."""
    page = session.scalars(
        select(Target)
        .where(
            Target.activity_id == activity_id,
            Target.state == TargetState.WAITING,
            ~Target.is_holdout,
        )
        .options(joinedload(Target.customer))
        .order_by(Target.id)
        .limit(PAGE)
    ).all()
    subjects = sorted({target.customer.subject_id for target in page})
    session.execute(
        select(ContactSubject.id)
        .where(ContactSubject.id.in_(subjects))
        .order_by(ContactSubject.id)
        .with_for_update()
    )
    return page


def _held(session: Session, page: Sequence[Target], now: datetime) -> Held:
    """Whom not to contact now, and why. One person under two records is planned once."""
    customers = [target.customer for target in page]
    answers = outreach.ask_many(session, customers, at=now, by=None, now=now)
    busy = dict(queries.open_by_subject(session, [c.subject_id for c in customers]))
    held: Held = {}
    for target in page:
        answer = answers[target.customer_id]
        subject_id = target.customer.subject_id
        if not answer.is_allowed and answer.reason is not None:
            held[target.id] = (answer.is_blocked, answer.reason.code, answer.next_at)
        elif target.customer.owner_id is None:
            held[target.id] = (False, NO_OWNER, None)
        elif subject_id in busy:
            held[target.id] = (False, OPEN_ELSEWHERE, busy[subject_id] + timedelta(days=1))
        else:
            busy[subject_id] = now
    return held


def _plan(session: Session, activity_id: int, ready: Sequence[Target], now: datetime) -> None:
    if not ready:
        return
    house = company(session)
    activity = session.get_one(Activity, activity_id)
    owners = [target.customer.owner_id or 0 for target in ready]
    days = rules.spread(
        owners,
        taken=queries.planned_by_owner(session, activity_id),
        first=max(activity.starts_on, house.day_of(now)),
        last=max(activity.ends_on, house.day_of(now)),
    )
    rows = [
        {
            "customer_id": target.customer_id,
            "owner_id": owner_id,
            "activity_id": activity_id,
            "target_id": target.id,
            "step": rules.next_step(target.furthest_step),
            "due_at": rules.morning(day, house),
            "purpose": "",
            "note": "",
            "created_at": now,
            "version": 1,
        }
        for target, owner_id, day in zip(ready, owners, days, strict=True)
    ]
    session.execute(insert(FollowUp), rows)
    pipeline.mark_many(session, TargetState.PLANNED, [target.id for target in ready])
    due = queries.next_due(session, [target.customer_id for target in ready])
    touch.next_followups(session, due)


def _hold(session: Session, held: Held) -> None:
    together: dict[tuple[bool, str, datetime | None], list[int]] = {}
    for target_id, why in held.items():
        together.setdefault(why, []).append(target_id)
    for (is_blocked, reason, until), ids in together.items():
        state = TargetState.EXCLUDED if is_blocked else TargetState.HELD
        pipeline.mark_many(session, state, ids, reason=reason, until=until)
