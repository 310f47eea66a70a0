"""The cron lines of follow-ups."""

from datetime import timedelta

from crm.core.jobs import Job
from crm.followups import services

JOBS = (
    Job("recheck held targets", timedelta(minutes=10), services.recheck_held),
    Job("plan contacts", timedelta(seconds=5), services.plan_contacts, everywhere=True),
    Job("remind of due follow-ups", timedelta(seconds=30), services.remind_due),
)
