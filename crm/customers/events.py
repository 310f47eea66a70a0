"""What happens to customers that the modules above may have to answer."""

from dataclasses import dataclass
from datetime import datetime

from crm.core.events import Event


@dataclass(frozen=True, slots=True)
class SubjectsJoined(Event):
    """Two contact subjects turned out to be one person: all that counts contacts must follow."""

    kept_id: int
    joined_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerAssigned(Event):
    """A customer has another owner (None: it is back in the pool)."""

    customer_id: int
    before_id: int | None
    after_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomersAssigned(Event):
    """Many customers have another owner: the rows of `owner_changes` of this batch."""

    batch: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomersMerged(Event):
    """One record gives all it has to another. Said before their subjects are joined.

    Modules move their rows with `services.moving` under `merge_id`, so that they can go back.
    """

    merge_id: int
    kept_id: int
    merged_id: int
    subject_ids: tuple[int, ...]  # of both, before the join
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomersParted(Event):
    """A merge is taken back. Said when both records stand again.

    `split_subject_id` is the subject that came back out of `kept_subject_id`, if one did.
    """

    merge_id: int
    kept_id: int
    merged_id: int
    merged_at: datetime
    kept_subject_id: int
    split_subject_id: int | None
    at: datetime
