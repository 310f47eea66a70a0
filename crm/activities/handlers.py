"""What activities do when something happens below."""

from sqlalchemy.orm import Session

from crm.activities.services import merging
from crm.customers.events import CustomersMerged, CustomersParted


def merge_targets(session: Session, event: CustomersMerged) -> None:
    """One person is in an activity once."""
    merging.merge_targets(session, event.merge_id, kept_id=event.kept_id, merged_id=event.merged_id)


def part_targets(session: Session, event: CustomersParted) -> None:
    merging.part_targets(session, event.merge_id, kept_id=event.kept_id, merged_id=event.merged_id)
