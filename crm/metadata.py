"""Every table of the house, for migrations and tests."""

from crm.activities import models as activities
from crm.core import audit, idempotency, jobs, notices
from crm.core.db import Model
from crm.customers import models as customers
from crm.followups import models as followups
from crm.outreach import models as outreach
from crm.reports import models as reports
from crm.users import models as users

MODULES = (
    activities,
    audit,
    customers,
    followups,
    idempotency,
    jobs,
    notices,
    outreach,
    reports,
    users,
)
metadata = Model.metadata
