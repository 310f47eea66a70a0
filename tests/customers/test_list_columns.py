"""The columns of the list: chosen, ordered, kept, sorted by; own fields among them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crm.customers.models import CustomerView, CustomField, FieldKind, Stage
from crm.customers.queries import listing
from crm.customers.queries.listing import At, Filters
from crm.customers.rules import columns as rules
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_order
from tests.factories.lists import make_view
from tests.factories.users import make_admin, make_rep

ClientFor = Callable[[object], FlaskClient]


def make_field(session: Session, label: str, kind: FieldKind, position: int = 1) -> CustomField:
    made = CustomField(
        label=label,
        kind=kind,
        choices=[{"key": "c1", "label": "木作"}, {"key": "c2", "label": "灯具"}],
        position=position,
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(made)
    session.flush()
    return made


def heads_of(page: str) -> list[str]:
    table = page.split("<thead>", 1)[1].split("</thead>", 1)[0]
    cells = re.findall(r"<th[^>]*>(.*?)</th>", table, re.S)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells[1:]]


def test_columns_are_chosen_for_oneself_and_stay(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    make_customer(session, name="远山", owner=rep, region="杭州", company="远山民宿", note="爱喝茶")
    client = client_for(rep)
    usual = heads_of(client.get("/customers/?tab=all").text)
    assert usual[0] == "Customer"

    sent = {"columns": ["region", "note", "stage", "nonsense"], "list": "tab=all"}
    assert client.post("/customers/columns/", data=sent).status_code == 303
    page = client.get("/customers/?tab=all").text

    assert heads_of(page) == ["Customer", "Region", "Note", "Stage"]
    assert "爱喝茶" in page
    client.post("/customers/columns/", data={"_usual": "1", "list": "tab=all"})
    assert heads_of(client.get("/customers/?tab=all").text) == usual


def test_columns_in_a_view_are_the_views_until_it_is_saved(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    make_customer(session, owner=rep)
    view = make_view(session, rep, columns=["stage"])
    client = client_for(rep)

    sent = {"columns": ["region"], "list": f"view={view.id}"}
    edited = client.post("/customers/columns/", data=sent).location
    assert heads_of(client.get(edited).text) == ["Customer", "Region"]
    assert "unsaved changes" in client.get(edited).text
    assert heads_of(client.get(f"/customers/?view={view.id}").text) == ["Customer", "Stage"]
    session.expire_all()
    assert session.get_one(CustomerView, view.id).columns == ["stage"]


def test_a_column_moves_by_its_buttons(session: Session, client_for: ClientFor) -> None:
    client = client_for(make_rep(session))
    sent = {"columns": ["stage", "tags", "owner"], "_move": "left:owner", "list": "tab=all"}
    chooser = client.post("/customers/columns/", data=sent).text
    ticked = re.findall(r'name="columns" value="([^"]+)" checked', chooser)
    assert ticked == ["stage", "owner", "tags"]


def test_moving_stops_at_the_ends() -> None:
    assert rules.moved(["a", "b"], "a", -1) == ["a", "b"]
    assert rules.moved(["a", "b"], "b", 1) == ["a", "b"]
    assert rules.moved(["a", "b"], "c", 1) == ["a", "b"]
    assert rules.chosen(["name", "b", "b", "x"], ["name", "a", "b"]) == ["b"]


def test_what_is_not_shown_is_not_loaded(session: Session, engine: Engine) -> None:
    rep = make_rep(session)
    make_customer(session, owner=rep, tags=["a"])
    session.commit()
    session.expunge_all()

    with count_queries(engine) as seen:
        listing.page(session, Filters(), viewer=rep, now=NOW, at=At(shown=["region"]))

    assert not any("customer_tags" in statement for statement in seen)
    assert not any("customers.note" in statement for statement in seen)
    assert not any("customers.custom" in statement for statement in seen)


@pytest.mark.parametrize("sort", sorted(listing.SORTS))
@pytest.mark.parametrize("down", [False, True])
def test_the_list_sorts_by_every_column_page_by_page(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    sort: str,
    down: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    rep = make_rep(session)
    stages = list(Stage)
    for number in range(5):
        filled: dict[str, Any] = {
            "region": f"R{number % 2}",
            "points": number % 3,
            "member_level": f"L{number}",
        }
        customer = make_customer(
            session, name=f"K{number}", owner=rep if number else None, stage=stages[number],
            **(filled if number % 2 else {}),
        )  # fmt: skip
        if number > 1:
            make_order(session, customer, amount_fen=100 * number)
    wanted = Filters(sort=sort, down=down)
    seen: list[int] = []
    cursor: str | None = None
    while True:
        found = listing.page(session, wanted, viewer=rep, now=NOW, at=At(cursor))
        seen += [customer.id for customer in found.items]
        cursor = found.next_cursor
        if cursor is None:
            break

    assert len(seen) == 5
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("kind", "values", "shown", "asked"),
    [
        (FieldKind.TEXT, ["乙", "甲", None], ["乙", "甲"], ("甲", 1)),
        (FieldKind.NUMBER, ["12.5", "3", None], ["3", "12.5"], ("12.50", 1)),
        (FieldKind.MONEY, [123_400, 50, None], ["¥0.50", "¥1,234"], ("1234", 1)),
        (
            FieldKind.DATE,
            ["2026-11-20", "2026-01-02", None],
            ["2026-01-02", "2026-11-20"],
            ("2026-01-02", 1),
        ),
        (FieldKind.YES_NO, [True, False, None], ["No", "Yes"], ("yes", 1)),
        (FieldKind.CHOICE, ["c2", "c1", None], ["木作", "灯具"], ("c1", 1)),
        (FieldKind.MULTI_CHOICE, [["c1", "c2"], ["c1"], None], [], ("c1", 2)),
        (FieldKind.PHONE, ["+8613800136217", None, None], ["138****6217"], ("6217", 1)),
    ],
)
def test_an_own_field_is_a_column_a_sort_and_a_filter(
    session: Session, client_for: ClientFor, kind: FieldKind, values: list[object],
    shown: list[str], asked: tuple[str, int],
) -> None:  # fmt: skip
    rep = make_rep(session)
    own = make_field(session, "材质偏好", kind)
    for number, value in enumerate(values):
        held = {} if value is None else {own.key: value}
        make_customer(session, name=f"K{number}", owner=rep, custom=held)
    client = client_for(rep)
    client.post("/customers/columns/", data={"columns": [own.name], "list": "tab=all"})

    page = client.get(f"/customers/?sort={own.name}").text
    assert heads_of(page) == ["Customer", "材质偏好"]
    places = [page.index(f'hx-swap="outerHTML">{text}<') for text in shown]
    assert places == sorted(places)
    value, count = asked
    narrowed = client.get("/customers/", query_string={own.name: value}).text
    assert narrowed.count('class="c-name"') == count
    assert "材质偏好" in narrowed
    by_form = client.get("/customers/", query_string={"own_field": own.name, "own_value": value})
    assert by_form.text.count('class="c-name"') == count


def test_two_hundred_own_fields_change_nothing_about_the_queries(
    session: Session, client_for: ClientFor, engine: Engine
) -> None:
    """T-79."""
    admin = make_admin(session)
    for number in range(3):
        make_customer(session, name=f"K{number}", owner=admin)
    client = client_for(admin)
    with count_queries(engine) as none:
        client.get("/customers/?tab=all")
    fields = [make_field(session, f"F{number}", FieldKind.TEXT, number) for number in range(200)]
    last = fields[-1]
    make_customer(session, name="有值", owner=admin, custom={last.key: "红木"})
    session.commit()

    with count_queries(engine) as many:
        client.get("/customers/?tab=all")
    client.post("/customers/columns/", data={"columns": [last.name], "list": "tab=all"})
    with count_queries(engine) as shown:
        page = client.get(f"/customers/?sort={last.name}&{last.name}=红木").text

    assert len(many) == len(none)
    assert len(shown) <= len(none)
    assert "红木" in page
    assert page.count('class="c-name"') == 1


def test_a_sort_by_a_field_that_is_gone_is_refused_and_a_view_falls_back(
    session: Session, client_for: ClientFor
) -> None:
    rep = make_rep(session)
    own = make_field(session, "旧的", FieldKind.TEXT)
    own.is_archived = True
    view = make_view(session, rep, sort=own.name, filters={own.name: "x"})
    client = client_for(rep)

    assert client.get(f"/customers/?sort={own.name}").status_code == 422
    assert client.get(f"/customers/?view={view.id}").status_code == 200
