"""The only door through which a customer is contacted: asked before, written down after."""

from crm.outreach.services.answers import ask, ask_many, not_allowed
from crm.outreach.services.claims import claim, release_claim
from crm.outreach.services.joining import join_subjects
from crm.outreach.services.ledger import (
    Contact,
    Sending,
    log,
    refusal,
    release,
    reserve,
    withdraw,
)
from crm.outreach.services.policy import NewPolicy, current_policy, current_terms, revise
from crm.outreach.services.suppressions import Mark, clear, suppress

__all__ = [
    "Contact",
    "Mark",
    "NewPolicy",
    "Sending",
    "ask",
    "ask_many",
    "claim",
    "clear",
    "current_policy",
    "current_terms",
    "join_subjects",
    "log",
    "not_allowed",
    "refusal",
    "release",
    "release_claim",
    "reserve",
    "revise",
    "suppress",
    "withdraw",
]
