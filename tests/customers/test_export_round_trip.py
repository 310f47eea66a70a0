"""What is exported comes back by import as it was, formulas and odd characters too."""

import json
import string
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from crm.customers.models import (
    Customer,
    CustomerKind,
    CustomField,
    ExportFormat,
    ExportState,
    FieldKind,
    ImportKind,
    ImportRejection,
    ImportState,
    PurchasingPower,
    Sex,
    Stage,
)
from crm.customers.queries import custom_fields
from crm.customers.queries.listing import Filters
from crm.customers.rules.columns import OWN
from crm.customers.services import exporting, importing
from crm.customers.services.customers import CustomerFacts
from crm.customers.services.customers import create as create_customer
from crm.customers.services.exporting import NewExport
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_tag
from tests.factories.users import make_admin

#: No character at all: a workbook, being XML, cannot hold these two.
NONE_AT_ALL = "\ufffe\uffff"
#: What a form takes: everything but control characters and halves of surrogate pairs.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=NONE_AT_ALL), max_size=40
)
FORMULAS = st.sampled_from(
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u3000=1", "＝1", "'=1", "''=1", "'", '"=1"', "=a|!A0"]
)  # fmt: skip
WORDS = st.one_of(TEXT, FORMULAS, st.builds(str.__add__, FORMULAS, TEXT))
LINES = st.lists(WORDS, max_size=3).map("\n".join)
TAG = st.text(string.ascii_letters + "金卡高复购", min_size=1, max_size=8)
FACTS = st.fixed_dictionaries(
    {
        "name": WORDS,
        "company": WORDS,
        "kind": st.sampled_from(CustomerKind),
        "region": WORDS,
        "source": WORDS,
        "note": LINES,
        "has_phone": st.booleans(),
        "has_email": st.booleans(),
        "stage": st.sampled_from(Stage),
        "tags": st.sets(TAG, max_size=3),
        "sex": st.none() | st.sampled_from(Sex),
        "purchasing_power": st.none() | st.sampled_from(PurchasingPower),
        "birth_on": st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1)),
        "channel": WORDS,
        "interests": WORDS,
        "member_level": WORDS,
        "points": st.none() | st.integers(0, 10**12),
        "own_text": LINES,
        "own_money": st.none() | st.integers(-(10**12), 10**12),
    }
)
LIMITS = {"channel": 80, "member_level": 60, "region": 80, "source": 80}
COLUMNS = tuple(column.name for column in OWN if column.field)


def made(session: Session, number: int, facts: dict[str, Any], by: User) -> Customer:
    own = custom_fields.shown(session)
    custom = {own[0].name: facts["own_text"], own[1].name: facts["own_money"]}
    wanted = {name: facts[name] for name in CustomerFacts.__dataclass_fields__ if name in facts}
    wanted |= {name: wanted[name][:limit].strip() for name, limit in LIMITS.items()}
    wanted |= {
        "external_id": f"K{number:04}",
        "phone": f"1380013{8000 + number}" if facts["has_phone"] else None,
        "email": f"k{number}@example.com" if facts["has_email"] else None,
        "custom": {name.removeprefix("custom."): value for name, value in custom.items()},
    }
    customer = create_customer(session, CustomerFacts(**wanted), by=by, now=NOW)
    customer.stage = facts["stage"]
    for tag in facts["tags"]:
        make_tag(session, tag, customer=customer)
    return customer


def state(session: Session) -> dict[str, dict[str, Any]]:
    """Every customer by number, with all that a file can say of one."""
    session.flush()
    session.expunge_all()
    everybody = select(Customer).options(
        custom_fields.loaded(), selectinload(Customer.tags), joinedload(Customer.owner)
    )
    found = {}
    for customer in session.scalars(everybody):
        told = {name: getattr(customer, name) for name in CustomerFacts.__dataclass_fields__}
        told |= {
            "stage": customer.stage,
            "owner": customer.owner.name if customer.owner else "",
            "tags": sorted(tag.name for tag in customer.tags),
            "custom": dict(customer.custom),
        }
        found[customer.external_id or ""] = {
            name: value.strip() if isinstance(value, str) else value for name, value in told.items()
        }
    return found


def exported(session: Session, by: User, kind: ExportFormat, locale: str) -> Path:
    columns = [*COLUMNS, *(field.name for field in custom_fields.shown(session))]
    wanted = NewExport(Filters(), kind, columns)
    export = exporting.request(session, wanted, by=by, locale=locale, now=NOW)
    while export.state in {ExportState.RUNNING, ExportState.PACKING}:
        step = exporting.advance(session, NOW)
        if not isinstance(step, bool):
            step()(session, NOW)
        session.refresh(export)
    return exporting.file_for(session, export, viewer=by)


def read_in(session: Session, path: Path, by: User) -> list[tuple[str, str]]:
    """What was not taken of the file, and why."""
    wanted = NewImport(ImportKind.CUSTOMERS, path, path.name)
    item = importing.start(session, wanted, by=by, now=NOW)
    while importing.advance_one(session, item, NOW):
        pass
    assert item.state is ImportState.DONE, item.error_code
    session.flush()
    return [(one.code, one.value) for one in session.scalars(select(ImportRejection))]


@pytest.fixture
def admin(session: Session) -> User:
    admin = make_admin(session)
    for position, (label, kind) in enumerate(
        [("材质偏好", FieldKind.TEXT), ("预算", FieldKind.MONEY)]
    ):
        own = CustomField(label=label, kind=kind, position=position, choices=[])
        own.created_at = own.updated_at = NOW
        session.add(own)
    session.flush()
    return admin


def round_trip(
    session: Session, admin: User, many: list[dict[str, Any]], kind: ExportFormat, locale: str
) -> tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]:
    session.commit()
    admin = session.get_one(User, admin.id)
    with session.begin_nested() as first:
        for number, facts in enumerate(many):
            made(session, number, facts, admin)
        before = state(session)
        path = exported(session, admin, kind, locale)
        first.rollback()
    with session.begin_nested() as second:
        refused = read_in(session, path, admin)
        after = state(session)
        second.rollback()
    session.expunge_all()
    return before, after, refused


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(FACTS, min_size=1, max_size=5),
    st.sampled_from(ExportFormat),
    st.sampled_from(["en", "zh_Hans_CN"]),
)
def test_an_export_read_in_again_gives_equal_records(
    session: Session, admin: User, many: list[dict[str, Any]], kind: ExportFormat, locale: str
) -> None:
    """T-68."""
    before, after, refused = round_trip(session, admin, many, kind, locale)
    assert refused == []
    assert after == before


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_naughty_strings_come_back_as_they_were(
    session: Session, admin: User, data_dir: Path, kind: ExportFormat
) -> None:
    strings = data_dir / "import_fixtures" / "strings" / "blns.json"
    if not strings.is_file():
        pytest.skip("the naughty strings are not there")
    texts = [
        text[:80]
        for text in json.loads(strings.read_text(encoding="utf-8"))
        if text.strip() and not any(char < " " or char in NONE_AT_ALL + "\x7f" for char in text)
    ]
    written = ("name", "company", "note", "own_text")
    blank = ("region", "source", "channel", "interests", "member_level")
    none = ("sex", "purchasing_power", "birth_on", "points", "own_money")
    many = [
        dict.fromkeys(written, text)
        | dict.fromkeys(blank, "")
        | dict.fromkeys(none)
        | {"kind": CustomerKind.PERSON, "stage": Stage.NEW, "tags": set()}
        | {"has_phone": False, "has_email": False}
        for text in texts
    ]
    before, after, refused = round_trip(session, admin, many, kind, "zh_Hans_CN")
    assert refused == []
    assert after == before
