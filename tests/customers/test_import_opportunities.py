"""Opportunities from a file: of customers who are known, twice is once, the Maven pipeline too."""

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.models import (
    Import,
    ImportKind,
    ImportRejection,
    ImportState,
    Opportunity,
    OpportunityStage,
)
from crm.customers.rules import mappings
from crm.customers.rules.mappings import Mapping
from crm.customers.services import importing
from crm.users.models import User
from tests.factories.customers import make_customer
from tests.factories.users import make_lead

HEADER = "商机编号,商机名称,客户名称,联系手机,阶段,金额,进入日期,结束日期,输单原因\n"


def read_in(session: Session, path: Path, by: User, now: datetime, **values: Any) -> Import:
    wanted = importing.NewImport(
        kind=ImportKind.OPPORTUNITIES, path=path, file_name=path.name, **values
    )
    item = importing.start(session, wanted, by=by, now=now)
    while importing.advance_one(session, item, now):
        pass
    return item


def sheet(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "商机.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_deals_find_their_customers_and_the_rest_is_handed_back(
    session: Session, now: datetime, tmp_path: Path
) -> None:
    lead = make_lead(session)
    hotel = make_customer(session, name="", company="远山民宿", owner=lead)
    caller = make_customer(session, name="李明", phone="13800138000")
    make_customer(session, name="张伟")
    make_customer(session, name="张伟")
    path = sheet(
        tmp_path,
        'A1,冬季布草,远山民宿,,谈判,"12,800.00",2026-10-01,,\n'
        "A2,窗帘,,13800138000,输单,500,2026-10-01,2026-11-01,价格\n"
        "A3,地毯,没有此人,,报价,1,,,\n"
        "A4,灯具,张伟,,报价,1,,,\n"
        "A5,沙发,远山民宿,,赢单,1,,,\n",
    )

    item = read_in(session, path, lead, now)

    assert item.state is ImportState.DONE
    assert (item.created_count, item.rejected_count) == (2, 3)
    deals = session.scalars(select(Opportunity).order_by(Opportunity.number)).all()
    assert [(one.customer_id, one.stage, one.amount_fen) for one in deals] == [
        (hotel.id, OpportunityStage.NEGOTIATION, 1_280_000),
        (caller.id, OpportunityStage.LOST, 50_000),
    ]
    assert (deals[0].owner_id, deals[0].entered_on) == (lead.id, date(2026, 10, 1))
    assert (deals[1].closed_on, deals[1].lost_reason) == (date(2026, 11, 1), "价格")
    codes = session.scalars(select(ImportRejection.code).order_by(ImportRejection.line)).all()
    assert codes == [
        "import.customer_unknown",
        "import.customer_unclear",
        "import.value_missing",
    ]


def test_the_same_file_twice_changes_nothing(
    session: Session, now: datetime, tmp_path: Path
) -> None:
    """T-66."""
    lead = make_lead(session)
    make_customer(session, name="", company="远山民宿")
    path = sheet(tmp_path, "A1,布草,远山民宿,,报价,100,,,\nA2,窗帘,远山民宿,,报价,1,,,\n")
    read_in(session, path, lead, now)

    again = read_in(session, path, lead, now)
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 0, 2)

    sheet(tmp_path, "A1,布草,远山民宿,,赢单,120,,2026-11-02,\n")
    changed = read_in(session, path, lead, now)
    assert changed.updated_count == 1
    deal = session.scalars(select(Opportunity).filter_by(number="A1")).one()
    assert (deal.stage, deal.amount_fen) == (OpportunityStage.WON, 12_000)


def test_a_check_writes_nothing(session: Session, now: datetime, tmp_path: Path) -> None:
    lead = make_lead(session)
    make_customer(session, name="", company="远山民宿")
    path = sheet(tmp_path, "A1,布草,远山民宿,,报价,100,,,\nA2,窗帘,谁,,报价,1,,,\n")
    wanted = importing.NewImport(kind=ImportKind.OPPORTUNITIES, path=path, file_name=path.name)
    item = importing.upload(session, wanted, by=lead, now=now)

    importing.check(session, item, importing.mapping_of(item), by=lead, now=now)
    while importing.advance_one(session, item, now):
        pass

    assert item.state is ImportState.CHECKED
    assert (item.created_count, item.rejected_count) == (1, 1)
    assert session.scalar(select(func.count()).select_from(Opportunity)) == 0


def test_a_file_that_names_no_customer_is_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        mappings.check(Mapping(kind="opportunities", columns={"number": "id"}))
    assert refused.value.details["fields"] == "customer"


def test_the_maven_pipeline_comes_in_whole(session: Session, now: datetime, data_dir: Path) -> None:
    """E06: of 8,800 deals those with an account come in, each with its stage and its days."""
    lead = make_lead(session)
    folder = data_dir / "maven_crm_pipeline"
    for line in (folder / "accounts.csv").read_text(encoding="utf-8").splitlines()[1:]:
        make_customer(session, name="", company=line.split(",")[0])

    item = read_in(session, folder / "sales_pipeline.csv", lead, now, source="maven")

    assert item.created_count + item.rejected_count == 8_800
    assert item.rejected_count == 1_425  # no account is named
    counts = Counter(session.scalars(select(Opportunity.stage)))
    assert counts[OpportunityStage.WON] == 4_238
    assert counts[OpportunityStage.WON] + counts[OpportunityStage.LOST] == 6_711
