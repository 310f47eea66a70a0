"""What follow-ups do when something happens below."""

from sqlalchemy.orm import Session

from crm.activities.events import ActivityLaunched
from crm.activities.models import Activity
from crm.customers.events import (
    CustomerAssigned,
    CustomersAssigned,
    CustomersMerged,
    CustomersParted,
    SubjectsJoined,
)
from crm.followups import services
from crm.followups.services import merging


def start_planning(session: Session, event: ActivityLaunched) -> None:
    """Leave a row of work; the worker plans the targets' contacts through the guard."""
    activity = session.get_one(Activity, event.activity_id)
    services.start_planning(
        session,
        activity_id=event.activity_id,
        launched_by_id=event.launched_by,
        now=activity.launched_at or activity.updated_at,
    )


def follow_owner(session: Session, event: CustomerAssigned) -> None:
    """Planned contacts go to the customer's new owner: the old one can no longer log them."""
    services.follow_owner(
        session,
        event.customer_id,
        before_id=event.before_id,
        after_id=event.after_id,
        now=event.at,
    )


def follow_owners(session: Session, event: CustomersAssigned) -> None:
    """The same for many customers at once."""
    services.follow_owners(session, event.batch, now=event.at)


def keep_one_contact(session: Session, event: SubjectsJoined) -> None:
    """One person is contacted once: of what was planned for both records the first stays."""
    services.keep_one_contact(session, event.kept_id, now=event.at)


def merge_contacts(session: Session, event: CustomersMerged) -> None:
    """The contacts of both records are the surviving one's."""
    merging.merge_contacts(session, event)


def part_contacts(session: Session, event: CustomersParted) -> None:
    merging.part_contacts(session, event)
