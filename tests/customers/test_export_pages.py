"""Files of the list through HTTP: asked for, watched, fetched, refused."""

import csv
import io
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from crm.core.audit import AuditEntry
from crm.customers.models import Export, ExportState, Stage
from crm.customers.services import exporting, segments
from crm.worker import take_step
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.lists import make_export, make_view
from tests.factories.users import bearer, make_admin, make_lead, make_rep

ClientFor = Callable[[object], FlaskClient]


def work(sessions: sessionmaker[Session]) -> None:
    while take_step(sessions, exporting.advance):
        pass


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_list_on_the_screen_becomes_a_file(
    session: Session, sessions: sessionmaker[Session], client_for: ClientFor
) -> None:
    rep = make_rep(session)
    make_customer(session, name="新来的", owner=rep, stage=Stage.NEW)
    make_customer(session, name="老朋友", owner=rep, stage=Stage.LOYAL)
    client = client_for(rep)

    assert (
        "/exports/new?tab=mine&amp;stage=new" in client.get("/customers/?stage=new&tab=mine").text
    )
    dialog = client.get("/exports/new?tab=mine&stage=new").text
    assert "Export 1 customer" in dialog
    assert 'name="list" value="tab=mine&amp;stage=new"' in dialog
    sent = client.post("/exports/", data={"list": "tab=mine&stage=new", "format": "csv"})
    assert sent.location.endswith("/exports/")
    assert "hx-trigger" in client.get("/exports/").text
    work(sessions)

    listed = client.get("/exports/").text
    assert "hx-trigger" not in listed.split("<main", 1)[1].split("</main>", 1)[0]
    export = session.scalars(select(Export)).one()
    answer = client.get(f"/exports/{export.public_id}/file", buffered=True)
    assert [row[0] for row in rows_of(answer.get_data())] == ["Name", "新来的"]
    assert "attachment" in answer.headers["Content-Disposition"]
    entry = session.scalars(
        select(AuditEntry).filter_by(action="customers.export_downloaded")
    ).one()
    assert (entry.by_id, entry.details) == (rep.id, {"rows": 1})


def test_all_columns_can_be_asked_for(
    session: Session, sessions: sessionmaker[Session], client_for: ClientFor
) -> None:
    rep = make_rep(session)
    make_customer(session, owner=rep, email="a@b.cn")
    client = client_for(rep)
    client.post("/exports/", data={"format": "csv", "all_columns": "true"})
    work(sessions)

    export = session.scalars(select(Export)).one()
    head, row = rows_of(client.get(f"/exports/{export.public_id}/file", buffered=True).get_data())
    assert dict(zip(head, row, strict=True))["E-mail"] == "a@b.cn"


def test_an_export_is_stopped_on_its_page(session: Session, client_for: ClientFor) -> None:
    rep = make_rep(session)
    export = make_export(session, rep)
    client = client_for(rep)
    assert client.get(f"/exports/{export.public_id}/file", buffered=True).status_code == 409

    client.post(f"/exports/{export.public_id}/cancellation")

    session.expire_all()
    assert export.state is ExportState.CANCELLED
    assert "Stopped" in client.get("/exports/").text


def test_nobody_fetches_what_another_person_exported(
    session: Session, client_for: ClientFor
) -> None:
    """T-72."""
    export = make_export(session, make_rep(session))
    for viewer in (make_rep(session), make_lead(session), make_admin(session)):
        assert client_for(viewer).get(f"/exports/{export.public_id}/file").status_code == 404


def test_programs_ask_for_a_view_or_a_segment_as_a_file(
    session: Session, sessions: sessionmaker[Session], client: FlaskClient
) -> None:
    lead = make_lead(session)
    make_customer(session, name="新来的", owner=lead, stage=Stage.NEW)
    make_customer(session, name="老朋友", owner=lead, stage=Stage.LOYAL)
    view = make_view(session, lead, filters={"stage": ["loyal"]}, columns=["stage"])
    rule = {"all": [{"field": "stage", "operator": "any_of", "value": ["new"]}]}
    segment = segments.create(session, segments.Describe("新的", rule), by=lead, now=NOW)
    headers = bearer(session, lead)
    session.commit()

    def names(**wanted: object) -> list[str]:
        asked = client.post("/api/v1/exports", json=wanted, headers=headers)
        assert asked.status_code == 202, asked.get_json()
        address = f"/api/v1/exports/{asked.get_json()['id']}"
        assert client.get(f"{address}/file", headers=headers, buffered=True).status_code == 409
        work(sessions)
        assert client.get(address, headers=headers).get_json()["state"] == "done"
        return [
            row[0]
            for row in rows_of(client.get(f"{address}/file", headers=headers, buffered=True).data)[
                1:
            ]
        ]

    assert names(view=view.public_id) == ["老朋友"]
    assert names(segment=segment.public_id) == ["新来的"]
    assert names(filters={"q": "老朋友"}) == ["老朋友"]
    two = {"view": view.public_id, "segment": segment.public_id}
    assert client.post("/api/v1/exports", json=two, headers=headers).status_code == 422
    assert len(client.get("/api/v1/exports", headers=headers).get_json()["items"]) == 3
