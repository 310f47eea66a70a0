"""The company's own fields: defined, filled in, asked for by segments, and never in the way."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers import queries as customer_queries
from crm.customers.forms.segments import Words
from crm.customers.models import Customer, CustomField, FieldKind
from crm.customers.queries import custom_fields as queries
from crm.customers.queries import listing, segments
from crm.customers.queries.listing import Filters
from crm.customers.segment_fields.registry import registry_of
from crm.customers.services import custom_fields, customers
from crm.customers.services import segments as segment_services
from crm.customers.services.custom_fields import DefineField, ReviseField
from crm.customers.services.customers import CustomerFacts, EditCustomer
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.custom_fields import make_field
from tests.factories.customers import make_customer
from tests.factories.users import make_admin, make_lead, make_rep

SKIN = ("干性", "油性", "敏感")


def _members(session: Session, rule: dict[str, Any]) -> set[str]:
    found = select(Customer.name).where(segments.condition(session, rule, now=NOW))
    return set(session.scalars(found))


def _rule(field: CustomField, operator: str, value: object = None) -> dict[str, Any]:
    rule = {"field": field.name, "operator": operator}
    return rule if value is None else {**rule, "value": value}


def test_only_an_administrator_defines_fields(session: Session, now: datetime) -> None:
    wanted = DefineField("肤质", FieldKind.CHOICE, SKIN)
    with pytest.raises(NotAllowed):
        custom_fields.create(session, wanted, by=make_lead(session), now=now)

    made = custom_fields.create(session, wanted, by=make_admin(session), now=now)

    assert [choice["key"] for choice in made.choices] == ["c1", "c2", "c3"]
    assert queries.shown(session) == [made]
    assert session.scalars(select(AuditEntry.action)).all() == ["fields.created"]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (DefineField("肤质", FieldKind.TEXT), "customers.field_taken"),
        (DefineField(" 肤 质 ", FieldKind.TEXT), "customers.field_taken"),
        (DefineField("手机", FieldKind.PHONE), "customers.field_reserved"),
        (DefineField("Birthday", FieldKind.DATE), "customers.field_reserved"),
        (DefineField("车型", FieldKind.CHOICE), "customers.choice_missing"),
        (DefineField("车型", FieldKind.CHOICE, ["a", "A"]), ""),
        (DefineField("车型", FieldKind.CHOICE, ["a,b"]), "customers.choice_unclear"),
    ],
)
def test_a_field_that_could_not_be_told_apart_is_refused(
    session: Session, now: datetime, wanted: DefineField, code: str
) -> None:
    make_field(session)
    admin = make_admin(session)
    if not code:
        assert len(custom_fields.create(session, wanted, by=admin, now=now).choices) == 1
        return
    with pytest.raises(Invalid, match=code):
        custom_fields.create(session, wanted, by=admin, now=now)


def test_the_two_hundred_and_first_field_is_refused(session: Session, now: datetime) -> None:
    for number in range(queries.MOST):
        make_field(session, label=f"字段 {number}")
    wanted, admin = DefineField("多余", FieldKind.TEXT), make_admin(session)
    with pytest.raises(Conflict, match=r"customers\.too_many_fields"):
        custom_fields.create(session, wanted, by=admin, now=now)


def test_two_editors_of_a_field_do_not_overwrite_each_other(
    session: Session, now: datetime
) -> None:
    field, admin = make_field(session), make_admin(session)
    custom_fields.update(session, field, ReviseField(1, "皮肤"), by=admin, now=now)
    with pytest.raises(Conflict, match=r"core\.stale"):
        custom_fields.update(session, field, ReviseField(1, "肤色"), by=admin, now=now)
    assert field.label == "皮肤"


def test_a_field_changes_places_with_its_neighbour(session: Session, now: datetime) -> None:
    first, second, third = (make_field(session, label=label) for label in "甲乙丙")
    custom_fields.archive(session, second, by=make_admin(session), now=now)
    custom_fields.move(session, third, up=True, by=make_admin(session), now=now)
    custom_fields.move(session, third, up=True, by=make_admin(session), now=now)
    assert queries.shown(session) == [third, first]


def test_a_field_that_a_segment_asks_for_stays(session: Session, now: datetime) -> None:
    field, admin = make_field(session), make_admin(session)
    rule = {"all": [_rule(field, "contains", "干")]}
    segment_services.create(session, segment_services.Describe("干性皮肤", rule), by=admin, now=now)
    with pytest.raises(Conflict) as refusal:
        custom_fields.archive(session, field, by=admin, now=now)
    assert refusal.value.details["users"] == "干性皮肤"
    assert not field.is_archived


def test_an_archived_field_keeps_its_values_and_comes_back(session: Session, now: datetime) -> None:
    field, admin = make_field(session), make_admin(session)
    customer = make_customer(session, custom={field.key: "干性"})
    custom_fields.archive(session, field, by=admin, now=now)
    with pytest.raises(Invalid):
        segments.parse(session, _rule(field, "contains", "干"))
    with pytest.raises(Invalid, match=r"customers\.custom_unknown"):
        custom_fields.write(session, customer, {field.key: "油性"})

    custom_fields.restore(session, field, by=admin, now=now)

    assert _members(session, _rule(field, "contains", "干")) == {"李明"}
    assert queries.filled(session, field) == 1


def test_an_edit_changes_the_values_that_are_sent_and_keeps_the_others(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    skin = make_field(session, FieldKind.CHOICE, choices=SKIN)
    children = make_field(session, FieldKind.NUMBER, "孩子")
    wanted = CustomerFacts(name="王芳", custom={skin.key: "油性", children.key: "2"})
    made = customers.create(session, wanted, by=rep, now=now)
    session.expire_all()
    customer = customer_queries.get(session, made.id, visible_to=rep)
    assert customer.custom == {skin.key: "c2", children.key: "2"}

    edit = EditCustomer(version=1, name="王芳", custom={children.key: None})
    customers.edit(session, customer, edit, by=rep, now=now)
    session.expire_all()

    customer = customer_queries.get(session, made.id, visible_to=rep)
    assert customer.custom == {skin.key: "c2"}
    assert customer.version == 2


def test_a_required_field_is_asked_of_new_records_and_not_emptied_in_old_ones(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    old = make_customer(session, owner=rep)
    field = make_field(session, is_required=True)
    with pytest.raises(Invalid, match=r"customers\.custom_missing"):
        customers.create(session, CustomerFacts(name="王芳"), by=rep, now=now)
    customer = customer_queries.get(session, old.id, visible_to=rep)
    customers.edit(session, customer, EditCustomer(version=1, name="李明明"), by=rep, now=now)
    edit = EditCustomer(version=2, name="李明明", custom={field.key: " "})
    with pytest.raises(Invalid, match=r"customers\.custom_missing"):
        customers.edit(session, customer, edit, by=rep, now=now)


KINDS: list[tuple[FieldKind, object, object]] = [
    (FieldKind.TEXT, "Dry skin", "oily"),
    (FieldKind.NUMBER, "12.5", "-3"),
    (FieldKind.MONEY, 123_450, -5_000),
    (FieldKind.DATE, "2026-11-01", "2026-11-19"),
    (FieldKind.CHOICE, "c1", "c2"),
    (FieldKind.MULTI_CHOICE, ["c1", "c3"], ["c2"]),
    (FieldKind.YES_NO, True, False),
    (FieldKind.PHONE, "+8613800138000", "+8613900139000"),
    (FieldKind.EMAIL, "li@example.com", "wang@example.com"),
    (FieldKind.LINK, "https://a.example", "https://b.example"),
]

ASKED: list[tuple[FieldKind, str, object, set[str]]] = [
    (FieldKind.TEXT, "contains", "DRY", {"甲"}),
    (FieldKind.TEXT, "starts_with", "o", {"乙"}),
    (FieldKind.TEXT, "any_of", ["Dry skin", "' OR 1=1 --"], {"甲"}),
    (FieldKind.TEXT, "not_contains", "dry", {"乙", "丙"}),
    (FieldKind.NUMBER, "at_least", "12.5", {"甲"}),
    (FieldKind.NUMBER, "at_most", "12.4", {"乙"}),
    (FieldKind.NUMBER, "equals", "-3.0", {"乙"}),
    (FieldKind.NUMBER, "between", ["-3", "12.5"], {"甲", "乙"}),
    (FieldKind.MONEY, "at_least", "1234.50", {"甲"}),
    (FieldKind.MONEY, "at_most", "1234.49", {"乙"}),
    (FieldKind.DATE, "within_days", 18, {"甲", "乙"}),
    (FieldKind.DATE, "within_days", 17, {"乙"}),
    (FieldKind.DATE, "over_days_ago", 17, {"甲"}),
    (FieldKind.DATE, "since", "2026-11-02", {"乙"}),
    (FieldKind.DATE, "before", "2026-11-02", {"甲"}),
    (FieldKind.CHOICE, "any_of", ["c1", "敏感"], {"甲"}),
    (FieldKind.CHOICE, "none_of", ["c1"], {"乙", "丙"}),
    (FieldKind.MULTI_CHOICE, "any_of", ["c3", "c2"], {"甲", "乙"}),
    (FieldKind.MULTI_CHOICE, "all_of", ["c3", "c1"], {"甲"}),
    (FieldKind.MULTI_CHOICE, "none_of", ["c1"], {"乙", "丙"}),
    (FieldKind.YES_NO, "is", True, {"甲"}),
    (FieldKind.YES_NO, "is", False, {"乙"}),
    (FieldKind.PHONE, "any_of", ["138 0013 8000"], {"甲"}),
    (FieldKind.PHONE, "contains", "139", {"乙"}),
    (FieldKind.EMAIL, "contains", "@EXAMPLE", {"甲", "乙"}),
    (FieldKind.LINK, "starts_with", "https://a", {"甲"}),
    *((kind, "is_empty", None, {"丙"}) for kind in FieldKind),
    *((kind, "is_filled", None, {"甲", "乙"}) for kind in FieldKind),
]


@pytest.mark.parametrize(("kind", "operator", "value", "expected"), ASKED)
def test_a_segment_asks_for_a_field_and_its_opposite_is_everybody_else(
    session: Session, kind: FieldKind, operator: str, value: object, expected: set[str]
) -> None:
    _first, one, other = next(row for row in KINDS if row[0] is kind)
    make_field(session, label="不问")
    field = make_field(session, kind, "问", choices=SKIN)
    make_customer(session, name="甲", custom={field.key: one})
    make_customer(session, name="乙", custom={field.key: other})
    make_customer(session, name="丙")

    rule = _rule(field, operator, value)

    assert _members(session, rule) == expected
    assert _members(session, {"not": rule}) == {"甲", "乙", "丙"} - expected


def test_numbers_are_compared_exactly(session: Session) -> None:
    field = make_field(session, FieldKind.NUMBER)
    written = ["999999999.999998", "999999999.999999", "0.000001", "100000000000000"]
    for text in written:
        make_customer(session, name=text, custom={field.key: text})
    for text in written:
        found = _members(session, _rule(field, "equals", text))
        least = {one for one in written if Decimal(one) >= Decimal(text)}
        assert found == {text}
        assert _members(session, _rule(field, "at_least", text)) == least


@pytest.mark.parametrize(
    ("kind", "operator", "value"),
    [
        (FieldKind.NUMBER, "at_least", "many"),
        (FieldKind.NUMBER, "between", ["3", "2"]),
        (FieldKind.CHOICE, "any_of", ["混合"]),
        (FieldKind.MULTI_CHOICE, "any_of", ["混合"]),
        (FieldKind.PHONE, "any_of", ["12"]),
        (FieldKind.DATE, "since", "soon"),
        (FieldKind.TEXT, "contains", ""),
        (FieldKind.TEXT, "at_least", "3"),
    ],
)
def test_a_rule_that_a_field_cannot_answer_is_refused(
    session: Session, kind: FieldKind, operator: str, value: object
) -> None:
    field = make_field(session, kind, choices=SKIN)
    with pytest.raises(Invalid) as refusal:
        segments.parse(session, {"all": [_rule(field, operator, value)]})
    assert refusal.value.details["path"] == "rule.all[0]"


def test_a_rule_goes_on_naming_a_choice_that_is_not_offered_any_more(
    session: Session, now: datetime
) -> None:
    field = make_field(session, FieldKind.CHOICE, choices=SKIN)
    make_customer(session, custom={field.key: "c1"})
    wanted = ReviseField(1, "肤质", called={"c1": ""})
    custom_fields.update(session, field, wanted, by=make_admin(session), now=now)
    assert _members(session, _rule(field, "any_of", ["c1"])) == {"李明"}


def test_two_hundred_fields_cost_one_query_and_the_list_none(
    session: Session, engine: Engine
) -> None:
    fields = [make_field(session, label=f"字段 {number}") for number in range(queries.MOST)]
    rep = make_rep(session)
    for number in range(listing.PAGE):
        values = {field.key: f"{number}" for field in fields}
        make_customer(session, name=f"K{number}", owner=rep, custom=values)
    last = fields[-1]
    session.expunge_all()
    queries.forget(session)

    with count_queries(engine) as without:
        found = listing.page(session, Filters(), viewer=rep, now=NOW).items
    assert not any("customers.custom " in one for one in without)
    with count_queries(engine) as brought:
        queries.bring(session, found)
    with count_queries(engine) as by_the_last:
        assert len(_members(session, _rule(last, "any_of", ["3"]))) == 1

    assert len(brought) == 1
    assert found[0].custom[last.key]
    assert len(by_the_last) == 2  # the definitions, and the question


def test_age_and_birthday_are_counted_by_the_companys_day(session: Session) -> None:
    today = NOW.astimezone().date()
    for name, born in (("三十", today.replace(year=1996)), ("二十九", today.replace(year=1996))):
        late = name == "二十九"
        make_customer(session, name=name, birth_on=born + timedelta(days=1) if late else born)
    make_customer(session, name="不知")

    def ask(field: str, operator: str, value: object = None) -> set[str]:
        rule = {"field": field, "operator": operator}
        return _members(session, rule if value is None else {**rule, "value": value})

    assert ask("age", "at_least", 30) == {"三十"}
    assert ask("age", "at_most", 29) == {"二十九"}
    assert ask("age", "equals", 30) == {"三十"}
    assert ask("age", "between", [29, 30]) == {"三十", "二十九"}
    assert ask("age", "at_most", 1_000_000) == {"三十", "二十九"}
    assert ask("age", "at_least", 1_000_000) == set()
    assert ask("age", "is_empty") == {"不知"}
    assert ask("birthday", "before", f"1996-{today:%m}-{today.day + 1:02}") == {"三十"}
    assert ask("birthday", "is_filled") == {"三十", "二十九"}


SAID: list[tuple[FieldKind, str, object, str, str]] = [
    (FieldKind.NUMBER, "at_least", "12.5", "问 is at least 12.5", "问: 12.5"),
    (FieldKind.NUMBER, "between", ["-3", "12.5"], "问 is from -3 to 12.5", "问: 12.5"),
    (FieldKind.MONEY, "at_least", "1234.50", "问 is at least ¥1,234.50", "问: ¥1,234.50"),
    (FieldKind.DATE, "since", "2026-11-01", "问 is on 2026-11-01 or later", "问: 2026-11-01"),
    (FieldKind.CHOICE, "any_of", ["c1"], "问 is 干性", "问: 干性"),
    (FieldKind.MULTI_CHOICE, "any_of", ["c3"], "问 is 敏感", "问: 干性, 敏感"),
    (FieldKind.YES_NO, "is", True, "问: yes", "问: yes"),
    (FieldKind.PHONE, "contains", "138", "问 contains “138”", "问: 138****8000"),
    (FieldKind.EMAIL, "contains", "li@", "问 contains “li@”", "问: l***@example.com"),
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said[0].value}-{said[1]}")
def test_a_rule_is_read_aloud_and_shows_what_the_customer_has(
    app: Flask, session: Session, said: tuple[FieldKind, str, object, str, str]
) -> None:
    kind, operator, value, sentence, own = said
    field = make_field(session, kind, "问", choices=SKIN)
    one = next(row for row in KINDS if row[0] is kind)[1]
    customer = make_customer(session, custom={field.key: one})
    other = make_customer(session, name="空")
    session.commit()
    rule = _rule(field, operator, value)
    with app.test_request_context(headers={"Accept-Language": "en"}):
        words = Words(session, registry_of(session))
        found = segments.verdicts(session, rule, [customer.id, other.id], now=NOW)
        assert words.sentence(segments.parse(session, rule)) == sentence
        assert words.own(found[customer.id].answers[0]) == own
        assert words.own(found[other.id].answers[0]) == "问: none"
