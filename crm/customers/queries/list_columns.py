"""Which columns there are for a list of customers now: the record's own and the company's."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from crm.customers.rules.columns import OWN, Column


def offered(session: Session) -> Sequence[Column]:
    """Every column that a list can show or a file can hold, without the panels'."""
    del session
    return OWN
