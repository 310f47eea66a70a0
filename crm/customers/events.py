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
