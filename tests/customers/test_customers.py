"""Records of customers: making, changing, handing over, tagging; who sees whom."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.errors import Conflict, Invalid, NotAllowed, NotFound
from crm.customers import queries
from crm.customers.events import SubjectsJoined
from crm.customers.models import (
    ContactPoint,
    Customer,
    CustomerTag,
    Stage,
    StageChange,
    StageReason,
)
from crm.customers.queries import listing, timeline
from crm.customers.queries.listing import Filters, Next, Tab
from crm.customers.queries.timeline import Source
from crm.customers.services import customers, tags
from crm.customers.services.customers import AssignCustomer, CustomerFacts, EditCustomer
from crm.customers.services.tags import PutTag
from crm.customers.services.timeline import note
from crm.users.models import User
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_admin, make_lead, make_manager, make_rep, make_team


def _make(session: Session, by: User, now: datetime, **facts: Any) -> Customer:
    return customers.create(session, CustomerFacts(**facts), by=by, now=now)


def test_a_new_record_is_its_makers_and_can_be_found_by_pinyin(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    made = _make(session, rep, now, name="单雄信", phone="138 0013 8000", email="A@Qinghe.CN")

    assert (made.owner_id, made.phone, made.email) == (rep.id, "+8613800138000", "A@qinghe.cn")
    assert (made.name_pinyin, made.name_initials) == ("shanxiongxin", "sxx")
    assert made.stage is Stage.PROSPECT
    change = session.scalars(select(StageChange).filter_by(customer_id=made.id)).one()
    assert (change.before, change.reason, change.by_id) == (None, StageReason.BY_HAND, rep.id)


def test_records_that_share_an_address_share_one_contact_subject(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    one = _make(session, rep, now, name="王芳", phone="13800138000")
    two = _make(session, rep, now, name="小王", phone="+86 138-0013-8000")
    other = _make(session, rep, now, name="李四", phone="13800138001")

    assert one.subject_id == two.subject_id != other.subject_id


def test_an_address_that_links_two_people_makes_them_one_and_says_so(
    session: Session, now: datetime
) -> None:
    heard: list[SubjectsJoined] = []
    session.info["bus"].subscribe(SubjectsJoined, lambda _session, event: heard.append(event))
    rep = make_rep(session)
    one = _make(session, rep, now, name="王芳", phone="13800138000")
    two = _make(session, rep, now, name="王小芳", email="fang@example.com")
    older, newer = one.subject_id, two.subject_id

    three = _make(session, rep, now, name="芳", phone="13800138000", email="FANG@example.com")

    session.expire_all()
    assert {one.subject_id, two.subject_id, three.subject_id} == {older}
    assert heard == [SubjectsJoined(kept_id=older, joined_id=newer, at=now)]
    assert set(session.scalars(select(ContactPoint.subject_id))) == {older}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"name": " "}, "customers.nobody"),
        ({"name": "王", "phone": "12"}, "customers.phone_invalid"),
        ({"name": "王", "email": "a@b"}, "customers.email_invalid"),
    ],
)
def test_a_record_that_cannot_be_told_apart_or_reached_is_refused(
    session: Session, now: datetime, facts: dict[str, str], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        _make(session, make_rep(session), now, **facts)
    assert refused.value.code == code


def test_a_number_names_one_customer_of_its_source(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    _make(session, rep, now, external_id="C1", source="erp")
    with pytest.raises(Invalid) as refused:
        _make(session, rep, now, external_id="C1", source="erp")
    assert refused.value.code == "customers.number_taken"


def test_an_edit_of_an_older_version_is_refused(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    customer = _make(session, rep, now, name="王芳")
    seen = customer.version
    customers.edit(session, customer, EditCustomer(version=seen, name="王小芳"), by=rep, now=now)

    with pytest.raises(Conflict) as refused:
        customers.edit(
            session, customer, EditCustomer(version=seen, name="王大芳"), by=rep, now=now
        )

    assert refused.value.code == "core.stale"
    assert (customer.name, customer.version) == ("王小芳", seen + 1)


def test_reps_see_their_own_and_the_pool_leads_the_team_managers_all(session: Session) -> None:
    rep, colleague, lead = make_rep(session), make_rep(session), make_lead(session)
    stranger = make_rep(session, team=make_team(session, name="华南组"))
    for owner, name in ((rep, "own"), (colleague, "team"), (stranger, "far"), (None, "pool")):
        make_customer(session, name=name, owner=owner)

    def seen(user: User) -> set[str]:
        return set(session.scalars(select(Customer.name).where(queries.visible_to(user))))

    assert seen(rep) == {"own", "pool"}
    assert seen(lead) == {"own", "team", "pool"}
    assert (
        seen(make_manager(session)) == seen(make_admin(session)) == {"own", "team", "far", "pool"}
    )


def test_a_foreign_customer_does_not_exist_and_a_pool_one_may_not_be_edited(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    foreign = make_customer(session, owner=make_rep(session))
    pooled = make_customer(session)

    with pytest.raises(NotFound):
        queries.get(session, foreign.id, visible_to=rep)
    with pytest.raises(NotFound):
        queries.get_locked(session, foreign.id, visible_to=rep)
    with pytest.raises(NotAllowed):
        customers.edit(session, pooled, EditCustomer(version=1, name="x"), by=rep, now=now)


def test_a_customer_is_taken_out_of_the_pool_once(session: Session, now: datetime) -> None:
    first, second = make_rep(session), make_rep(session)
    customer = make_customer(session)
    customers.claim(session, customer, by=first, now=now)

    with pytest.raises(Conflict) as refused:
        customers.claim(session, customer, by=second, now=now)

    assert refused.value.code == "customers.already_owned"
    assert customer.owner_id == first.id


def test_a_manager_takes_no_customers(session: Session, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        customers.claim(session, make_customer(session), by=make_manager(session), now=now)


def test_a_lead_hands_over_within_the_team_only(session: Session, now: datetime) -> None:
    lead, rep = make_lead(session), make_rep(session)
    stranger = make_rep(session, team=make_team(session, name="华南组"))
    customer = make_customer(session, owner=lead)

    customers.assign(session, customer, AssignCustomer(rep.id), by=lead, now=now)
    assert customer.owner_id == rep.id
    with pytest.raises(Invalid) as refused:
        customers.assign(session, customer, AssignCustomer(stranger.id), by=lead, now=now)
    assert refused.value.code == "customers.owner_unknown"
    with pytest.raises(NotAllowed):
        customers.assign(session, customer, AssignCustomer(None), by=rep, now=now)


def test_putting_a_tag_on_twice_is_once(session: Session, now: datetime) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    tags.put(session, customer, PutTag("  A  级 "), by=rep, now=now)
    tag = tags.put(session, customer, PutTag("A 级"), by=rep, now=now)

    assert session.scalar(select(func.count()).select_from(CustomerTag)) == 1
    tags.take(session, customer, tag.id, by=rep)
    assert session.scalar(select(func.count()).select_from(CustomerTag)) == 0


def _listed(session: Session, viewer: User, now: datetime, wanted: Filters) -> list[str]:
    found = listing.page(session, wanted, viewer=viewer, now=now)
    return [customer.name for customer in found.items]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filters(q="远山"), ["杭州远山民宿"]),
        (Filters(q="hzys"), ["杭州远山民宿"]),
        (Filters(q="ys"), ["杭州远山民宿"]),
        (Filters(q="Xu Man"), ["许曼宁"]),
        (Filters(q="0482"), ["许曼宁"]),
        (Filters(q="13900000482"), ["许曼宁"]),
        (Filters(q="禾岸"), ["宋文博"]),
        (Filters(q="100%"), []),
        (Filters(q="_"), []),
        (Filters(q="'; --"), []),
        (Filters(q="\x00"), []),
        (Filters(stage=(Stage.LOYAL, Stage.REGULAR)), ["许曼宁"]),
        (Filters(tag="民宿"), ["杭州远山民宿"]),
        (Filters(tag="没有"), []),
        (Filters(region="杭州"), ["宋文博"]),
        (Filters(next=Next.OVERDUE), ["许曼宁"]),
        (Filters(next=Next.TODAY), ["杭州远山民宿"]),
        (Filters(next=Next.NONE), ["宋文博"]),
        (Filters(tab=Tab.POOL), ["宋文博"]),
        (Filters(tab=Tab.MINE, sort="name"), ["杭州远山民宿", "许曼宁"]),
        (Filters(sort="name", down=True), ["许曼宁", "宋文博", "杭州远山民宿"]),
        (Filters(sort="amount", down=True), ["许曼宁", "杭州远山民宿", "宋文博"]),
        (Filters(sort="next"), ["许曼宁", "杭州远山民宿", "宋文博"]),
        (Filters(sort="last", down=True), ["杭州远山民宿", "许曼宁", "宋文博"]),
        (Filters(sort="created"), ["宋文博", "许曼宁", "杭州远山民宿"]),
    ],
    ids=str,
)
def test_the_list_is_narrowed_and_sorted(
    session: Session, now: datetime, wanted: Filters, names: list[str]
) -> None:
    rep = make_rep(session)
    make_customer(
        session,
        company="禾岸整装",
        name="宋文博",
        region="杭州",
        created_at=now - timedelta(days=3),
    )
    xu = make_customer(
        session,
        name="许曼宁",
        owner=rep,
        phone="13900000482",
        stage=Stage.LOYAL,
        next_followup_at=now - timedelta(days=1),
        created_at=now - timedelta(days=2),
    )
    yuan = make_customer(
        session,
        name="杭州远山民宿",
        owner=rep,
        tags=["民宿"],
        next_followup_at=now - timedelta(hours=1),
        last_contact_at=now - timedelta(days=7),
        created_at=now - timedelta(days=1),
    )
    make_order(session, xu, amount_fen=900)
    make_order(session, yuan, amount_fen=500)

    found = _listed(session, rep, now, wanted)

    assert found == names


def test_a_list_knows_only_its_own_sorts(session: Session, now: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        listing.page(session, Filters(sort="password"), viewer=make_rep(session), now=now)
    assert refused.value.code == "core.sort_unknown"


def test_search_stays_within_the_viewers_scope(session: Session) -> None:
    rep = make_rep(session)
    make_customer(session, name="远山", owner=make_rep(session))
    mine = make_customer(session, name="远山二店", owner=rep)
    assert listing.search(session, "远山", viewer=rep) == [mine]
    assert listing.search(session, "  ", viewer=rep) == []


def test_tabs_are_counted_within_the_scope(session: Session) -> None:
    rep = make_rep(session)
    make_customer(session, owner=rep)
    make_customer(session)
    make_customer(session, owner=make_rep(session))
    assert listing.tab_counts(session, rep) == {Tab.MINE: 1, Tab.ALL: 2, Tab.POOL: 1}


def test_the_timeline_merges_entries_stages_and_orders_newest_first(
    session: Session, now: datetime
) -> None:
    rep = make_rep(session)
    customer = make_customer(session, owner=rep)
    other = make_customer(session, owner=rep)
    for hours in range(4):
        note(session, customer.id, "x.y", at=now - timedelta(hours=hours), by=rep, n=hours)
        make_order(session, customer, ordered_at=now - timedelta(hours=hours))
        session.add(
            StageChange(
                customer_id=customer.id,
                after=Stage.NEW,
                reason=StageReason.ORDERS,
                at=now - timedelta(hours=hours // 2),
            )
        )
    note(session, other.id, "x.y", at=now, by=None)
    session.flush()

    whole = timeline.page(session, customer.id, size=50)
    assert len(whole.items) == 12
    assert whole.next_cursor is None
    assert [one.at for one in whole.items] == sorted((one.at for one in whole.items), reverse=True)
    assert {one.by for one in whole.items if one.source is Source.ENTRY} == {rep.name}
    for size in (1, 3, 5):
        found, cursor = [], None
        while True:
            page = timeline.page(session, customer.id, cursor=cursor, size=size)
            found += [one.place for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == [one.place for one in whole.items]
