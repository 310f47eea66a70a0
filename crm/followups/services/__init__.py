"""The acts of a rep's day: plan, log, move, take back; and what launches and the clock do."""

from crm.followups.services.following import follow_owners
from crm.followups.services.planning import (
    plan_contacts,
    recheck_held,
    spread_unplanned,
    start_planning,
)
from crm.followups.services.records import (
    Log,
    Plan,
    cancel,
    follow_owner,
    keep_one_contact,
    log,
    plan,
    reassign,
    reschedule,
    undo_log,
)
from crm.followups.services.reminding import remind_due

__all__ = [
    "Log",
    "Plan",
    "cancel",
    "follow_owner",
    "follow_owners",
    "keep_one_contact",
    "log",
    "plan",
    "plan_contacts",
    "reassign",
    "recheck_held",
    "remind_due",
    "reschedule",
    "spread_unplanned",
    "start_planning",
    "undo_log",
]
