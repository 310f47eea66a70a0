"""Likely duplicates: what is suggested, how sure it is, and that crowds stay bounded."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, NotAllowed, NotFound
from crm.customers.models import (
    Customer,
    CustomerKind,
    DuplicatePair,
    DuplicateSearch,
    ImportKind,
    ImportState,
    KeyKind,
    PairState,
)
from crm.customers.queries import duplicates as queries
from crm.customers.rules import duplicates as rules
from crm.customers.rules.duplicates import Confidence, Known, Reason, Side
from crm.customers.services import customers, duplicates, importing, persons
from crm.customers.services.customers import CustomerFacts, EditCustomer
from crm.customers.services.importing import NewImport
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer
from tests.factories.imports import make_import
from tests.factories.users import make_admin, make_lead, make_rep, make_team

A_PERSON = Side(CustomerKind.PERSON, "", None)


def look_at_all(session: Session) -> Sequence[DuplicatePair]:
    while duplicates.advance(session, NOW):
        pass
    session.expire_all()
    return session.scalars(select(DuplicatePair).order_by(DuplicatePair.id)).all()


@pytest.mark.parametrize(
    ("given", "sure"),
    [
        ({Reason.PHONE, Reason.NAME}, Confidence.CERTAIN),
        ({Reason.PHONE, Reason.EMAIL}, Confidence.CERTAIN),
        ({Reason.EMAIL, Reason.NAME}, Confidence.CERTAIN),
        ({Reason.PHONE}, Confidence.LIKELY),
        ({Reason.EMAIL}, Confidence.LIKELY),
        ({Reason.PHONE_TAIL, Reason.NAME}, Confidence.LIKELY),
        ({Reason.NAME_COMPANY}, Confidence.LIKELY),
        ({Reason.PHONE_TAIL}, Confidence.POSSIBLE),
        ({Reason.SOUND_COMPANY}, Confidence.POSSIBLE),
        ({Reason.NAME_PLACE, Reason.NAME}, Confidence.POSSIBLE),
        ({Reason.NAME}, Confidence.POSSIBLE),
        (set(), None),
    ],
)
def test_what_two_records_share_says_how_sure_it_is(
    given: set[Reason], sure: Confidence | None
) -> None:
    assert rules.confidence(given, A_PERSON, A_PERSON) is sure


def test_another_number_of_the_same_source_lowers_the_confidence() -> None:
    first, second = Side(CustomerKind.PERSON, "shop", "1"), Side(CustomerKind.PERSON, "shop", "2")
    assert rules.confidence({Reason.PHONE, Reason.NAME}, first, second) is Confidence.LIKELY
    assert rules.confidence({Reason.NAME}, first, second) is None


def test_a_shop_and_its_owner_are_two_customers_who_share_a_phone() -> None:
    shop = Side(CustomerKind.COMPANY, "", None)
    assert rules.confidence({Reason.PHONE}, A_PERSON, shop) is Confidence.POSSIBLE


def test_several_addresses_in_one_field_are_several_keys() -> None:
    found = rules.email_keys(" Li.Na@Shop.cn; <wang@shop.cn>，x")
    assert found == ["li.na@shop.cn", "wang@shop.cn"]


def test_a_company_is_known_without_its_legal_form() -> None:
    assert rules.fold_company("杭州远山 民宿有限公司") == rules.fold_company("杭州远山民宿")
    assert rules.fold_company("Blue Bay Co., Ltd.") == rules.fold_company("BLUE BAY")


def test_a_phone_under_a_wrong_country_is_alike_and_not_the_same() -> None:
    def phone_key(phone: str) -> rules.Key:
        keys = rules.keys(Known("李明", "", "", (phone,)))
        return next(key for key in keys if key.kind is KeyKind.PHONE)

    home, abroad = phone_key("+8613800138000"), phone_key("+4913800138000")
    assert home.value == abroad.value
    assert home.exact != abroad.exact


def test_records_with_one_phone_and_one_name_are_a_certain_pair(session: Session) -> None:
    first = make_customer(session, name="李明", phone="13800138000")
    second = make_customer(session, name="李 明", phone="13800138000")

    [pair] = look_at_all(session)

    assert (pair.a_id, pair.b_id) == (first.id, second.id)
    assert pair.strength == Confidence.CERTAIN
    assert pair.reasons == ["phone", "name"]


def test_one_name_and_two_phones_are_a_hint_and_no_more(session: Session) -> None:
    make_customer(session, name="张伟", phone="13800138000")
    make_customer(session, name="张伟", phone="13900139000")

    [pair] = look_at_all(session)

    assert pair.strength == Confidence.POSSIBLE


def test_names_that_sound_alike_in_one_company_are_a_hint(session: Session) -> None:
    make_customer(session, name="王芳", company="远山民宿有限公司")
    make_customer(session, name="王方", company="远山民宿")

    [pair] = look_at_all(session)

    assert pair.reasons == ["sound_company"]


def test_a_phone_that_a_crowd_shares_makes_no_pairs_and_is_told(session: Session) -> None:
    admin = make_admin(session)
    for number in range(rules.MOST[KeyKind.PHONE] + 1):
        make_customer(session, name=f"客人{number}号", phone="13800138000")

    assert look_at_all(session) == []
    [crowd] = queries.crowds(session, viewer=admin)
    assert (crowd.crowd.value, crowd.count) == ("13800138000", 21)


def test_a_search_needs_the_same_statements_for_few_and_for_many(
    session: Session, engine: Engine
) -> None:
    def cost(names: str, phone: str) -> int:
        made = [make_customer(session, name=f"李{letter}", phone=phone) for letter in names]
        with count_queries(engine) as seen:
            duplicates.look(session, [one.id for one in made], now=NOW)
        return len(seen)

    assert cost("甲乙", "13800138000") == cost("丙丁戊己庚辛", "13900139000")


def test_looking_twice_suggests_nothing_twice(session: Session) -> None:
    first = make_customer(session, name="李明", phone="13800138000")
    second = make_customer(session, name="李明", phone="13800138000")
    for _ in range(2):
        duplicates.look(session, [first.id, second.id], now=NOW)
    assert session.scalar(select(func.count()).select_from(DuplicatePair)) == 1


def test_who_gets_another_phone_is_suggested_no_longer(session: Session) -> None:
    lead = make_lead(session)
    facts = CustomerFacts(name="李明", phone="13800138000")
    customers.create(session, facts, by=lead, now=NOW)
    second = customers.create(
        session, CustomerFacts(name="李小明", phone="13800138000"), by=lead, now=NOW
    )
    assert len(queries.of_customer(session, second.id, viewer=lead)) == 1

    wanted = EditCustomer(name="李小明", phone="13900139000", version=second.version)
    customers.edit(session, second, wanted, by=lead, now=NOW)

    assert queries.of_customer(session, second.id, viewer=lead) == []


def test_whom_an_import_met_is_looked_at_when_it_is_over(session: Session, tmp_path: Path) -> None:
    admin = make_admin(session)
    look_at_all(session)
    file = tmp_path / "file.csv"
    rows = "客户编号,姓名,手机\n1,李明,13800138000\n2,李明,13800138000\n3,王芳,13900139000\n"
    file.write_text(rows, encoding="utf-8")
    wanted = NewImport(ImportKind.CUSTOMERS, file, "file.csv", source="shop")
    importing.start(session, wanted, by=admin, now=NOW)
    while importing.advance(session, NOW):
        pass
    session.flush()

    [pair] = look_at_all(session)
    assert pair.strength == Confidence.LIKELY  # the shop tells them apart by numbers
    assert session.scalar(select(func.count()).select_from(DuplicateSearch)) == 2


def test_earlier_imports_are_not_walked_one_by_one_beside_everybody(session: Session) -> None:
    admin = make_admin(session)
    for _ in range(3):
        make_import(session, owner=admin).state = ImportState.DONE
    session.flush()
    duplicates.advance(session, NOW)
    assert not duplicates.advance(session, NOW)
    assert session.scalars(select(DuplicateSearch.finished_at).distinct()).all() == [NOW]


def test_a_contact_persons_phone_speaks_for_the_company(session: Session) -> None:
    lead = make_lead(session)
    make_customer(session, name="方建国", phone="13800138000", owner=lead)
    look_at_all(session)
    shop = make_customer(session, name="", company="远山民宿", owner=lead)
    buyer = persons.DescribePerson(name="方建国", phone="13800138000")
    persons.add(session, shop, buyer, by=lead, now=NOW)

    [pair] = queries.of_customer(session, shop.id, viewer=lead)
    assert pair.pair.reasons == ["phone"]


def test_who_was_told_apart_is_not_suggested_again(session: Session) -> None:
    lead = make_lead(session)
    make_customer(session, name="李明", phone="13800138000", owner=lead)
    second = make_customer(session, name="李明", phone="13800138000", owner=lead)
    [pair] = look_at_all(session)

    duplicates.dismiss(session, pair, by=lead, now=NOW)
    duplicates.look(session, [second.id], now=NOW)

    session.expire_all()
    assert pair.state is PairState.DISMISSED
    with pytest.raises(Conflict):
        duplicates.dismiss(session, pair, by=lead, now=NOW)
    duplicates.reopen(session, pair, by=lead)
    session.flush()
    assert len(queries.page(session, viewer=lead).items) == 1


def test_a_pair_is_seen_by_those_alone_who_see_both(session: Session) -> None:
    lead = make_lead(session)
    stranger = make_rep(session, name="林悦", team=make_team(session, name="华南组"))
    make_customer(session, name="李明", phone="13800138000", owner=lead)
    theirs = make_customer(session, name="李明", phone="13800138000", owner=stranger)
    [pair] = look_at_all(session)

    assert queries.page(session, viewer=lead).items == []
    assert queries.of_customer(session, theirs.id, viewer=stranger) == []
    with pytest.raises(NotFound):
        queries.get(session, pair.id, visible_to=lead)
    assert len(queries.page(session, viewer=make_admin(session)).items) == 1


def test_a_rep_sees_a_pair_of_his_own_and_leaves_it_to_his_lead(session: Session) -> None:
    rep = make_rep(session)
    make_customer(session, name="李明", phone="13800138000", owner=rep)
    make_customer(session, name="李明", phone="13800138000", owner=rep)
    [pair] = look_at_all(session)

    assert queries.get(session, pair.id, visible_to=rep) is pair
    with pytest.raises(NotAllowed):
        duplicates.dismiss(session, pair, by=rep, now=NOW)


def test_the_surest_pairs_come_first(session: Session) -> None:
    admin = make_admin(session)
    for phone in ("13800138000", "13900139000"):
        make_customer(session, name="张伟", phone=phone)
    for _ in range(2):
        make_customer(session, name="李明", phone="13700137000")
    look_at_all(session)

    found = queries.page(session, viewer=admin).items
    assert [one.pair.strength for one in found] == [Confidence.CERTAIN, Confidence.POSSIBLE]
    only = queries.page(session, viewer=admin, confidence=Confidence.POSSIBLE).items
    assert [one.a.name for one in only] == ["张伟"]
    assert queries.counts(session, viewer=admin) == {
        Confidence.POSSIBLE: 1,
        Confidence.LIKELY: 0,
        Confidence.CERTAIN: 1,
    }


def test_who_is_likely_the_same_is_known_before_a_record_is_made(session: Session) -> None:
    rep = make_rep(session)
    known = make_customer(session, name="李明", phone="13800138000", owner=rep)
    make_customer(session, name="李明", owner=rep)
    look_at_all(session)

    wanted = Known("李小明", "", "", ("+8613800138000",))
    found = duplicates.likely(session, wanted, A_PERSON, viewer=rep)

    assert [one.customer for one in found] == [known]
    assert session.scalar(select(func.count()).select_from(Customer)) == 2
