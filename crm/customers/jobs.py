"""The cron lines of customers."""

from datetime import timedelta

from crm.core.jobs import Job
from crm.customers.services import (
    bulk_undoing,
    duplicates,
    exporting,
    importing,
    importing_files,
    lifecycle,
    merging,
    pool,
    saved_views,
    scores,
    segment_tracking,
    segments,
)

JOBS = (
    Job("read imports in", timedelta(seconds=2), importing.advance, everywhere=True),
    Job("forget files of imports", timedelta(hours=24), importing_files.forget_old),
    Job("write exports", timedelta(seconds=2), exporting.advance, everywhere=True),
    Job("delete old exports", timedelta(hours=1), exporting.forget_expired),
    Job("forget acts on many", timedelta(hours=1), bulk_undoing.forget_old),
    Job("forget deleted views", timedelta(hours=24), saved_views.forget_deleted),
    Job("look for duplicates", timedelta(seconds=5), duplicates.advance),
    Job("bring late rows of merged records along", timedelta(minutes=1), merging.sweep),
    Job("move customers between stages", timedelta(minutes=1), lifecycle.advance),
    Job("return silent customers to the pool", timedelta(minutes=10), pool.return_silent),
    Job("note who came and left", timedelta(hours=1), segment_tracking.advance),
    Job("score customers", timedelta(hours=1), scores.advance),
    Job("count segments again", timedelta(hours=1), segments.count_stale),
)
