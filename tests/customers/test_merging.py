"""Two records made one and split again: nothing lost, nothing forgiven, both back as they were."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.customers import queries
from crm.customers.models import (
    ContactPerson,
    Customer,
    CustomerMerge,
    CustomerStats,
    CustomerTag,
    DuplicatePair,
    Order,
    PairState,
    Stage,
    StageChange,
    TimelineEntry,
)
from crm.customers.rules.merging import Choice
from crm.customers.services import merging, parting, timeline
from crm.customers.services.merging import MergeCustomers
from crm.metadata import metadata
from crm.users.models import User
from tests.conftest import NOW
from tests.factories.customers import make_customer, make_order
from tests.factories.duplicates import make_pair
from tests.factories.users import make_admin, make_lead, make_rep, make_team

LATER = NOW + timedelta(days=2)

#: Tables that name a customer and do not simply go along with a merge, each with the reason.
STAY = {
    "customer_tags": "united by the service",
    "customer_stats": "computed again",
    "customer_scores": "computed again each day",
    "duplicate_keys": "the survivor's",
    "duplicate_pairs": "decided by the merge",
    "customer_merges": "the record of it",
    "imported_customers": "an import's own memory; files find the survivor",
    "import_changes": "an import's own memory",
    "bulk_changes": "a bulk act's own memory",
    "segment_entries": "closed by the day's look at the segment",
    "ledger_entries": "carried by outreach",
    "targets": "folded by activities",
    "followups": "carried by follow-ups",
}


@pytest.fixture
def lead(session: Session) -> User:
    return make_lead(session)


def merge(
    session: Session, kept: Customer, merged: Customer, by: User, **choices: Choice
) -> CustomerMerge:
    wanted = MergeCustomers(kept.id, merged.id, choices)
    item = merging.merge(session, wanted, by=by, now=NOW)
    session.flush()
    session.expire_all()
    return item


def part(session: Session, item: CustomerMerge, by: User) -> None:
    parting.part(session, item, by=by, now=LATER)
    session.flush()
    session.expire_all()


def facts(session: Session, customer: Customer) -> dict[str, Any]:
    return merging.state(session, customer.id)


def ids_of(session: Session, model: Any, customer: Customer) -> set[int]:  # noqa: ANN401
    return set(session.scalars(select(model.id).where(model.customer_id == customer.id)))


def test_every_table_that_names_a_customer_is_thought_of() -> None:
    moved = {model.__tablename__ for model in merging.MOVED}
    naming = {
        table.name
        for table in metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "customers"
    }
    assert naming - moved - STAY.keys() == set()


def test_what_both_had_is_one_records_and_nothing_is_lost(session: Session, lead: User) -> None:
    kept = make_customer(session, name="远山民宿", owner=lead, tags=("民宿",))
    merged = make_customer(session, name="远山民宿（西湖）", owner=lead, tags=("民宿", "金卡"))
    for customer in (kept, merged):
        make_order(session, customer, amount_fen=10_000)
        timeline.note(session, customer.id, "customers.created", at=NOW, by=lead)
    session.add(
        ContactPerson(
            customer_id=merged.id, name="方建国", is_main=True, created_at=NOW, updated_at=NOW
        )
    )
    session.flush()

    merge(session, kept, merged, lead)

    assert len(ids_of(session, Order, kept)) == 2
    assert len(ids_of(session, ContactPerson, kept)) == 1
    assert session.get_one(CustomerStats, kept.id).amount_fen == 20_000
    assert session.get(CustomerStats, merged.id) is None
    tags = select(CustomerTag.tag_id).where(CustomerTag.customer_id == kept.id)
    assert len(session.scalars(tags).all()) == 2
    assert ids_of(session, TimelineEntry, merged) == set()
    assert len(ids_of(session, TimelineEntry, kept)) == 3


def test_filled_wins_over_empty_and_newer_over_older(session: Session, lead: User) -> None:
    kept = make_customer(session, name="李明", owner=lead, region="杭州", note="爱喝茶")
    merged = make_customer(
        session,
        name="李小明",
        phone="13800138000",
        note="下月搬家",
        updated_at=NOW + timedelta(hours=1),
    )

    merge(session, kept, merged, lead)

    assert (kept.name, kept.phone, kept.region) == ("李小明", "+8613800138000", "杭州")
    assert kept.note == "爱喝茶\n\n下月搬家"
    assert kept.owner_id == lead.id
    assert kept.name_pinyin == "lixiaoming"


def test_a_person_chooses_field_by_field(session: Session, lead: User) -> None:
    rep = make_rep(session)
    kept = make_customer(session, name="李明", owner=lead, note="甲", stage=Stage.REGULAR)
    merged = make_customer(session, name="李小明", owner=rep, note="乙")

    merge(
        session,
        kept,
        merged,
        lead,
        name=Choice.KEPT,
        owner_id=Choice.MERGED,
        note=Choice.MERGED,
        stage=Choice.MERGED,
    )

    assert (kept.name, kept.owner_id, kept.note) == ("李明", rep.id, "乙")
    assert kept.stage is Stage.PROSPECT
    with pytest.raises(Invalid):
        merge(session, kept, make_customer(session, owner=lead), lead, name=Choice.BOTH)


def test_a_number_goes_over_and_the_other_still_leads_here(session: Session, lead: User) -> None:
    kept = make_customer(session, owner=lead, source="shop", external_id="1")
    merged = make_customer(session, name="", owner=lead, source="shop", external_id="2")

    item = merge(session, kept, merged, lead, external_id=Choice.MERGED)
    assert kept.external_id == "2"
    assert session.get_one(Customer, merged.id).external_id == "1"

    part(session, item, lead)
    assert (kept.external_id, merged.external_id, merged.name) == ("1", "2", "")


def test_a_number_that_another_has_got_since_is_left_to_it(session: Session, lead: User) -> None:
    kept = make_customer(session, owner=lead, source="shop", external_id="1")
    merged = make_customer(session, name="", owner=lead, source="shop", external_id="2")
    item = merge(session, kept, merged, lead, external_id=Choice.MERGED)
    kept.external_id = "9"
    session.flush()
    other = make_customer(session, name="丙客", owner=lead, source="shop", external_id="2")

    part(session, item, lead)

    assert (kept.external_id, merged.external_id, other.external_id) == ("9", None, "2")
    assert merged.title == "2"


def test_custom_values_are_brought_together(session: Session, lead: User) -> None:
    kept = make_customer(session, owner=lead, custom={"f1": "a", "f2": 5})
    merged = make_customer(session, owner=lead, custom={"f2": 7, "f3": ["c1"]})

    item = merge(session, kept, merged, lead, f2=Choice.MERGED)
    assert facts(session, kept)["custom"] == {"f1": "a", "f2": 7, "f3": ["c1"]}

    part(session, item, lead)
    assert facts(session, kept)["custom"] == {"f1": "a", "f2": 5}
    assert facts(session, merged)["custom"] == {"f2": 7, "f3": ["c1"]}


def test_split_again_both_are_exactly_as_they_were(session: Session, lead: User) -> None:
    rep = make_rep(session)
    kept = make_customer(
        session, name="李明", phone="13800138000", owner=lead, tags=("民宿",), region="杭州"
    )
    merged = make_customer(
        session, name="李小明", email="li@shop.cn", owner=rep, tags=("民宿", "金卡"), source="展会"
    )
    for customer in (kept, merged):
        for _ in range(2):
            make_order(session, customer)
        timeline.note(session, customer.id, "customers.created", at=NOW, by=lead)
    session.flush()
    models = (Order, StageChange)
    subjects = kept.subject_id, merged.subject_id
    before = [
        (facts(session, one), [ids_of(session, model, one) for model in models])
        for one in (kept, merged)
    ]

    item = merge(session, kept, merged, lead, owner_id=Choice.MERGED)
    assert kept.subject_id == merged.subject_id
    part(session, item, lead)

    after = [
        (facts(session, one), [ids_of(session, model, one) for model in models])
        for one in (kept, merged)
    ]
    assert after == before
    assert (kept.subject_id, merged.subject_id) == subjects
    assert queries.get(session, merged.id, visible_to=lead).id == merged.id
    assert sorted(tag.name for tag in queries.get(session, merged.id, visible_to=lead).tags) == [
        "民宿",
        "金卡",
    ]


def test_what_came_after_the_merge_stays_with_the_survivor(session: Session, lead: User) -> None:
    kept = make_customer(session, name="李明", owner=lead)
    merged = make_customer(session, name="李小明", owner=lead, phone="13800138000")
    old = make_order(session, merged)
    item = merge(session, kept, merged, lead)
    new = make_order(session, kept)
    kept.region = "宁波"
    session.flush()

    part(session, item, lead)

    assert ids_of(session, Order, kept) == {new.id}
    assert ids_of(session, Order, merged) == {old.id}
    assert (kept.region, kept.phone) == ("宁波", None)


def test_a_merge_is_split_for_thirty_days(session: Session, lead: User) -> None:
    item = merge(
        session, make_customer(session, owner=lead), make_customer(session, owner=lead), lead
    )
    with pytest.raises(Conflict) as refusal:
        parting.part(session, item, by=lead, now=NOW + timedelta(days=31))
    assert refusal.value.code == "merges.too_late"


def test_merges_are_split_the_last_first(session: Session, lead: User) -> None:
    first, second, third = (
        make_customer(session, name=name, owner=lead) for name in ("甲客", "乙客", "丙客")
    )
    order = make_order(session, first)
    early = merge(session, second, first, lead)
    late = merge(session, third, second, lead)
    assert queries.get(session, first.id, visible_to=lead).id == third.id

    with pytest.raises(Conflict) as refusal:
        part(session, early, lead)
    assert refusal.value.code == "merges.later_first"

    part(session, late, lead)
    assert queries.get(session, first.id, visible_to=lead).id == second.id
    assert ids_of(session, Order, second) == {order.id}
    part(session, early, lead)
    assert ids_of(session, Order, first) == {order.id}
    with pytest.raises(Conflict):
        part(session, early, lead)


def test_who_was_merged_cannot_be_merged_again(session: Session, lead: User) -> None:
    first, second, third = (make_customer(session, owner=lead) for _ in range(3))
    merge(session, first, second, lead)
    for kept, merged in ((third, second), (second, third)):
        with pytest.raises(Conflict) as refusal:
            merge(session, kept, merged, lead)
        assert refusal.value.code == "merges.already_merged"
    with pytest.raises(Invalid):
        merge(session, first, first, lead)


def test_a_record_changed_since_it_was_looked_at_is_not_merged(
    session: Session, lead: User
) -> None:
    kept, merged = (make_customer(session, owner=lead) for _ in range(2))
    wanted = MergeCustomers(kept.id, merged.id, versions=(kept.version, merged.version + 1))
    with pytest.raises(Conflict) as refusal:
        merging.merge(session, wanted, by=lead, now=NOW)
    assert refusal.value.code == "merges.changed_meanwhile"


def test_a_lead_merges_the_teams_an_administrator_all(session: Session, lead: User) -> None:
    rep = make_rep(session)
    stranger = make_rep(session, name="林悦", team=make_team(session, name="华南组"))
    own, theirs = make_customer(session, owner=rep), make_customer(session, owner=stranger)
    other = make_customer(session, owner=rep)
    with pytest.raises(NotFound):
        merge(session, own, theirs, lead)
    with pytest.raises(NotAllowed):
        merge(session, own, other, rep)
    merge(session, own, other, lead)
    merge(session, own, theirs, make_admin(session))
    assert theirs.merged_into_id == own.id


def test_a_split_pair_is_not_suggested_again(session: Session, lead: User) -> None:
    kept = make_customer(session, name="李明", phone="13800138000", owner=lead)
    merged = make_customer(session, name="李明", phone="13800138000", owner=lead)
    pair = make_pair(session, kept, merged)

    item = merge(session, kept, merged, lead)
    assert pair.state is PairState.MERGED
    part(session, item, lead)

    session.refresh(pair)
    assert session.scalars(select(DuplicatePair.state)).all() == [PairState.DISMISSED]


def test_no_version_that_anybody_saw_fits_a_merged_record(session: Session, lead: User) -> None:
    kept, merged = (make_customer(session, owner=lead) for _ in range(2))
    for note in ("一", "二", "三"):
        merged.note = note
        session.flush()
    seen = merged.version

    merge(session, kept, merged, lead)

    assert seen > 1
    assert kept.version > seen
    assert merged.version > seen


def test_a_row_that_came_in_at_the_very_moment_is_brought_along(
    session: Session, lead: User
) -> None:
    kept, merged = (make_customer(session, owner=lead) for _ in range(2))
    item = merge(session, kept, merged, lead)
    late = make_order(session, merged)

    merging.sweep(session, NOW + timedelta(minutes=1))
    session.expire_all()
    assert late.customer_id == kept.id
    assert session.get_one(CustomerStats, kept.id).order_count == 1

    part(session, item, lead)
    assert late.customer_id == merged.id


@pytest.fixture(autouse=True)
def nothing_left_open(session: Session) -> Iterator[None]:
    """Whatever a test did, no record points to one that is merged itself."""
    yield
    session.expire_all()
    ends = select(Customer.id).where(Customer.merged_into_id.is_not(None))
    wrong = session.scalars(select(Customer.id).where(Customer.merged_into_id.in_(ends))).all()
    assert wrong == []


def test_of_two_stages_the_one_further_on_survives(session: Session, lead: User) -> None:
    kept = make_customer(session, owner=lead, stage=Stage.REGULAR)
    merged = make_customer(session, owner=lead, stage_since=NOW + timedelta(days=1))
    merge(session, kept, merged, lead)
    assert kept.stage is Stage.REGULAR
