"""Segments through both faces: building without script, scope and refusals."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from crm.core.errors import Conflict, Invalid
from crm.core.panels import Panel
from crm.customers.forms.segment_draft import Draft
from crm.customers.models import Segment
from crm.customers.queries import segments as queries
from crm.customers.rules import segments as rules
from crm.customers.segment_fields import OWN, SegmentFields
from crm.customers.services import segments as services
from crm.customers.services.segments import Describe, Revise
from tests.conftest import NOW
from tests.counting import count_queries
from tests.customers.segment_oracle import Json
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_user

ClientFor = Callable[..., FlaskClient]
REGISTRY = SegmentFields(*OWN)
BUYERS: dict[str, Any] = {"all": [{"field": "order_count", "operator": "at_least", "value": 2}]}
NESTED: dict[str, Any] = {
    "all": [
        {"field": "order_amount", "operator": "between", "value": ["100.00", "600.50"]},
        {"not": {"any": [{"field": "tag", "operator": "any_of", "value": ["VIP", "老客"]}]}},
        {"not": {"field": "region", "operator": "is_empty"}},
        {"any": [{"field": "is_internal", "operator": "is", "value": False}]},
    ]
}


def make_segment(session: Session, rule: Json = None, name: str = "回头客") -> Segment:
    by = make_user(session, role="admin")
    return services.create(session, Describe(name, rule or BUYERS), by=by, now=NOW)


def _form(rule: Json, **more: object) -> MultiDict[str, str]:
    """What a browser would send for this rule."""
    draft = Draft.of_tree(rules.parse(rule, REGISTRY), REGISTRY)
    sent: MultiDict[str, str] = MultiDict()
    _send(draft.root, "", sent)
    for name, value in more.items():
        sent.add(name, str(value))
    return sent


def _send(node: Json, parent: str, sent: MultiDict[str, str]) -> None:
    sent.add("n", node.id)
    sent.add(f"p.{node.id}", parent)
    if node.is_group:
        sent.add(f"j.{node.id}", node.join.value)
        sent.add(f"x.{node.id}", "1" if node.is_not else "0")
        for member in node.members:
            _send(member, node.id, sent)
        return
    sent.add(f"f.{node.id}", node.field.name)
    sent.add(f"o.{node.id}", node.operator.value)
    for value in node.values:
        sent.add(f"v.{node.id}", value)


def test_a_form_carries_any_rule_there_and_back() -> None:
    draft = Draft.of_form(_form(NESTED), REGISTRY)
    tree = rules.parse(draft.as_rule(), REGISTRY)
    assert rules.parse(rules.as_json(tree), REGISTRY) == tree
    said = [(one.field, one.operator, one.value) for one in rules.conditions(tree)]
    assert said == [
        (one.field, one.operator, one.value)
        for one in rules.conditions(rules.parse(NESTED, REGISTRY))
    ]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"n": "0"},
        {"n": "x", "j.x": "all"},
        {"n": "1", "p.1": "1", "j.1": "all"},
        {"n": "5", "f.5": "password", "o.5": "is"},
        {"n": "9" * 50, "j." + "9" * 50: "any"},
    ],
)
def test_whatever_a_browser_sends_makes_some_draft(sent: dict[str, str]) -> None:
    draft = Draft.of_form(MultiDict(sent), REGISTRY)
    draft.act("condition:0")
    draft.act("remove:0")
    draft.act("nonsense")
    assert draft.root.is_group


def test_the_builders_buttons_change_the_tree() -> None:
    draft = Draft.empty(REGISTRY)
    root = draft.root.id
    draft.act(f"group:{root}")
    draft.act(f"any:{root}")
    draft.act(f"not:{root}")
    first = draft.rows()[0]
    draft.act(f"remove:{first.id}")
    assert draft.root.join is rules.Join.ANY
    assert draft.root.is_not
    assert [member.is_group for member in draft.root.members] == [True]


def test_a_lead_builds_and_saves_a_segment_without_script(
    session: Session, client_for: ClientFor
) -> None:
    lead = make_user(session, role="lead")
    twice = make_customer(session, name="买两次", owner=lead)
    make_order(session, twice)
    make_order(session, twice)
    make_customer(session, name="没买过", owner=lead)
    browser = client_for(lead)

    new = browser.get("/segments/new")
    assert new.status_code == 200
    grown = browser.post(
        "/segments/draft", data=_form(BUYERS, _act="condition:0", name="回头客")
    ).get_data(as_text=True)
    assert len(re.findall(r'name="f\.\d+"', grown)) == 2
    assert 'value="回头客"' in grown
    saved = browser.post("/segments/", data=_form(BUYERS, name="回头客"))
    assert saved.status_code == 303, saved.get_data(as_text=True)[-3000:]
    shown = browser.get(saved.location).get_data(as_text=True)
    assert "买两次" in shown
    assert "没买过" not in shown
    segment = session.scalars(select(Segment)).one()
    assert segment.rule == BUYERS
    assert segment.customer_count == 1
    assert "回头客" in browser.get("/segments/").get_data(as_text=True)


def test_what_is_wrong_stands_beside_its_condition_and_the_text_is_kept(
    session: Session, client_for: ClientFor
) -> None:
    browser = client_for(make_user(session, role="lead"))
    sent = _form(BUYERS, name="坏")
    sent.setlist("v.1", ["many"])
    answer = browser.post("/segments/", data=sent)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "“many” does not fit" in html
    assert 'value="many"' in html
    assert session.scalars(select(Segment)).all() == []


def test_the_live_count_swaps_a_fragment_and_keeps_nothing(
    session: Session, client_for: ClientFor
) -> None:
    browser = client_for(make_user(session, role="lead"))
    answer = browser.post("/segments/count", data=_form(BUYERS), headers={"HX-Request": "true"})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "<html" not in html
    assert 'hx-swap-oob="innerHTML"' in html
    assert "Number of orders is at least 2" in html


def test_a_rep_reads_segments_and_counts_only_what_he_may_see(
    session: Session, client_for: ClientFor
) -> None:
    rep, other = make_user(session), make_user(session, name="李娜")
    for owner, name in ((rep, "我的"), (other, "别人的"), (None, "公海的")):
        customer = make_customer(session, name=name, owner=owner)
        make_order(session, customer)
        make_order(session, customer)
    segment = make_segment(session)
    assert segment.customer_count == 3
    browser = client_for(rep)
    shown = browser.get(f"/segments/{segment.id}").get_data(as_text=True)
    assert "我的" in shown
    assert "公海的" in shown
    assert "别人的" not in shown
    assert "2 customers you see" in shown
    assert browser.get("/segments/new").status_code == 403
    assert browser.post("/segments/", data=_form(BUYERS, name="x")).status_code == 403
    assert browser.post(f"/segments/{segment.id}/deletion").status_code == 403
    assert browser.post("/segments/count", data=_form(BUYERS)).status_code == 403
    everybody = session.scalars(services.members(session, segment, now=NOW)).all()
    assert len(everybody) == 3


def test_the_second_of_two_editors_is_told_and_keeps_his_text(
    session: Session, client_for: ClientFor
) -> None:
    segment = make_segment(session)
    browser = client_for(make_user(session, role="lead"))
    mine = _form(BUYERS, name="我改的", version=segment.version)
    admin = make_user(session, role="admin")
    services.update(session, segment, Revise(segment.version, name="他改的"), by=admin, now=NOW)
    session.commit()
    answer = browser.post(f"/segments/{segment.id}", data=mine)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert 'value="我改的"' in html
    assert "It now reads" in html


def test_a_recount_is_no_change_that_an_editor_must_hear_of(session: Session) -> None:
    segment = make_segment(session)
    version = segment.version
    services.count_again(session, segment, now=NOW)
    session.flush()
    session.refresh(segment)
    assert segment.version == version


def test_a_broken_rule_means_nobody_and_says_so(session: Session, client_for: ClientFor) -> None:
    make_customer(session)
    segment = make_segment(session)
    segment.rule = {"all": [{"field": "gone", "operator": "is", "value": True}]}
    session.flush()
    assert session.scalars(services.members(session, segment, now=NOW)).all() == []
    problem = queries.problem(session, segment.rule)
    assert problem is not None
    assert problem.code == "segments.field_unknown"
    html = client_for(make_user(session, role="lead")).get(f"/segments/{segment.id}")
    assert "This segment means nobody" in html.get_data(as_text=True)


def test_a_segment_in_use_stays(session: Session, app: Flask, client_for: ClientFor) -> None:
    segment = make_segment(session)
    user = {"name": "秋冬焕新", "url": "/activities/1"}
    app.extensions["panels"].offer(
        "segments.used_by",
        Panel("test", "Used", "", lambda _s, ids, _v, _n: {one: [user] for one in ids}),
    )
    browser = client_for(make_user(session, role="lead"))
    answer = browser.post(f"/segments/{segment.id}/deletion")
    assert answer.status_code == 409
    assert "秋冬焕新" in answer.get_data(as_text=True)
    assert "秋冬焕新" in browser.get(f"/segments/{segment.id}").get_data(as_text=True)


def test_deleting_what_is_in_use_is_refused_by_code(session: Session) -> None:
    segment = make_segment(session)
    admin = make_user(session, role="admin")
    with pytest.raises(Conflict) as refused:
        services.delete(session, segment, used_by=["秋冬焕新"], by=admin, now=NOW)
    assert refused.value.code == "segments.in_use"
    services.delete(session, segment, used_by=[], by=admin, now=NOW)
    assert session.scalars(select(Segment)).all() == []


def test_a_copy_begins_with_the_others_rule(session: Session, client_for: ClientFor) -> None:
    segment = make_segment(session, NESTED)
    browser = client_for(make_user(session, role="lead"))
    html = browser.get(f"/segments/new?copy={segment.id}").get_data(as_text=True)
    assert "回头客, copy" in html
    assert 'value="600.50"' in html
    assert browser.get("/segments/new?copy=999").status_code == 404


def test_two_segments_cannot_share_a_name(session: Session) -> None:
    make_segment(session)
    with pytest.raises(Invalid) as refused:
        make_segment(session)
    assert refused.value.code == "segments.name_taken"


def test_stale_counts_are_refreshed_one_by_one(session: Session) -> None:
    make_segment(session, name="一")
    make_segment(session, name="二")
    later = NOW + services.STALE_AFTER * 2
    assert services.count_stale(session, later) is True
    assert services.count_stale(session, later) is False
    assert services.count_stale(session, later) is False
    assert {one.counted_at for one in session.scalars(select(Segment))} == {later}


def test_a_users_text_is_shown_escaped(session: Session, client_for: ClientFor) -> None:
    evil = "<script>alert(1)</script>\"'{{7*7}}"
    rule = {"all": [{"field": "region", "operator": "any_of", "value": [evil]}]}
    segment = make_segment(session, rule, name=evil)
    browser = client_for(make_user(session, role="lead"))
    for address in ("/segments/", f"/segments/{segment.id}"):
        html = browser.get(address).get_data(as_text=True)
        assert "<script>alert" not in html
        assert "&lt;script&gt;" in html


def test_the_pages_need_a_fixed_number_of_statements(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    admin = make_user(session, role="admin")
    browser = client_for(admin)
    segment = make_segment(session, NESTED)
    numbers: list[tuple[int, int]] = []
    for _ in range(2):
        for name in range(6):
            customer = make_customer(session, tags=["VIP"], region="华东")
            make_order(session, customer, amount_fen=20_000)
            make_segment(session, name=f"客群 {len(numbers)} {name}")
        session.commit()
        with count_queries(engine) as index:
            assert browser.get("/segments/").status_code == 200
        with count_queries(engine) as show:
            assert browser.get(f"/segments/{segment.id}").status_code == 200
        numbers.append((len(index), len(show)))
    assert numbers[0] == numbers[1]
    assert max(numbers[0]) <= 30


def test_a_fresh_builder_is_calm_and_says_what_is_missing(
    session: Session, client_for: ClientFor
) -> None:
    client = client_for(make_user(session, role="lead"))
    page = client.get("/segments/new").get_data(as_text=True)
    assert "c-err" not in page
    assert "Enter a number." in page
    assert "Complete the conditions to see the count." in page
    sent = {"n": ["0", "1"], "j.0": "all", "p.1": "0", "f.1": "order_count", "o.1": "at_least"}
    waiting = client.post("/segments/count", data={**sent, "v.1": ""}).get_data(as_text=True)
    assert "c-err" not in waiting
    assert "Enter a number." in waiting
    wrong = client.post("/segments/count", data={**sent, "v.1": "two"}).get_data(as_text=True)
    assert "Condition 1: “two” does not fit this condition." in wrong
    assert "Enter a number." not in wrong
    right = client.post("/segments/count", data={**sent, "v.1": "2"}).get_data(as_text=True)
    assert "c-err" not in right
    assert "Enter a number." not in right


def test_a_yes_or_no_condition_says_yes_before_anybody_chooses() -> None:
    sent = MultiDict([("n", "0"), ("j.0", "all"), ("n", "1"), ("p.1", "0"), ("f.1", "is_internal")])
    draft = Draft.of_form(sent, REGISTRY)
    assert not draft.lacks()
    [condition] = rules.conditions(rules.parse(draft.as_rule(), REGISTRY))
    assert condition.value is True
