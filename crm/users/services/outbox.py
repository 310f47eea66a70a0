"""Which of the mails kept on this machine somebody may read, newest first."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.notices import Notice
from crm.core.transports import Kept, kept
from crm.users import policies
from crm.users.models import User
from crm.users.policies import Reach

SIZE = 50
LOOK_AT = 500  # mails that one page looks through at most
OWN_LETTERS = "users/"  # templates about somebody's own account: nobody else reads those
_NOTICE = re.compile(r"<notice-(\d+)@")


@dataclass(frozen=True, slots=True)
class Page:
    mails: Sequence[Kept]
    next_before: int | None


def page(session: Session, folder: Path, *, viewer: User, before: int | None) -> Page:
    """At most SIZE mails older than `before`.

    An administrator reads all of them; a lead what the clock wrote to his team, never the link by
    which somebody else chooses a new password.
    """
    policies.require(viewer, "outbox.read")
    looked_at = list(islice(kept(folder, before=before), LOOK_AT + 1))
    older = looked_at[LOOK_AT:]
    looked_at = looked_at[:LOOK_AT]
    if policies.reach(viewer, "outbox.read") is not Reach.ALL:
        recipients = _recipients(session, looked_at, viewer)
        shown = [mail for mail in looked_at if recipients.get(_notice_id(mail)) == mail.to]
    else:
        shown = looked_at
    if len(shown) > SIZE:
        return Page(shown[:SIZE], shown[SIZE - 1].order)
    return Page(shown, looked_at[-1].order if older else None)


def _recipients(session: Session, mails: Sequence[Kept], viewer: User) -> Mapping[int, str]:
    """By the notice's id: where it went, as far as the viewer may know."""
    ids = {_notice_id(mail) for mail in mails}
    known = (
        select(Notice.id, User.email)
        .join(User, User.id == Notice.user_id)
        .where(
            Notice.id.in_(ids),
            Notice.user_id.in_(policies.member_ids(viewer)),
            ~Notice.template.startswith(OWN_LETTERS),
        )
    )
    return {row.id: row.email for row in session.execute(known)}


def _notice_id(mail: Kept) -> int:
    found = _NOTICE.match(mail.message_id)
    return int(found[1]) if found else 0
