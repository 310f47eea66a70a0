"""Reminds reps of due contacts: one mail per contact and due time, whoever asks how often."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.core import notices
from crm.core.notices import Draft
from crm.followups import queries
from crm.followups.models import FollowUp

PAGE = 200


def remind_due(session: Session, now: datetime) -> bool:
    """Queue a reminder for each due follow-up, a page at a time. True while more are due."""
    page = session.scalars(queries.unreminded(by=now).limit(PAGE)).all()
    for followup in page:
        draft = Draft(
            user_id=followup.owner_id,
            template="followups/mail/reminder.txt",
            context={
                "followup_id": followup.id,
                "customer_id": followup.customer_id,
                "customer": followup.customer.title,
                "purpose": followup.purpose,
                "activity": followup.activity.title if followup.activity else "",
                "due_at": followup.due_at.isoformat(),
            },
        )
        notices.put(
            session,
            f"followup-reminder:{followup.id}:{followup.due_at:%Y%m%dT%H%M}",
            draft,
            now=now,
        )
    if page:
        # Not an edit: the version that people compare must not move.
        session.execute(
            update(FollowUp)
            .where(FollowUp.id.in_([followup.id for followup in page]))
            .values(reminded_for=FollowUp.due_at)
            .execution_options(synchronize_session=False)
        )
    return len(page) == PAGE
