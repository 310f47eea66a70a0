"""What the ledger does when something happens below."""

from sqlalchemy.orm import Session

from crm.customers.events import SubjectsJoined
from crm.outreach import services


def follow_subject(session: Session, event: SubjectsJoined) -> None:
    """The marks and contacts of both are one person's from now on."""
    services.join_subjects(session, kept_id=event.kept_id, joined_id=event.joined_id)
