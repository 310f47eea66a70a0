"""Files of a list: what stands in them, for whom, and that a broken run can go on."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from crm.core.audit import AuditEntry
from crm.core.errors import Conflict, NotFound
from crm.customers.models import Export, ExportFormat, ExportState, Stage
from crm.customers.queries import exports as queries
from crm.customers.queries.listing import Filters, Tab
from crm.customers.rules import mappings
from crm.customers.services import exporting
from crm.customers.services.exporting import NewExport
from crm.users.models import Role, User
from crm.worker import take_step
from tests.conftest import NOW
from tests.counting import count_queries
from tests.factories.customers import make_customer, make_order
from tests.factories.users import make_admin, make_lead, make_rep

ALL_FIELDS = (
    "external_id", "company", "kind", "phone", "email", "stage", "tags", "owner", "region",
    "source", "note", "amount", "orders", "last_order", "created",
)  # fmt: skip


def ask(session: Session, by: User, locale: str = "en", **wanted: object) -> Export:
    given = {"filters": Filters(), "columns": ALL_FIELDS, **wanted}
    return exporting.request(session, NewExport(**given), by=by, locale=locale, now=NOW)  # type: ignore[arg-type]


def work(sessions: sessionmaker[Session]) -> None:
    while take_step(sessions, exporting.advance):
        pass


def content(session: Session, export: Export, viewer: User) -> list[list[str]]:
    session.refresh(export)
    text = exporting.file_for(session, export, viewer=viewer).read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "ROWS_A_STEP", 3)


@pytest.mark.usefixtures("small_steps")
def test_a_file_holds_every_row_that_its_maker_sees_and_no_other(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    rep, other = make_rep(session), make_rep(session, name="李娜")
    for number in range(7):
        make_customer(session, name=f"客户{number}", owner=rep)
    make_customer(session, name="别人的", owner=other)
    export = ask(session, rep, columns=["owner"])
    session.commit()

    work(sessions)

    rows = content(session, export, rep)
    assert rows[0] == ["Name", "Owner"]
    assert [row[0] for row in rows[1:]] == [f"客户{number}" for number in range(7)]
    assert (export.state, export.position, export.row_count) == (ExportState.DONE, 7, 7)
    assert export.expires_at is not None


def test_a_file_holds_what_the_list_was_narrowed_to(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    lead = make_lead(session)
    make_customer(session, name="有主", owner=lead, stage=Stage.LOYAL)
    make_customer(session, name="公海", stage=Stage.LOYAL)
    make_customer(session, name="新客", owner=lead, stage=Stage.NEW)
    export = ask(
        session, lead, filters=Filters(tab=Tab.MINE, stage=[Stage.LOYAL]), columns=["stage"]
    )
    session.commit()

    work(sessions)

    assert content(session, export, lead) == [["Name", "Stage"], ["有主", "Loyal customer"]]


@pytest.mark.parametrize("locale", ["en", "zh_Hans_CN"])
def test_an_import_knows_every_head_of_what_it_can_take(
    session: Session, sessions: sessionmaker[Session], locale: str
) -> None:
    admin = make_admin(session)
    make_customer(session, name="远山")
    export = ask(session, admin, locale, columns=ALL_FIELDS[:11])
    session.commit()
    work(sessions)

    head = content(session, export, admin)[0]
    mapping = mappings.guess("customers", head, source="")

    assert [
        name for name, _ in sorted(mapping.columns.items(), key=lambda one: head.index(one[1]))
    ] == [
        "name",
        *ALL_FIELDS[:11],
    ]


def test_values_are_written_for_people(session: Session, sessions: sessionmaker[Session]) -> None:
    lead = make_lead(session)
    customer = make_customer(
        session, name="=1+1", owner=lead, phone="13800136217", email="a@b.cn", tags=["甲", "乙"],
        external_id="007", note="两\n行", company="+1",
        created_at=datetime(2026, 11, 18, 17, tzinfo=UTC),
    )  # fmt: skip
    make_order(session, customer, amount_fen=123_450)
    export = ask(session, lead)
    session.commit()
    work(sessions)

    head, row = content(session, export, lead)
    found = dict(zip(head, row, strict=True))
    assert found["Name"] == "'=1+1"
    assert found["Phone"] == "13800136217"
    assert sorted(found["Tags"].split("; ")) == ["乙", "甲"]
    assert found["Total bought"] == "1234.50"
    assert found["Note"] == "两\n行"
    assert found["Record made"] == "2026-11-19 01:00"
    assert found["Owner"] == lead.name


def test_addresses_of_the_pool_are_masked_for_a_rep_and_whole_for_a_lead(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    rep, lead = make_rep(session), make_lead(session)
    make_customer(session, name="公海", phone="13800136217", email="pool@example.com")
    asked = [ask(session, one, columns=["phone", "email"]) for one in (rep, lead)]
    session.commit()
    work(sessions)

    assert content(session, asked[0], rep)[1] == ["公海", "138****6217", "p***@example.com"]
    assert content(session, asked[1], lead)[1] == ["公海", "13800136217", "pool@example.com"]


@pytest.mark.usefixtures("small_steps")
def test_a_step_that_was_killed_after_writing_is_written_again(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    rep = make_rep(session)
    for number in range(5):
        make_customer(session, name=f"客户{number}", owner=rep)
    export = ask(session, rep, columns=["region"])
    session.commit()
    assert exporting.advance(session, NOW) is True
    session.commit()
    path = Path(session.info["var_dir"]) / "exports" / f"{export.public_id}.csv"
    with path.open("ab") as file:
        file.write(b"half a row, then kill -9")

    work(sessions)

    assert [row[0] for row in content(session, export, rep)[1:]] == [f"客户{n}" for n in range(5)]


def test_a_workbook_keeps_texts_as_texts(session: Session, sessions: sessionmaker[Session]) -> None:
    lead = make_lead(session)
    customer = make_customer(session, name="=cmd|' /C calc'!A0", owner=lead, phone="13800136217")
    make_order(session, customer, amount_fen=123_450)
    export = ask(session, lead, format=ExportFormat.XLSX, columns=["phone", "amount"])
    session.commit()

    work(sessions)

    session.refresh(export)
    path = exporting.file_for(session, export, viewer=lead)
    assert path.suffix == ".xlsx"
    assert not path.with_suffix(".csv").exists()
    sheet = _sheet(path)
    assert "<f>" not in sheet
    assert "13800136217</t>" in sheet
    assert "<v>1234.50</v>" in sheet


def test_a_file_is_its_makers_alone_and_only_while_his_rights_last(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    lead, admin = make_lead(session), make_admin(session)
    make_customer(session, owner=lead)
    export = ask(session, lead)
    session.commit()
    work(sessions)
    session.refresh(export)

    with pytest.raises(NotFound):
        queries.get(session, export.public_id, user=admin)
    assert exporting.file_for(session, export, viewer=lead).is_file()
    lead.role = Role.REP
    with pytest.raises(Conflict) as refused:
        exporting.file_for(session, export, viewer=lead)
    assert refused.value.code == "exports.rights_changed"


def test_who_lost_his_rights_meanwhile_gets_no_file(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    lead = make_lead(session)
    export = ask(session, lead)
    lead.disabled_at = NOW
    session.commit()

    work(sessions)

    session.refresh(export)
    assert (export.state, export.error_code) == (ExportState.FAILED, "exports.rights_changed")


def test_an_export_can_be_stopped_and_leaves_nothing(
    session: Session, sessions: sessionmaker[Session]
) -> None:
    rep = make_rep(session)
    export = ask(session, rep)
    with pytest.raises(Conflict) as early:
        exporting.file_for(session, export, viewer=rep)
    exporting.cancel(session, export, now=NOW)
    session.commit()
    work(sessions)

    session.refresh(export)
    assert export.state is ExportState.CANCELLED
    assert early.value.code == "exports.not_done"
    with pytest.raises(Conflict) as refused:
        exporting.cancel(session, export, now=NOW)
    assert refused.value.code == "exports.already_over"


def test_a_file_is_deleted_after_a_week(session: Session, sessions: sessionmaker[Session]) -> None:
    rep = make_rep(session)
    export = ask(session, rep)
    session.commit()
    work(sessions)
    session.refresh(export)
    path = exporting.file_for(session, export, viewer=rep)
    assert export.expires_at is not None

    exporting.forget_expired(session, export.expires_at - timedelta(seconds=1))
    assert path.exists()
    exporting.forget_expired(session, export.expires_at + timedelta(seconds=1))

    assert not path.exists()
    assert export.state is ExportState.EXPIRED
    with pytest.raises(Conflict) as refused:
        exporting.file_for(session, export, viewer=rep)
    assert refused.value.code == "exports.expired"


def test_every_export_is_in_the_audit_with_who_and_how_many(session: Session) -> None:
    rep = make_rep(session)
    make_customer(session, owner=rep)
    export = ask(session, rep, columns=["phone"])

    entry = session.scalars(select(AuditEntry).filter_by(action="customers.export")).one()
    assert (entry.by_id, entry.thing) == (rep.id, f"export:{export.id}")
    assert entry.details == {"format": "csv", "rows": 1, "columns": ["phone"]}


def test_one_person_has_three_under_way_at_most(session: Session) -> None:
    rep = make_rep(session)
    for _ in range(exporting.MOST_AT_ONCE):
        ask(session, rep)
    with pytest.raises(Conflict) as refused:
        ask(session, rep)
    assert refused.value.code == "exports.too_many_at_once"


def test_a_step_needs_the_same_queries_whatever_is_asked_for(
    session: Session, engine: Engine
) -> None:
    rep = make_rep(session)
    for number in range(30):
        make_order(session, make_customer(session, name=f"K{number}", owner=rep, tags=["a"]))
    export = ask(session, rep)
    session.flush()

    with count_queries(engine) as seen:
        exporting.advance(session, NOW)

    assert export.state is ExportState.DONE
    assert len(seen) <= 8


def _sheet(path: Path) -> str:
    from zipfile import ZipFile

    with ZipFile(path) as book:
        names = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        return book.read(names[0]).decode()
