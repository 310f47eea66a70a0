"""A chunk of an opportunities file: deals known by source and number, of customers who are known.

A row whose customer nobody knows, or whose name several bear, is handed back: a deal makes nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.core import bulk
from crm.customers.models import Customer, Opportunity
from crm.customers.queries import visible_to
from crm.customers.rules.cells import Refused, read_all
from crm.customers.rules.mappings import SKIP
from crm.customers.rules.opportunity_rows import OpportunityRow, OpportunityRows
from crm.customers.services.importing_customers import Taken
from crm.users.models import User

UNNAMED_SOURCE = "import"
_KEPT = (
    "title", "stage", "amount_fen", "product", "entered_on", "expected_on", "closed_on",
    "lost_reason",
)  # fmt: skip


@dataclass(slots=True)
class _Known:
    """Customers by what a row may say of them; several may bear one name."""

    by: dict[str, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(dict))
    owners: dict[int, int | None] = field(default_factory=dict)

    def find(self, row: OpportunityRow) -> int:
        """Raises Refused for nobody, and for more than one."""
        ways = (
            ("number", row.customer_number),
            ("phone", row.phone),
            ("email", row.email),
            ("name", row.customer),
        )
        for way, value in ways:
            found = self.by[way].get(value, set()) if value else set()
            if len(found) == 1:
                return next(iter(found))
            if found:
                raise Refused("import.customer_unclear", field="customer", value=value or "")
        named = next((value for _way, value in ways if value), "")
        raise Refused("import.customer_unknown", field="customer", value=named)


def take(
    session: Session,
    numbered: Iterable[tuple[int, list[str]]],
    reader: OpportunityRows,
    *,
    by: User,
    now: datetime,
    is_try: bool = False,
) -> Taken:
    """Write a chunk's deals, or only say what would become of them."""
    rows, refused = read_all(reader, numbered)
    taken = Taken(refused=refused)
    source = reader.source or UNNAMED_SOURCE
    drafts = [row for row, _ in rows]
    known = _load(session, drafts, reader.source, by)
    deals = _deals(session, source, [row.number for row in drafts])
    if is_try:
        for one in deals.values():
            session.expunge(one)
    for row, cells in rows:
        try:
            customer_id = known.find(row)
            deal = _of_customer(deals.get(row.number), customer_id)
        except Refused as reason:
            taken.refused.append((row.row, reason, cells))
            continue
        if deal is None:
            deals[row.number] = _made(row, customer_id, known, source, now)
            taken.created += 1
        elif reader.existing != SKIP and _write(deal, row, now):
            taken.updated += 1
        else:
            taken.unchanged += 1
    if not is_try:
        session.add_all(deals.values())
        session.flush()
    return taken


def _of_customer(deal: Opportunity | None, customer_id: int) -> Opportunity | None:
    if deal is not None and deal.customer_id != customer_id:
        raise Refused("opportunities.of_another", field="number", value=deal.number or "")
    return deal


def _made(
    row: OpportunityRow, customer_id: int, known: _Known, source: str, now: datetime
) -> Opportunity:
    deal = Opportunity(
        customer_id=customer_id,
        owner_id=known.owners[customer_id],
        source=source,
        number=row.number,
        created_at=now,
        updated_at=now,
    )
    _write(deal, row, now)
    return deal


def _write(deal: Opportunity, row: OpportunityRow, now: datetime) -> bool:
    changed = {
        name: getattr(row, name) for name in _KEPT if getattr(deal, name) != getattr(row, name)
    }
    for name, value in changed.items():
        setattr(deal, name, value)
    if changed:
        deal.updated_at = now
    return bool(changed)


def _deals(session: Session, source: str, numbers: Sequence[str]) -> dict[str, Opportunity]:
    known = select(Opportunity).where(
        Opportunity.source == source, bulk.among(session, Opportunity.number, numbers)
    )
    return {deal.number or "": deal for deal in session.scalars(known.with_for_update())}


def _load(session: Session, rows: Sequence[OpportunityRow], source: str, by: User) -> _Known:
    known = _Known()
    asked: tuple[tuple[str, InstrumentedAttribute[Any], set[str]], ...] = (
        ("number", Customer.external_id, {row.customer_number for row in rows}),
        ("phone", Customer.phone, {row.phone or "" for row in rows}),
        ("email", Customer.email, {row.email or "" for row in rows}),
        ("name", Customer.company, {row.customer for row in rows}),
        ("name", Customer.name, {row.customer for row in rows}),
    )
    for way, column, values in asked:
        values.discard("")
        if not values:
            continue
        found = select(column, Customer.id, Customer.owner_id).where(
            bulk.among(session, column, values), visible_to(by)
        )
        if way == "number" and source:
            found = found.where(Customer.source == source)
        for value, customer_id, owner_id in session.execute(found):
            known.by[way].setdefault(value, set()).add(customer_id)
            known.owners[customer_id] = owner_id
    return known
