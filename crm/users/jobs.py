"""What the door sweeps away by the clock."""

from datetime import timedelta

from crm.core.jobs import Job
from crm.users.services import sessions, sign_in

JOBS = (
    Job("forget ended sessions", timedelta(hours=1), sessions.forget_ended),
    Job("forget old sign-ins", timedelta(hours=1), sign_in.forget_old),
)
