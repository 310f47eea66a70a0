"""Files know records by numbers and addresses that a merge has brought to another record."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.models import Customer
from crm.customers.rules import normalise


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged record: by what it is known, and which record survived it."""

    survivor_id: int
    source: str
    external_id: str | None
    addresses: Sequence[str]


def matching(
    session: Session, phones: Collection[str], emails: Collection[str], numbers: Collection[str]
) -> list[Merged]:
    """Merged records that these may mean; one statement over the few that there are."""
    may_be = (
        bulk.among(session, Customer.phone, phones),
        bulk.among(session, Customer.external_id, numbers),
        Customer.email.is_not(None),
    )
    columns = (
        Customer.merged_into_id,
        Customer.source,
        Customer.external_id,
        Customer.phone,
        Customer.email,
    )
    rows = session.execute(
        select(*columns).where(Customer.merged_into_id.is_not(None), or_(*may_be))
    )
    found = []
    for survivor_id, source, external_id, phone, email in rows:
        key = normalise.email_key(email) if email else None
        addresses = [one for one in (phone, key) if one]
        is_meant = external_id in numbers or phone in phones or key in emails
        if survivor_id is not None and is_meant:
            found.append(Merged(survivor_id, source, external_id, addresses))
    return found
