"""What activities tell on a customer's timeline: that it came into one, and how it stands there."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import null, select
from sqlalchemy.orm import joinedload

from crm.activities.models import Target, TargetState
from crm.customers.queries.timeline import Kind, Source, Teller, Told


def entered(customer_id: int) -> Told:
    return (
        select(Target, Target.created_at, null())
        .where(Target.customer_id == customer_id)
        .options(joinedload(Target.activity))
    )


def details(target: Target) -> Mapping[str, Any]:
    """The activity by its title; where the contact is held or left out, why and until when."""
    return {
        "activity_id": target.activity_id,
        "activity": target.activity.title,
        "state": target.state.value,
        "reason": target.held_reason,
        "until": target.held_until.isoformat() if target.held_until else None,
    }


TELLER = Teller(
    source=Source.TARGET,
    name="activities.entered",
    select=entered,
    at=Target.created_at,
    id=Target.id,
    kinds={
        Kind.ACTIVITIES: None,
        Kind.HELD: Target.state.in_((TargetState.HELD, TargetState.EXCLUDED)),
    },
    details=details,
)
