import gc
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core import bulk
from crm.customers.models import ContactPoint, ContactSubject, PointKind, Tag
from tests.conftest import NOW


def test_rows_go_in_with_the_ids_drawn_for_them_and_come_out_as_they_were(
    session: Session,
) -> None:
    first, second = bulk.new_ids(session, ContactSubject, 2)
    times = {first: NOW, second: NOW + timedelta(seconds=1)}
    bulk.insert_rows(
        session, ContactSubject, ("created_at", "id"), [(t, i) for i, t in times.items()]
    )
    found = session.execute(select(ContactSubject.id, ContactSubject.created_at))
    assert {row.id: row.created_at for row in found} == times

    session.add(ContactSubject(created_at=NOW))
    session.flush()  # the next id of the usual way is not one of ours
    assert session.scalar(select(func.count(ContactSubject.id))) == 3


def test_enums_and_texts_are_stored_as_everywhere_else(session: Session) -> None:
    (subject_id,) = bulk.new_ids(session, ContactSubject, 1)
    bulk.insert_rows(session, ContactSubject, ("id", "created_at"), [(subject_id, NOW)])
    nasty = "tab\t, backslash \\N, quote \"', line\nbreak and 㴪𠮷"
    bulk.insert_rows(
        session,
        ContactPoint,
        ("subject_id", "kind", "address"),
        [(subject_id, PointKind.EMAIL, nasty), (subject_id, PointKind.PHONE, "\\N")],
    )
    found = session.execute(select(ContactPoint.kind, ContactPoint.address).order_by("id")).all()
    assert [tuple(row) for row in found] == [(PointKind.EMAIL, nasty), (PointKind.PHONE, "\\N")]


def test_a_column_that_would_need_its_default_is_missed_at_once(session: Session) -> None:
    with pytest.raises(Exception, match="created_at"):
        bulk.insert_rows(session, Tag, ("name",), [("会员",)])


def test_nothing_to_insert_is_nothing_sent(session: Session) -> None:
    bulk.insert_rows(session, Tag, ("no such column",), [])
    assert session.scalar(select(func.count(Tag.id))) == 0


def test_many_values_are_found_among_many(session: Session) -> None:
    names = [f"标签 {n}" for n in range(5_000)]
    rows = [(name, NOW) for name in names[::2]]
    bulk.insert_rows(session, Tag, ("name", "created_at"), rows)
    by_name = select(func.count(Tag.id)).where(bulk.among(session, Tag.name, names))
    assert session.scalar(by_name) == 2_500
    ids = session.scalars(select(Tag.id).limit(7)).all()
    assert session.scalar(select(func.count(Tag.id)).where(bulk.among(session, Tag.id, ids))) == 7
    assert session.scalar(select(func.count(Tag.id)).where(bulk.among(session, Tag.id, []))) == 0
    bulk.refresh_statistics(session, Tag)


def test_the_collector_works_again_after_a_bulk_also_after_a_failure() -> None:
    with bulk.uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="row"), bulk.uncollected():
        raise ValueError("row")
    assert gc.isenabled()
