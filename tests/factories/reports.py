"""Targets that reached steps on given days, straight in the tables: what reports count."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities.models import Activity, ActivityPlan, Step, Target, TargetStep
from crm.core import files
from crm.customers.models import Customer, Segment
from crm.reports.models import ReportKind, ReportRun, RunState
from crm.reports.rules.scope import PERSON, Scope
from crm.reports.services.runs import FOLDER
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.activities import make_plan, make_segment
from tests.factories.customers import make_customer


def make_target(
    session: Session,
    activity: Activity,
    *,
    owner: User | None = None,
    steps: Mapping[Step, datetime] | None = None,
    customer: Customer | None = None,
    is_holdout: bool = False,
) -> Target:
    """A customer in the activity, with the steps it reached and when."""
    customer = customer or make_customer(session, owner=owner)
    reached = dict(steps or {})
    target = Target(
        activity_id=activity.id,
        customer_id=customer.id,
        plan_id=_plan(session, activity).id,
        owner_id=owner.id if owner else None,
        is_holdout=is_holdout,
        furthest_step=max((step.rank for step in reached), default=0),
        created_at=NOW,
    )
    session.add(target)
    session.flush()
    session.add_all(
        TargetStep(target_id=target.id, step=step, at=at) for step, at in reached.items()
    )
    session.flush()
    return target


def make_drawn_run(session: Session, of: User) -> ReportRun:
    """A report about this one person's targets, with its file."""
    content = b"%PDF-1.7 a report"
    run = ReportRun(
        kind=ReportKind.CONVERSION,
        month=date(2026, 11, 1),
        as_of=date(2026, 11, 18),
        locale=of.locale,
        by_id=of.id,
        scope=str(Scope(PERSON, of.id)),
        state=RunState.DONE,
        figures={},
        created_at=NOW,
        file_sha256=hashlib.sha256(content).hexdigest(),
    )
    session.add(run)
    session.flush()
    run.file_name = f"{run.public_id}.pdf"
    (files.folder(session, FOLDER) / run.file_name).write_bytes(content)
    return run


def _plan(session: Session, activity: Activity) -> ActivityPlan:
    plan = session.scalar(select(ActivityPlan).filter_by(activity_id=activity.id))
    if plan is not None:
        return plan
    name = f"客群 {activity.id}"
    segment = session.scalar(select(Segment).filter_by(name=name))
    by = session.get_one(User, activity.owner_id)
    return make_plan(session, activity, segment or make_segment(session, by=by, name=name))
