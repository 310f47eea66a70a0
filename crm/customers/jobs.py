"""The cron lines of customers."""

from datetime import timedelta

from crm.core.jobs import Job
from crm.customers.services import importing, segments

JOBS = (
    Job("read imports in", timedelta(seconds=2), importing.advance, everywhere=True),
    Job("count segments again", timedelta(hours=1), segments.count_stale),
)
