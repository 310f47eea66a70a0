"""What reports do by the clock."""

from datetime import timedelta

from crm.core.jobs import Job
from crm.reports import services

JOBS = (Job("draw reports", timedelta(seconds=3), services.advance, everywhere=True),)
