"""What a segment's rule may ask about follow-ups: the last, how it went, how many, what is due."""

from sqlalchemy import func, select

from crm.core.messages import N_
from crm.customers.models import Customer
from crm.customers.segment_fields import Kind, Related, RelatedField, SegmentField, has_row
from crm.followups.models import OUTCOMES, FollowUp, Outcome

FOLLOWUPS = N_("Follow-ups")
_LOGGED = (FollowUp.completed_at.is_not(None), FollowUp.contacted_at.is_not(None))
_LAST_OUTCOME = (
    select(FollowUp.outcome)
    .where(FollowUp.customer_id == Customer.id, *_LOGGED)
    .order_by(FollowUp.contacted_at.desc(), FollowUp.id.desc())
    .limit(1)
    .correlate(Customer.__table__)
    .scalar_subquery()
)
_OPEN = has_row(
    FollowUp.customer_id, FollowUp.completed_at.is_(None), FollowUp.cancelled_at.is_(None)
)

FIELDS = (
    SegmentField(
        name="last_outcome",
        label=N_("Last outcome"),
        kind=Kind.CHOICE,
        column=_LAST_OUTCOME,
        choices=[(outcome.value, label) for outcome, label in OUTCOMES.items()],
        decode=Outcome,
        may_be_empty=True,
        group=FOLLOWUPS,
    ),
    RelatedField(
        name="last_followup",
        label=N_("Last follow-up"),
        kind=Kind.DATE,
        related=Related(key=FollowUp.customer_id, where=_LOGGED, at=FollowUp.contacted_at),
        may_be_empty=True,
        group=FOLLOWUPS,
    ),
    RelatedField(
        name="followups_in_days",
        label=N_("Follow-ups lately"),
        kind=Kind.COUNT_IN_DAYS,
        related=Related(
            key=FollowUp.customer_id,
            where=_LOGGED,
            at=FollowUp.contacted_at,
            measure=func.count(FollowUp.id),
        ),
        group=FOLLOWUPS,
    ),
    SegmentField(
        name="is_planned",
        label=N_("Has a planned follow-up"),
        kind=Kind.FLAG,
        column=_OPEN,
        group=FOLLOWUPS,
    ),
)
