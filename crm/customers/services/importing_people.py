"""Whom a row means: found among the known customers, or made with a subject and contact points."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers import queries
from crm.customers.models import (
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerKind,
    ImportedCustomer,
    PointKind,
    Stage,
)
from crm.customers.rules import normalise
from crm.customers.rules.cells import Refused
from crm.customers.rules.customer_rows import CustomerRow, search_spelling
from crm.customers.services import contacts, importing_merged, importing_more, stages
from crm.customers.services.importing_merged import Merged
from crm.users.models import User

#: An E.164 phone or the matching key of an e-mail: the text itself tells which.
Address = str

_COLUMNS = (
    Customer.id,
    Customer.subject_id,
    Customer.external_id,
    Customer.source,
    Customer.name,
    Customer.company,
    Customer.kind,
    Customer.phone,
    Customer.email,
    Customer.region,
    Customer.note,
    Customer.stage,
    Customer.owner_id,
    Customer.version,
)


_ROW = (
    "id", "public_id", "kind", "external_id", "name", "name_pinyin", "name_initials", "company",
    "phone", "email", "region", "source", "note", "stage", "stage_since", "owner_id", "subject_id",
    "is_internal", "last_contact_at", "next_followup_at", "created_at", "updated_at", "version",
)  # fmt: skip
_PUBLIC_BYTES = 16
_POINT = ("subject_id", "kind", "address")


@dataclass(slots=True, eq=False)
class Person:
    """A customer while a chunk is worked on: a known one, or one about to be made (id 0)."""

    id: int
    subject_id: int
    external_id: str | None
    source: str
    name: str
    company: str
    kind: CustomerKind
    phone: str | None
    email: str | None
    region: str
    note: str
    stage: Stage
    owner_id: int | None
    version: int
    is_visible: bool = True
    met_in_row: int = 0
    tags: tuple[str, ...] = ()

    addresses: tuple[Address, ...] = ()

    # What `importing_more` loads and writes, only when a file says something of it.
    birth_on: Any = None
    sex: Any = None
    channel: Any = None
    interests: Any = None
    purchasing_power: Any = None
    member_level: Any = None
    points: Any = None
    custom: Any = None

    def __post_init__(self) -> None:
        self.addresses = (self.phone,) if self.phone else ()
        if self.email:
            self.addresses += (normalise.email_key(self.email),)


@dataclass(slots=True)
class People:
    """The known customers that a chunk may mean, and those it has made so far."""

    by_id: dict[int, Person] = field(default_factory=dict)
    by_external_id: dict[tuple[str, str], Person] = field(default_factory=dict)
    by_address: dict[Address, list[Person]] = field(default_factory=dict)
    made: list[Person] = field(default_factory=list)
    has_more: bool = False  # the rows say something of the profile or of own fields

    def add(self, person: Person) -> None:
        if person.id:
            if person.id in self.by_id:
                return
            self.by_id[person.id] = person
        if person.external_id:
            self.by_external_id[person.source, person.external_id] = person
        for address in person.addresses:
            self.by_address.setdefault(address, []).append(person)

    def change(self, person: Person, changes: dict[str, Any]) -> None:
        """Let later rows of the chunk find a known customer by what this one adds."""
        before = person.addresses
        for name, value in changes.items():
            setattr(person, name, value)
        person.__post_init__()
        if person.external_id:
            self.by_external_id[person.source, person.external_id] = person
        for address in set(person.addresses).difference(before):
            self.by_address.setdefault(address, []).append(person)

    def find(self, row: CustomerRow) -> Person | None:
        """Whom the row means: by its number in its source, else by phone, else by e-mail."""
        if row.external_id:
            known = self.by_external_id.get((row.source, row.external_id))
            if known is not None:
                return known
        by_phone = self._at(row.phone, row) if row.phone else []
        by_email = self._at(row.email_key, row) if row.email_key else []
        both = [person for person in by_phone if person in by_email]
        likely = both or by_phone or by_email
        if len(likely) > 1:
            likely = [person for person in likely if person.name == row.name] or likely
        if len(likely) > 1 or (by_phone and by_email and not both):
            raise Refused("import.match_conflict", value=row.phone or row.email or "")
        return likely[0] if likely else None

    def make(self, row: CustomerRow, *, owner_id: int | None = None) -> Person:
        person = Person(
            id=0,
            subject_id=0,
            external_id=row.external_id,
            source=row.source,
            name=row.name,
            company=row.company,
            kind=row.kind or (CustomerKind.PERSON if row.name else _kind_without_name(row)),
            phone=row.phone,
            email=row.email,
            region=row.region,
            note=row.note,
            stage=row.stage or Stage.PROSPECT,
            owner_id=owner_id,
            version=1,
            met_in_row=row.row,
            tags=row.tags,
        )
        if row.more:
            importing_more.give(person, row.more)
        self.made.append(person)
        self.add(person)
        return person

    def follow(self, gone: Iterable[Merged]) -> None:
        """By what a merged record was known, its survivor is."""
        for one in gone:
            person = self.by_id[one.survivor_id]
            if one.external_id:
                self.by_external_id.setdefault((one.source, one.external_id), person)
            for address in one.addresses:
                there = self.by_address.setdefault(address, [])
                if person not in there:
                    there.append(person)

    def _at(self, address: Address, row: CustomerRow) -> list[Person]:
        """Customers with this address; one with another number in the same source is another."""
        found = self.by_address.get(address, [])
        if not row.external_id:
            return found
        return [one for one in found if not one.external_id or one.source != row.source]


def load(
    session: Session, rows: Iterable[CustomerRow], *, import_id: int, by: User, lock: bool = False
) -> People:
    """The known customers that these rows may mean; `lock` keeps them still until the commit."""
    people = People()
    rows = list(rows)
    phones = {row.phone for row in rows if row.phone}
    emails = {row.email_key for row in rows if row.email_key}
    numbers: dict[str, set[str]] = {}
    for row in rows:
        if row.external_id:
            numbers.setdefault(row.source, set()).add(row.external_id)

    known = select(*_COLUMNS, queries.visible_to(by).label("is_visible")).where(queries.is_live())
    wanted: list[Select[*tuple[Any, ...]]] = [
        known.where(Customer.source == source, bulk.among(session, Customer.external_id, some))
        for source, some in numbers.items()
    ]
    if phones:
        wanted.append(known.where(bulk.among(session, Customer.phone, phones)))
    if emails:
        at = select(ContactPoint.subject_id).where(
            ContactPoint.kind == PointKind.EMAIL,
            bulk.among(session, ContactPoint.address, emails),
        )
        wanted.append(known.where(Customer.subject_id.in_(at), Customer.email.is_not(None)))
    for statement in wanted:
        for found in session.execute(_held(statement, lock=lock)):
            people.add(Person(*found))
    gone = importing_merged.matching(session, phones, emails, set().union(*numbers.values()))
    survivors = bulk.among(session, Customer.id, {one.survivor_id for one in gone})
    for found in session.execute(_held(known.where(survivors), lock=lock)) if gone else ():
        people.add(Person(*found))
    people.follow(gone)
    people.has_more = importing_more.load(session, people.by_id, rows)
    _recall(session, people, import_id)
    return people


def save_made(session: Session, people: People, *, by: User, now: datetime) -> None:
    """Insert the customers made in this chunk, each with its subject and contact points."""
    made = people.made
    if not made:
        return
    for person, new_id in zip(made, bulk.new_ids(session, Customer, len(made)), strict=True):
        person.id = new_id
    shared = _give_subjects(session, made, now=now)
    secret = os.urandom(_PUBLIC_BYTES * len(made)).hex()
    public_ids = (
        secret[at : at + 2 * _PUBLIC_BYTES] for at in range(0, len(secret), 2 * _PUBLIC_BYTES)
    )
    rows = [_as_row(*one, now) for one in zip(made, public_ids, strict=True)]
    if people.has_more:
        rows = [row + importing_more.values(one) for row, one in zip(rows, made, strict=True)]
        bulk.insert_rows(session, Customer, (*_ROW, *importing_more.COLUMNS), rows)
    else:
        bulk.insert_rows(session, Customer, _ROW, rows)
    _join_subjects(session, shared, now=now)
    stages.begin_many(session, [person.id for person in made], by=by, now=now)


def save_addresses(session: Session, people: Sequence[Person], *, now: datetime) -> None:
    """Known customers' new addresses join their subject, unless they belong to one already."""
    known = points_at(session, (address for person in people for address in person.addresses))
    added = []
    for person in people:
        for address in person.addresses:
            if address not in known:
                known[address] = person.subject_id
                added.append((person.subject_id, kind_of(address), address))
    bulk.insert_rows(session, ContactPoint, _POINT, added)
    _join_subjects(session, people, now=now)


def points_at(session: Session, addresses: Iterable[Address]) -> dict[Address, int]:
    """Which subject each known address belongs to."""
    by_kind: dict[PointKind, set[str]] = {}
    for address in addresses:
        by_kind.setdefault(kind_of(address), set()).add(address)
    found: dict[Address, int] = {}
    for kind, texts in by_kind.items():
        statement = select(ContactPoint.address, ContactPoint.subject_id).where(
            ContactPoint.kind == kind, bulk.among(session, ContactPoint.address, texts)
        )
        found.update((row.address, row.subject_id) for row in session.execute(statement))
    return found


def kind_of(address: Address) -> PointKind:
    return PointKind.EMAIL if "@" in address else PointKind.PHONE


def remember(
    session: Session, rows: Mapping[int, int], *, import_id: int, made: Sequence[Person]
) -> None:
    """Write down that this import met these customers, each with the row where it did."""
    found = select(ImportedCustomer.customer_id).where(
        ImportedCustomer.import_id == import_id,
        bulk.among(session, ImportedCustomer.customer_id, rows),
    )
    known = set(session.scalars(found))
    new = {person.id for person in made}
    met = [(import_id, one, row, one in new) for one, row in rows.items() if one not in known]
    columns = ("import_id", "customer_id", "line", "is_new")
    bulk.insert_rows(session, ImportedCustomer, columns, met)


def _held(statement: Select[*tuple[Any, ...]], *, lock: bool) -> Select[*tuple[Any, ...]]:
    """In the order of their ids; at the least nobody merges them away before the commit."""
    ordered = statement.order_by(Customer.id)
    if lock:
        return ordered.with_for_update(of=Customer)
    return ordered.with_for_update(of=Customer, read=True, key_share=True)


def _recall(session: Session, people: People, import_id: int) -> None:
    """In which earlier row this import met the known ones."""
    met = select(ImportedCustomer.customer_id, ImportedCustomer.line).where(
        ImportedCustomer.import_id == import_id,
        bulk.among(session, ImportedCustomer.customer_id, people.by_id),
    )
    if people.by_id:
        for customer_id, line in session.execute(met):
            people.by_id[customer_id].met_in_row = line


def _give_subjects(session: Session, made: Sequence[Person], *, now: datetime) -> list[Person]:
    """Give each the subject its addresses lead to. Those whose addresses lead to several."""
    points = points_at(session, (address for person in made for address in person.addresses))
    fresh = iter(bulk.new_ids(session, ContactSubject, len(made)))
    subjects, added, shared = [], [], []
    for person in made:
        addresses = person.addresses
        known = {points[address] for address in addresses if address in points}
        if not known:
            known.add(next(fresh))
            subjects.append((*known, now))
        elif len(known) > 1:
            shared.append(person)
        person.subject_id = min(known)
        for address in addresses:
            if address not in points:
                points[address] = person.subject_id
                added.append((person.subject_id, kind_of(address), address))
    bulk.insert_rows(session, ContactSubject, ("id", "created_at"), subjects)
    bulk.insert_rows(session, ContactPoint, _POINT, added)
    return shared


def _join_subjects(session: Session, people: Iterable[Person], *, now: datetime) -> None:
    """One record with the addresses of two subjects: they are one person, and share the caps."""
    for person in people:
        points = points_at(session, person.addresses)
        found = {*points.values(), person.subject_id}
        if len(found) > 1:
            contacts.join(session, found, now=now)


def _kind_without_name(row: CustomerRow) -> CustomerKind:
    return CustomerKind.COMPANY if row.company else CustomerKind.PERSON


def _as_row(person: Person, public_id: str, now: datetime) -> tuple[Any, ...]:
    full, initials = search_spelling(person.name, person.company)
    return (
        person.id,
        public_id,
        person.kind,
        person.external_id,
        person.name,
        full,
        initials,
        person.company,
        person.phone,
        person.email,
        person.region,
        person.source,
        person.note,
        person.stage,
        now,
        person.owner_id,
        person.subject_id,
        False,
        None,
        None,
        now,
        now,
        1,
    )
