"""One contact at a time: plan it, log it, move it, give it away, take it back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from crm.activities import queries as activity_queries
from crm.activities.models import Target
from crm.activities.services import pipeline
from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.customers import queries as customer_queries
from crm.customers.models import Channel, Customer
from crm.customers.services import customers as owning
from crm.customers.services import stages, timeline, touch
from crm.followups import queries, rules
from crm.followups.models import FollowUp, Outcome
from crm.outreach import services as outreach
from crm.users import policies
from crm.users.models import User

UNDO_WITHIN = timedelta(minutes=30)
#: A rep's clock may run a little ahead of ours; more than this is a contact in the future.
CLOCK_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Plan:
    customer_id: int
    due_at: datetime
    purpose: str = ""
    activity_id: int | None = None
    override_reason: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """A contact that took place. `followup_id` is the planned one it fulfils, if any."""

    customer_id: int
    channel: Channel
    outcome: Outcome
    note: str = ""
    followup_id: int | None = None
    contacted_at: datetime | None = None  # None: just now
    next_at: datetime | None = None
    next_purpose: str = ""
    is_inbound: bool = False
    override_reason: str = ""


def plan(session: Session, wanted: Plan, *, by: User, now: datetime) -> FollowUp:
    """Plan a contact. Raises Conflict when the guard refuses or one is planned already."""
    # Locking the contact subject makes two reps who plan at the same moment take turns.
    customer = customer_queries.get_locked(session, wanted.customer_id, visible_to=by)
    policies.require(by, "followups.plan", customer)
    if wanted.due_at < now - timedelta(days=1):
        raise Invalid("followups.due_in_the_past")
    _ask(session, customer, wanted, by=by, now=now)
    _refuse_second(session, customer)
    return _planned(session, customer, wanted, by=by, now=now)


def log(session: Session, done: Log, *, by: User, now: datetime) -> FollowUp:
    """Record a contact that took place: always, whatever the guard would have said before.

    Completes the planned follow-up, counts in the ledger, moves the target's step, touches the
    customer and plans the next contact if one is wanted. Raises Conflict when the follow-up is
    logged already or the next contact may not be planned, Invalid for a time in the future.
    """
    customer = customer_queries.get_locked(session, done.customer_id, visible_to=by)
    policies.require(by, "followups.log", customer)
    contacted_at = min(_checked_time(done.contacted_at or now, now), now)
    followup = _followup_for(session, done, customer, by=by, now=now)
    followup.complete(done.outcome, channel=done.channel, by=by, at=now)
    followup.contacted_at = contacted_at
    followup.note = done.note
    contact = outreach.Contact(
        customer_id=customer.id,
        channel=done.channel,
        at=contacted_at,
        activity_id=followup.activity_id,
        is_inbound=done.is_inbound,
        override_reason=done.override_reason,
        details={"outcome": done.outcome.value},
    )
    entry = outreach.log(session, contact, by=by, now=now)
    followup.ledger_entry_id = entry.id
    _move_target(session, followup, by=by)
    session.flush()
    if rules.is_real_contact(done.outcome):
        touch.contacted(session, customer.id, at=contacted_at)
    if rules.is_two_way(done.outcome):
        stages.move_by_contact(session, customer, now=now)
    if done.next_at is not None:
        _plan_next(session, customer, followup, done, by=by, now=now)
    _refresh_next(session, customer)
    timeline.note(
        session,
        customer.id,
        "followups.logged",
        at=contacted_at,
        by=by,
        followup_id=followup.id,
        channel=done.channel.value,
        outcome=done.outcome.value,
        note=done.note,
        over_cap=entry.is_over_cap,
    )
    return followup


def undo_log(session: Session, followup_id: int, *, by: User, now: datetime) -> FollowUp:
    """Take a contact back that was logged by mistake: by who logged it, within half an hour.

    The ledger keeps its row, marked as cancelled; the next contact planned with it goes too.
    """
    followup = queries.get(session, followup_id, visible_to_user=by)
    policies.require(by, "followups.edit", followup)
    customer = customer_queries.get_locked(session, followup.customer_id, visible_to=by)
    if followup.completed_at is None:
        raise Conflict("followups.not_completed")
    if followup.completed_by_id != by.id:
        raise NotAllowed("followups.undo_not_yours")
    if now - followup.completed_at > UNDO_WITHIN:
        raise Conflict("followups.undo_too_late")
    if followup.ledger_entry_id is not None:
        outreach.withdraw(session, followup.ledger_entry_id, by=by, now=now)
    if followup.target_id is not None and followup.contacted_at is not None:
        pipeline.take_back(session, followup.target_id, by=by, at=followup.contacted_at)
    for following in session.scalars(
        queries.open_followups().where(
            FollowUp.customer_id == customer.id, FollowUp.created_at == followup.completed_at
        )
    ):
        following.cancelled_at = now
    session.flush()
    stages.take_back_contact(session, customer, moved_at=followup.completed_at, now=now)
    out_of_hand = followup.created_at == followup.completed_at == followup.due_at
    # Somebody has planned the next contact meanwhile: the person is contacted once, not twice.
    is_planned_anew = bool(queries.open_by_subject(session, [customer.subject_id]))
    followup.completed_at = followup.completed_by_id = followup.contacted_at = None
    followup.outcome = followup.channel = followup.ledger_entry_id = None
    followup.note = ""
    if out_of_hand or is_planned_anew:
        followup.cancelled_at = now
    session.flush()
    touch.last_contact(session, customer.id, at=_last_real_contact(session, customer.id))
    _refresh_next(session, customer)
    timeline.note(
        session, customer.id, "followups.taken_back", at=now, by=by, followup_id=followup.id
    )
    return followup


def reschedule(
    session: Session,
    followup_id: int,
    due_at: datetime,
    *,
    by: User,
    now: datetime,
    version: int | None = None,
) -> FollowUp:
    """Move an open follow-up to another time; its reminder comes anew.

    The guard is asked about that time as when it was planned: for its owner, who will call.
    """
    followup = _open_for_edit(session, followup_id, by=by)
    if version is not None and followup.version != version:
        raise Conflict("core.stale")
    if due_at < now - timedelta(days=1):
        raise Invalid("followups.due_in_the_past")
    customer = customer_queries.get_locked(session, followup.customer_id, visible_to=by)
    _ask(session, customer, Plan(customer.id, due_at), by=followup.owner, now=now)
    followup.due_at = due_at
    session.flush()
    _refresh_next(session, followup.customer)
    return followup


def cancel(session: Session, followup_id: int, *, by: User, now: datetime) -> FollowUp:
    """Give up a planned contact; nothing is deleted."""
    followup = _open_for_edit(session, followup_id, by=by)
    followup.cancelled_at = now
    session.flush()
    _refresh_next(session, followup.customer)
    timeline.note(
        session, followup.customer_id, "followups.cancelled", at=now, by=by, followup_id=followup.id
    )
    return followup


def reassign(session: Session, followup_id: int, owner_id: int, *, by: User) -> FollowUp:
    """Hand an open follow-up to another rep within the leader's reach."""
    followup = _open_for_edit(session, followup_id, by=by)
    policies.require(by, "followups.reassign", followup)
    owner = next((one for one in owning.owners(session, by) if one.id == owner_id), None)
    if owner is None:
        raise Invalid("customers.owner_unknown")
    followup.owner = owner
    session.flush()
    return followup


def follow_owner(
    session: Session,
    customer_id: int,
    *,
    before_id: int | None,
    after_id: int | None,
    now: datetime,
) -> None:
    """The customer was handed over: what its owner had planned goes along, or ends in the pool."""
    customer = session.get_one(Customer, customer_id)
    theirs = queries.open_followups().where(
        FollowUp.customer_id == customer_id, FollowUp.owner_id == before_id
    )
    for followup in session.scalars(theirs).all():
        if after_id is None:
            followup.cancelled_at = now
        else:
            followup.owner_id = after_id
    session.flush()
    _refresh_next(session, customer)


def keep_one_contact(session: Session, subject_id: int, *, now: datetime) -> None:
    """Two records are one person: the open contact that falls due first stays, the others go."""
    planned = session.scalars(
        queries.open_followups()
        .join(Customer, Customer.id == FollowUp.customer_id)
        .where(Customer.subject_id == subject_id)
        .options(joinedload(FollowUp.customer))
        .order_by(FollowUp.due_at, FollowUp.id)
    ).all()
    for followup in planned[1:]:
        followup.cancelled_at = now
        timeline.note(
            session,
            followup.customer_id,
            "followups.cancelled",
            at=now,
            by=None,
            followup_id=followup.id,
        )
    session.flush()
    for followup in planned[1:]:
        _refresh_next(session, followup.customer)


def _checked_time(contacted_at: datetime, now: datetime) -> datetime:
    if contacted_at > now + CLOCK_SKEW:
        raise Invalid("followups.in_the_future")
    return contacted_at


def _ask(session: Session, customer: Customer, wanted: Plan, *, by: User, now: datetime) -> None:
    answer = outreach.ask(session, customer, at=wanted.due_at, by=by, now=now)
    if answer.is_allowed:
        return
    if wanted.override_reason and not answer.is_blocked:
        policies.require(by, "outreach.override", customer)
        return
    raise outreach.refusal(answer)


def _refuse_second(session: Session, customer: Customer) -> None:
    planned = queries.open_by_subject(session, [customer.subject_id])
    if planned:
        raise Conflict("followups.already_planned", due_at=planned[customer.subject_id])


def _planned(
    session: Session, customer: Customer, wanted: Plan, *, by: User, now: datetime
) -> FollowUp:
    if wanted.activity_id is not None:
        activity_queries.get(session, wanted.activity_id, visible_to=by)
    target = _target(session, wanted.activity_id, customer.id)
    followup = FollowUp(
        customer_id=customer.id,
        customer=customer,
        owner_id=customer.owner_id or by.id,
        activity_id=wanted.activity_id,
        target_id=target.id if target else None,
        step=rules.next_step(target.furthest_step) if target else None,
        due_at=wanted.due_at,
        purpose=wanted.purpose,
        created_at=now,
    )
    session.add(followup)
    session.flush()  # the caller shows its id
    _refresh_next(session, customer)
    return followup


def _followup_for(
    session: Session, done: Log, customer: Customer, *, by: User, now: datetime
) -> FollowUp:
    """The planned follow-up that this contact fulfils, or a new one for a contact out of hand."""
    if done.followup_id is not None:
        followup = queries.get(session, done.followup_id, visible_to_user=by)
        if followup.customer_id != customer.id:
            raise NotFound("core.not_found")
        return followup
    planned = queries.open_of_customer(session, customer.id)
    if planned is not None and planned.owner_id == by.id:
        return planned
    followup = FollowUp(
        customer_id=customer.id,
        customer=customer,
        owner_id=by.id,
        due_at=now,
        purpose="",
        created_at=now,
    )
    session.add(followup)
    session.flush()
    return followup


def _move_target(session: Session, followup: FollowUp, *, by: User) -> None:
    if followup.target_id is None or followup.outcome is None or followup.contacted_at is None:
        return
    step = rules.REACHES[followup.outcome]
    if step is not None:
        target = session.get_one(Target, followup.target_id)
        pipeline.reach(session, target, step, by=by, at=followup.contacted_at)


def _plan_next(
    session: Session, customer: Customer, followup: FollowUp, done: Log, *, by: User, now: datetime
) -> None:
    """The next contact with the customer; in the same activity while steps are left.

    Own caps are no hindrance to going on with a talk; do-not-contact and a contact that somebody
    has planned already are.
    """
    if done.next_at is None or done.next_at < now - CLOCK_SKEW:
        raise Invalid("followups.due_in_the_past")
    answer = outreach.ask(session, customer, at=done.next_at, by=by, now=now)
    if answer.is_blocked:
        raise outreach.refusal(answer)
    _refuse_second(session, customer)
    target = _target(session, followup.activity_id, customer.id)
    step = rules.next_step(target.furthest_step) if target else None
    session.add(
        FollowUp(
            customer_id=customer.id,
            owner_id=followup.owner_id,
            activity_id=followup.activity_id if step else None,
            target_id=target.id if target and step else None,
            step=step,
            due_at=done.next_at,
            purpose=done.next_purpose,
            created_at=now,
        )
    )
    session.flush()


def _target(session: Session, activity_id: int | None, customer_id: int) -> Target | None:
    if activity_id is None:
        return None
    return session.scalars(
        select(Target)
        .where(Target.activity_id == activity_id, Target.customer_id == customer_id)
        .execution_options(populate_existing=True)
    ).first()


def _open_for_edit(session: Session, followup_id: int, *, by: User) -> FollowUp:
    followup = queries.get(session, followup_id, visible_to_user=by)
    policies.require(by, "followups.edit", followup)
    if not followup.is_open:
        raise Conflict("followups.already_completed", at=followup.completed_at)
    return followup


def _last_real_contact(session: Session, customer_id: int) -> datetime | None:
    return session.scalar(
        select(func.max(FollowUp.contacted_at)).where(
            FollowUp.customer_id == customer_id, FollowUp.outcome != Outcome.NO_ANSWER
        )
    )


def _refresh_next(session: Session, customer: Customer) -> None:
    due = queries.next_due(session, [customer.id])
    touch.next_followups(session, {customer.id: due.get(customer.id)})
