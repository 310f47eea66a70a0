"""Tags as a vocabulary: renamed, merged, grouped, deleted, and everything brought back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, Invalid, NotAllowed
from crm.customers.models import Customer, CustomerTag, Segment, Tag, TagColour, TagGroup
from crm.customers.queries import listing, segments
from crm.customers.queries import tags as queries
from crm.customers.queries.listing import Filters
from crm.customers.services import segments as segment_services
from crm.customers.services import tag_settings
from crm.customers.services.tag_settings import DescribeGroup, ReviseTag
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_tag, make_tag_group
from tests.factories.users import bearer, make_admin, make_lead, make_manager, make_rep

ClientFor = Callable[[object], FlaskClient]


def _tags(session: Session, name: str) -> set[str]:
    held = (
        select(Tag.name)
        .join(CustomerTag, CustomerTag.tag_id == Tag.id)
        .join(Customer, Customer.id == CustomerTag.customer_id)
        .where(Customer.name == name)
    )
    return set(session.scalars(held))


def _segment(session: Session, **condition: Any) -> Segment:
    rule = {"all": [{"field": "tag", "operator": "any_of", **condition}]}
    wanted = segment_services.Describe("老客", rule)
    return segment_services.create(session, wanted, by=make_admin(session), now=NOW)


def _members(session: Session, segment: Segment) -> set[str]:
    found = select(Customer.name).where(segments.meaning(session, segment, now=NOW))
    return set(session.scalars(found))


def test_a_renamed_tag_takes_its_segments_along(session: Session, now: datetime) -> None:
    tag = make_tag(session, "VIP", customer=make_customer(session, name="王芳"))
    segment = _segment(session, value=["VIP", "批发"])
    tag_settings.revise(session, tag, ReviseTag(" 贵宾 "), by=make_lead(session), now=now)
    assert segment.rule == {
        "all": [{"field": "tag", "operator": "any_of", "value": ["贵宾", "批发"]}]
    }
    assert _members(session, segment) == {"王芳"}
    assert _tags(session, "王芳") == {"贵宾"}


def test_the_name_of_another_tag_is_refused(session: Session, now: datetime) -> None:
    tag, lead = make_tag(session, "VIP"), make_lead(session)
    make_tag(session, "贵宾")
    with pytest.raises(Invalid, match=r"customers\.tag_taken"):
        tag_settings.revise(session, tag, ReviseTag("贵宾"), by=lead, now=now)


@pytest.mark.parametrize("make", [make_rep, make_manager])
def test_reps_and_managers_leave_the_vocabulary_alone(
    session: Session, now: datetime, make: Callable[[Session], Any]
) -> None:
    tag, by = make_tag(session), make(session)
    with pytest.raises(NotAllowed):
        tag_settings.remove(session, tag, by=by, now=now)
    with pytest.raises(NotAllowed):
        tag_settings.add_group(session, DescribeGroup("价值"), by=by, now=now)


def test_a_merge_gives_everybody_the_tag_that_stays_and_can_be_undone(
    session: Session, now: datetime
) -> None:
    gone, stays, by = make_tag(session, "贵宾"), make_tag(session, "VIP"), make_lead(session)
    group = make_tag_group(session, "价值", gone)
    make_customer(session, name="两个", tags=["贵宾", "VIP"])
    make_customer(session, name="旧的", tags=["贵宾"])
    make_customer(session, name="新的", tags=["VIP"])
    segment = _segment(session, value=["贵宾"])

    removal = tag_settings.merge(session, gone, stays, by=by, now=now)

    everybody = ("两个", "旧的", "新的")
    assert removal.customer_count == 2
    assert {name: _tags(session, name) for name in everybody} == {
        name: {"VIP"} for name in everybody
    }
    assert _members(session, segment) == set(everybody)

    back = tag_settings.bring_back(session, removal, by=by, now=now + timedelta(days=6))

    assert _tags(session, "两个") == {"贵宾", "VIP"}
    assert _tags(session, "旧的") == {"贵宾"}
    assert _tags(session, "新的") == {"VIP"}
    assert _members(session, segment) == {"两个", "旧的"}
    assert back.group == group
    assert set(session.scalars(select(AuditEntry.action))) >= {"tags.merged", "tags.brought_back"}


def test_an_undone_merge_leaves_a_rule_alone_that_was_changed_since(
    session: Session, now: datetime
) -> None:
    gone, stays, by = make_tag(session, "贵宾"), make_tag(session, "VIP"), make_lead(session)
    segment = _segment(session, value=["贵宾"])
    removal = tag_settings.merge(session, gone, stays, by=by, now=now)
    rule = {"field": "stage", "operator": "any_of", "value": ["new"]}
    revise = segment_services.Revise(segment.version, rule=rule)
    segment_services.update(session, segment, revise, by=by, now=now)
    tag_settings.bring_back(session, removal, by=by, now=now)
    assert segment.rule == rule


def test_a_tag_that_a_segment_asks_for_is_not_deleted(session: Session, now: datetime) -> None:
    tag, lead = make_tag(session, "VIP"), make_lead(session)
    _segment(session, value=["VIP"])
    with pytest.raises(Conflict) as refusal:
        tag_settings.remove(session, tag, by=lead, now=now)
    assert refusal.value.details["users"] == "老客"
    assert queries.find_named(session, "VIP") is tag


def test_a_deleted_tag_comes_back_once_and_for_a_week(session: Session, now: datetime) -> None:
    tag, by = make_tag(session, "VIP"), make_lead(session)
    make_customer(session, name="王芳", tags=["VIP"])
    removal = tag_settings.remove(session, tag, by=by, now=now)
    assert _tags(session, "王芳") == set()
    assert queries.removals(session, now=now) == [removal]
    with pytest.raises(Conflict):
        tag_settings.bring_back(session, removal, by=by, now=now + timedelta(days=8))

    tag_settings.bring_back(session, removal, by=by, now=now)

    assert _tags(session, "王芳") == {"VIP"}
    with pytest.raises(Conflict):
        tag_settings.bring_back(session, removal, by=by, now=now)


def test_a_deleted_tag_does_not_come_back_beside_a_new_one_of_its_name(
    session: Session, now: datetime
) -> None:
    by = make_lead(session)
    removal = tag_settings.remove(session, make_tag(session, "VIP"), by=by, now=now)
    make_tag(session, "VIP")
    with pytest.raises(Conflict, match=r"customers\.tag_taken"):
        tag_settings.bring_back(session, removal, by=by, now=now)


def test_a_segment_asks_for_any_tag_of_a_group(session: Session, now: datetime) -> None:
    group = make_tag_group(session, "价值", make_tag(session, "VIP"), make_tag(session, "批发"))
    make_tag_group(session, "来路", make_tag(session, "展会"))
    for name, tags in (("甲", ["VIP"]), ("乙", ["展会"]), ("丙", ["散"]), ("丁", [])):
        make_customer(session, name=name, tags=tags)

    def ask(operator: str, value: object = None) -> set[str]:
        rule: dict[str, Any] = {"field": "tag_group", "operator": operator}
        rule |= {} if value is None else {"value": value}
        found = select(Customer.name).where(segments.condition(session, rule, now=NOW))
        return set(session.scalars(found))

    assert ask("any_of", [group.id]) == {"甲"}
    assert ask("none_of", [group.id]) == {"乙", "丙", "丁"}
    assert ask("is_empty") == {"丙", "丁"}
    wanted = segment_services.Describe(
        "有价值", {"field": "tag_group", "operator": "any_of", "value": [group.id]}
    )
    admin = make_admin(session)
    segment_services.create(session, wanted, by=admin, now=now)
    with pytest.raises(Conflict):
        tag_settings.remove_group(session, group, by=admin, now=now)


def test_a_deleted_group_leaves_its_tags(session: Session, now: datetime) -> None:
    tag = make_tag(session, "VIP")
    group = make_tag_group(session, "价值", tag)
    assert tag.tone == "pine"
    tag_settings.remove_group(session, group, by=make_lead(session), now=now)
    assert queries.get(session, tag.id).group is None
    assert tag.tone == ""


def test_the_list_draws_colours_without_a_query_more(session: Session, engine: Engine) -> None:
    rep = make_rep(session)
    make_customer(session, owner=rep, tags=["VIP", "批发"])

    def tones() -> tuple[list[str], int]:
        session.expire_all()
        with count_queries(engine) as seen:
            (found,) = listing.page(session, Filters(), viewer=rep, now=NOW).items
            return [tag.tone for tag in found.tags], len(seen)

    plain, before = tones()
    make_tag_group(session, "价值", make_tag(session, "VIP"), colour=TagColour.AMBER)
    coloured, after = tones()
    assert plain == ["", ""]
    assert coloured == ["amber", ""]
    assert after == before


def test_the_page_says_on_how_many_a_tag_is_and_takes_a_deletion_back(
    session: Session, client_for: ClientFor
) -> None:
    tag = make_tag(session, "<VIP>", customer=make_customer(session))
    make_tag(session, "<VIP>", customer=make_customer(session, name="王芳"))
    browser = client_for(make_lead(session))
    assert "Delete, and take off 2 customers" in browser.get(
        f"/settings/tags/{tag.id}/edit"
    ).get_data(as_text=True)

    browser.post(f"/settings/tags/{tag.id}/removal")
    page = browser.get("/settings/tags/").get_data(as_text=True)
    undo = page.partition("/settings/tags/removals/")[2].partition('"')[0]
    assert "&lt;VIP&gt;" in page
    assert browser.post(f"/settings/tags/removals/{undo}").status_code == 303

    assert _tags(session, "王芳") == {"<VIP>"}


def test_tags_are_put_into_groups_and_merged_on_their_page(
    session: Session, client_for: ClientFor
) -> None:
    tag, other = make_tag(session, "VIP"), make_tag(session, "贵宾")
    browser = client_for(make_lead(session))
    made = browser.post("/settings/tags/groups", data={"name": "价值", "colour": "plum"})
    assert made.status_code == 303
    group = session.scalars(select(TagGroup)).one()
    sent = {"name": "大客", "group_id": group.id}
    assert browser.post(f"/settings/tags/{tag.id}", data=sent).status_code == 303
    assert "c-tag is-plum" in browser.get("/settings/tags/").get_data(as_text=True)

    nowhere = browser.post(f"/settings/tags/{tag.id}/merging", data={"into": "没有"})
    assert nowhere.status_code == 422
    merged = browser.post(f"/settings/tags/{tag.id}/merging", data={"into": "贵宾"})
    assert merged.status_code == 303
    assert session.scalars(select(Tag.name)).all() == [other.name]

    stale = {"name": "价值观", "colour": "sky", "version": 7}
    assert browser.post(f"/settings/tags/groups/{group.id}", data=stale).status_code == 409


def test_programs_keep_the_vocabulary_too(client: FlaskClient, session: Session) -> None:
    tag, other = make_tag(session, "VIP"), make_tag(session, "贵宾")
    headers = bearer(session, make_lead(session))
    session.commit()
    made = client.post(
        "/api/v1/tag-groups", json={"name": "价值", "colour": "sky"}, headers=headers
    )
    assert made.json
    body = {"name": "大客", "group_id": made.json["id"]}
    changed = client.put(f"/api/v1/tags/{tag.id}", json=body, headers=headers)
    assert changed.json
    assert changed.json["group"]["colour"] == "sky"
    address = f"/api/v1/tags/{tag.id}/merging"
    merged = client.post(address, json={"into_id": other.id}, headers=headers)
    assert merged.json
    undo = f"/api/v1/tags/removals/{merged.json['id']}/undo"
    assert client.post(undo, headers=headers).status_code == 200
    assert client.delete(f"/api/v1/tags/{tag.id}", headers=headers).status_code == 200
    gone = client.delete(f"/api/v1/tag-groups/{made.json['id']}", headers=headers)
    assert gone.status_code == 204
