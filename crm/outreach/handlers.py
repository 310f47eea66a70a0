"""What the ledger does when something happens below."""

from sqlalchemy.orm import Session

from crm.customers.events import CustomersMerged, CustomersParted, SubjectsJoined
from crm.outreach import services
from crm.outreach.services import merging


def follow_subject(session: Session, event: SubjectsJoined) -> None:
    """The marks and contacts of both are one person's from now on."""
    services.join_subjects(session, kept_id=event.kept_id, joined_id=event.joined_id)


def merge_contacts(session: Session, event: CustomersMerged) -> None:
    """The ledger of the merged record is the surviving one's."""
    merging.merge_contacts(session, event)


def part_contacts(session: Session, event: CustomersParted) -> None:
    merging.part_contacts(session, event)
