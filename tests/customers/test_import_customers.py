import gzip
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.core.errors import Invalid, NotAllowed
from crm.customers.models import (
    ContactPoint,
    Customer,
    CustomerKind,
    CustomerTag,
    Import,
    ImportKind,
    ImportRejection,
    ImportState,
    Stage,
    StageChange,
    StageReason,
    Tag,
)
from crm.customers.rules import mappings
from crm.customers.services import importing, importing_files
from crm.customers.services.importing import NewImport
from crm.users.models import User
from tests.conftest import NOW
from tests.customers.imports import run
from tests.factories.customers import make_customer
from tests.factories.users import make_team, make_user

Bring = Callable[..., Import]
HEADER = "客户编号,客户名称,公司,手机,邮箱,地区,来源,阶段,标签,负责人,备注\n"


@pytest.fixture
def by(session: Session) -> User:
    return make_user(session, name="陈晨", role="admin")


@pytest.fixture
def bring(session: Session, tmp_path: Path, by: User) -> Bring:
    """Import rows of text, with the columns guessed from the header."""

    def brought(text: str, *, existing: str = "fill", user: User | None = None) -> Import:
        path = tmp_path / "customers.csv"
        path.write_text(text, encoding="utf-8")
        columns = text.splitlines()[0].split(",")
        guessed = mappings.guess("customers", columns).as_json() | {"existing": existing}
        mapping = mappings.from_json(guessed, kind="customers")
        return run(session, path, ImportKind.CUSTOMERS, by=user or by, mapping=mapping)

    return brought


def counts(item: Import) -> tuple[int, int, int, int]:
    return item.created_count, item.updated_count, item.unchanged_count, item.rejected_count


def codes(session: Session, item: Import) -> dict[int, str]:
    found = select(ImportRejection.line, ImportRejection.code).where(
        ImportRejection.import_id == item.id
    )
    return {row.line: row.code for row in session.execute(found)}


def customer(session: Session, name: str) -> Customer:
    found = select(Customer).where(Customer.name == name)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def test_a_row_becomes_a_customer_with_everything_it_says(session: Session, bring: Bring) -> None:
    owner = make_user(session, name="李娜")
    item = bring(
        HEADER
        + "C1,单雄信,,138 0013 8000,Shan@Example.COM,杭州,门店,意向,高意向、民宿,李娜,要月结\n"
        + "C2,,明湖酒店,,,苏州,展会,,,,\n"
    )
    assert (item.state, counts(item)) == (ImportState.DONE, (2, 0, 0, 0))

    person = customer(session, "单雄信")
    assert person.phone == "+8613800138000"
    assert person.email == "Shan@example.com"
    assert (person.name_pinyin, person.name_initials) == ("shanxiongxin", "sxx")
    assert (person.external_id, person.source, person.region) == ("C1", "门店", "杭州")
    assert (person.stage, person.stage_since) == (Stage.INTERESTED, NOW)
    assert (person.owner_id, person.note, person.version) == (owner.id, "要月结", 1)
    assert person.kind is CustomerKind.PERSON
    tags = select(Tag.name).join(CustomerTag).where(CustomerTag.customer_id == person.id)
    assert set(session.scalars(tags)) == {"高意向", "民宿"}
    points = select(ContactPoint.address).where(ContactPoint.subject_id == person.subject_id)
    assert set(session.scalars(points)) == {"+8613800138000", "shan@example.com"}
    begun = session.scalars(select(StageChange).where(StageChange.customer_id == person.id)).one()
    assert (begun.before, begun.after, begun.reason) == (None, Stage.INTERESTED, StageReason.IMPORT)
    company = session.scalars(select(Customer).where(Customer.company == "明湖酒店")).one()
    assert (company.kind, company.name_initials) == (CustomerKind.COMPANY, "mhjd")


def test_every_imported_customer_is_in_exactly_one_stage(session: Session, bring: Bring) -> None:
    bring(HEADER + "C1,王芳,,,,,,,,,\nC2,李娜,,,,,,意向,,,\nC3,张伟,,,,,,老客,,,\n")
    found = select(Customer.stage, func.count().label("number")).group_by(Customer.stage)
    stages = {row.stage: row.number for row in session.execute(found)}
    assert stages == {Stage.PROSPECT: 1, Stage.INTERESTED: 1, Stage.REGULAR: 1}


def test_the_same_file_twice_changes_nothing(session: Session, bring: Bring) -> None:
    text = (
        HEADER
        + "C1,王芳,,13800138000,wang@example.com,杭州,门店,,会员,,\n"
        + ",李娜,,13800138001,,,,,,,\n"
        + ",,青石餐饮,,post@example.com,,,,批发,,\n"
    )
    bring(text)
    before = session.execute(select(Customer.__table__).order_by("id")).all()
    again = bring(text)
    assert counts(again) == (0, 0, 3, 0)
    assert session.execute(select(Customer.__table__).order_by("id")).all() == before


def test_a_blank_is_filled_and_a_value_is_kept(session: Session, bring: Bring) -> None:
    known = make_customer(session, name="王芳", phone="13800138000", region="杭州")
    item = bring(HEADER + "C1,王小芳,,+86 13800138000,wang@example.com,上海,,,会员,,\n")
    assert counts(item) == (0, 1, 0, 0)
    found = customer(session, "王芳")
    assert (found.id, found.region, found.email) == (known.id, "杭州", "wang@example.com")
    assert (found.external_id, found.version) == ("C1", 2)
    points = select(ContactPoint.address).where(ContactPoint.subject_id == found.subject_id)
    assert "wang@example.com" in set(session.scalars(points))


def test_the_file_wins_where_the_user_says_so_but_a_blank_cell_never(
    session: Session, bring: Bring
) -> None:
    make_customer(session, name="王芳", phone="13800138000", region="杭州", note="老朋友")
    item = bring(HEADER + ",王小芳,,13800138000,,上海,,老客,,,\n", existing="replace")
    assert counts(item) == (0, 1, 0, 0)
    found = customer(session, "王小芳")
    assert (found.region, found.note, found.name_initials) == ("上海", "老朋友", "wxf")
    assert (found.stage, found.stage_since) == (Stage.REGULAR, NOW)
    moved = session.scalars(select(StageChange).where(StageChange.customer_id == found.id)).all()
    assert [(move.before, move.after) for move in moved] == [(Stage.PROSPECT, Stage.REGULAR)]


def test_known_customers_can_be_left_alone(session: Session, bring: Bring) -> None:
    make_customer(session, name="王芳", phone="13800138000")
    item = bring(HEADER + ",王芳,,13800138000,,上海,,,会员,,\n,李娜,,,,,,,,,\n", existing="skip")
    assert counts(item) == (1, 0, 1, 0)
    assert customer(session, "王芳").region == ""


@pytest.mark.parametrize(
    "row",
    [
        ",王芳,,138-0013-8000,,,,,,,",
        ",,,,WANG@example.com,,,,,,",
        "C1,别名,,,,,门店,,,,",
    ],
)
def test_a_customer_is_known_by_phone_e_mail_or_number(
    session: Session, bring: Bring, row: str
) -> None:
    make_customer(
        session,
        name="王芳",
        phone="13800138000",
        email="Wang@example.com",
        external_id="C1",
        source="门店",
    )
    assert counts(bring(HEADER + row + "\n"))[0] == 0
    assert session.scalar(select(func.count(Customer.id))) == 1


def test_two_numbers_of_one_source_are_two_customers_who_share_a_phone(
    session: Session, bring: Bring
) -> None:
    bring(HEADER + "C1,王芳,,13800138000,,,门店,,,,\nC2,李明,,13800138000,,,门店,,,,\n")
    subjects = session.scalars(select(Customer.subject_id)).all()
    assert len(subjects) == 2
    assert len(set(subjects)) == 1


def test_one_row_with_two_persons_addresses_joins_their_subjects(
    session: Session, bring: Bring
) -> None:
    first = make_customer(
        session, name="王芳", phone="13800138000", external_id="C1", source="门店"
    )
    make_customer(session, name="王", email="wang@example.com", external_id="C2", source="门店")
    bring(HEADER + "C3,小芳,,13800138000,wang@example.com,,门店,,,,\n")
    assert set(session.scalars(select(Customer.subject_id))) == {first.subject_id}
    assert set(session.scalars(select(ContactPoint.subject_id))) == {first.subject_id}


def test_what_cannot_be_taken_comes_back_with_the_reason(session: Session, bring: Bring) -> None:
    make_customer(session, name="甲", phone="13800138010")
    make_customer(session, name="乙", email="yi@example.com")
    item = bring(
        HEADER
        + "C1,王芳,,1380013800,,,,,,,\n"  # 2
        + "C2,李娜,,1.38E+10,,,,,,,\n"  # 3
        + "C3,张伟,,,a@b@c,,,,,,\n"  # 4
        + ",,,,,杭州,,,,,\n"  # 5
        + "C4,赵云,,,,,,贵宾,,,\n"  # 6
        + "C5,马超,,,,,,,,王垒,\n"  # 7
        + "C6,黄忠,,13800138006,,,,,,,\n"  # 8: fine
        + ",黄忠,,138 0013 8006,,,,,,,\n"  # 9: again
        + "C7,关羽,,,,,,,\n"  # 10: too few cells
        + "C8,张飞\x08,,,,,,,,,\n"  # 11
        + ",丙,,13800138010,yi@example.com,,,,,,\n"  # 12: two customers
        + f"C9,{'名' * 121},,,,,,,,,\n"  # 13
    )
    assert counts(item) == (1, 0, 0, 11)
    assert codes(session, item) == {
        2: "customers.phone_invalid",
        3: "customers.phone_as_number",
        4: "customers.email_invalid",
        5: "import.nobody",
        6: "import.value_unknown",
        7: "import.owner_unknown",
        9: "import.repeated",
        10: "import.row_shape",
        11: "import.row_control_character",
        12: "import.match_conflict",
        13: "import.value_too_long",
    }
    again = select(ImportRejection).where(ImportRejection.line == 9)
    kept = session.scalars(again).one()
    assert (kept.value, kept.cells[3]) == ("8", "138 0013 8006")


def test_a_lead_cannot_touch_another_teams_customer(session: Session, bring: Bring) -> None:
    lead = make_user(session, name="孙立", role="lead")
    stranger = make_user(session, name="周婷", team=make_team(session, name="华南组"))
    make_customer(session, name="王芳", phone="13800138000", owner=stranger)
    make_customer(session, name="李娜", phone="13800138001")
    item = bring(
        HEADER + ",王芳,,13800138000,,杭州,,,,,\n,李娜,,13800138001,,杭州,,,,,\n", user=lead
    )
    assert counts(item) == (0, 1, 0, 1)
    assert codes(session, item) == {2: "import.not_yours"}


@pytest.mark.parametrize("role", ["rep", "manager"])
def test_only_leads_and_administrators_import(session: Session, tmp_path: Path, role: str) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(HEADER + "C1,王芳,,,,,,,,,\n", encoding="utf-8")
    with pytest.raises(NotAllowed):
        importing.start(
            session,
            NewImport(ImportKind.CUSTOMERS, path, "customers.csv"),
            by=make_user(session, role=role),
            now=NOW,
        )


def test_a_bad_file_leaves_nothing_behind(session: Session, tmp_path: Path, by: User) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes(b"")
    folder = importing_files.file_of(session, Import(public_id="x")).parent
    before = set(folder.iterdir())
    with pytest.raises(Invalid) as refused:
        importing.start(session, NewImport(ImportKind.CUSTOMERS, path, "a.csv"), by=by, now=NOW)
    assert refused.value.code == "import.file_empty"
    assert session.scalar(select(func.count(Import.id))) == 0
    assert set(folder.iterdir()) == before


def test_the_file_is_kept_under_a_random_name_whatever_it_was_called(
    session: Session, tmp_path: Path, by: User
) -> None:
    path = tmp_path / "x"
    path.write_text("name\n王芳\n", encoding="utf-8")
    for name in ("../../x", "CON", "a\0b", "长" * 300, '"; filename='):
        wanted = NewImport(ImportKind.CUSTOMERS, path, name.replace("\0", ""))
        item = importing.upload(session, wanted, by=by, now=NOW)
        kept = importing_files.file_of(session, item)
        assert kept.name == f"{item.public_id}.csv"
        assert kept.parent.name == "imports"


def test_a_killed_import_goes_on_where_its_last_step_ended(
    session: Session, tmp_path: Path, by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROWS_A_STEP", 7)
    monkeypatch.setattr(importing, "RECORDS_A_STEP", 5)
    path = tmp_path / "many.csv.gz"
    rows = "".join(f"C{n},王芳{n},1380013{n:04d}\n\n" for n in range(50))
    path.write_bytes(gzip.compress(("客户编号,名称,手机\n" + rows).encode("gb18030")))
    wanted = NewImport(ImportKind.CUSTOMERS, path, "many.csv.gz")
    item = importing.start(session, wanted, by=by, now=NOW)
    session.commit()

    steps = 0
    running = True
    while running:
        # The first try of every step is killed before its commit.
        importing.advance_one(session, item, NOW)
        session.rollback()
        session.refresh(item)
        running = importing.advance_one(session, item, NOW + timedelta(seconds=steps))
        session.commit()
        steps += 1

    assert item.state is ImportState.DONE
    assert item.encoding == "gb18030"
    assert counts(item) == (50, 0, 0, 0)
    assert item.position == item.row_count == 100
    assert session.scalar(select(func.count(Customer.id))) == 50
    assert steps > 100 / 7


def test_the_worker_takes_the_oldest_import_and_says_when_all_are_done(
    session: Session, tmp_path: Path, by: User
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("name\n王芳\n", encoding="utf-8")
    wanted = NewImport(ImportKind.CUSTOMERS, path, "x.csv")
    first = importing.start(session, wanted, by=by, now=NOW)
    second = importing.start(session, wanted, by=by, now=NOW)
    waiting = importing.upload(session, wanted, by=by, now=NOW)
    steps = 1
    while importing.advance(session, NOW):
        steps += 1
    assert steps == 2
    assert (first.state, second.state) == (ImportState.DONE, ImportState.DONE)
    assert waiting.state is ImportState.PREPARED
    assert not importing.advance(session, NOW)


def test_an_import_whose_file_is_gone_fails_by_name(
    session: Session, tmp_path: Path, by: User
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("name\n王芳\n", encoding="utf-8")
    wanted = NewImport(ImportKind.CUSTOMERS, path, "x.csv")
    item = importing.start(session, wanted, by=by, now=NOW)
    importing_files.file_of(session, item).unlink()
    assert not importing.advance(session, NOW)
    assert (item.state, item.error_code) == (ImportState.FAILED, "import.file_lost")
