"""Reads of customers; every list begins with `visible_to`."""

from crm.customers.queries.records import (
    get,
    get_by_public_id,
    get_locked,
    is_live,
    visible_to,
)

__all__ = ["get", "get_by_public_id", "get_locked", "is_live", "visible_to"]
