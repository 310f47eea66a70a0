"""The demo shop 青禾家居: invented people, customers and orders, and one activity under way.

Everything goes through the product's own doors (import, launch, planning, log), with invented
clocks in the past, so that the demo is also a walk through the whole loop.
"""

import csv
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.activities.models import Activity, GoalKind
from crm.activities.services import execution, planning
from crm.core.company import company
from crm.core.db import Sessions
from crm.customers.models import (
    Channel,
    Customer,
    FieldKind,
    ImportKind,
    OpportunityStage,
    Segment,
    Tag,
    TagColour,
)
from crm.customers.services import (
    custom_fields,
    importing,
    opportunities,
    persons,
    pool,
    scores,
    segment_tracking,
    segments,
    tag_settings,
)
from crm.customers.services.custom_fields import DefineField
from crm.followups import services as followups
from crm.followups.models import FollowUp, Outcome
from crm.users import services as users
from crm.users.models import Role, User
from crm.users.services import passwords

SEED = 20261119
CUSTOMERS, ORDERS = 260, 640
LEFT_OPEN = 0.12  # the share of due contacts that stays overdue
#: Phones 1 nn 0000 nnnn with a last block that counts up: invented, never to be dialled.
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = (
    "子涵", "雨桐", "浩然", "欣怡", "梓轩", "诗涵", "宇航", "佳怡", "明哲", "若溪", "文博",
    "晓雯", "思远", "嘉树", "静姝", "一凡", "知遥", "曼宁", "海涛", "丽", "岚", "建国", "志明",
    "晚晴",
)  # fmt: skip
SHOPS = (
    "远山民宿", "蓝湾精品酒店", "禾岸整装设计", "栖木生活馆", "观澜会所", "青舍公寓",
    "云杉设计工作室", "半亩花田民宿", "听雨茶舍", "松间酒店", "南栀生活", "拾光家居馆",
    "白鹭公寓", "木棉酒店",
)  # fmt: skip
CITIES = ("杭州", "上海", "苏州", "宁波", "南京", "广州", "深圳", "厦门", "成都", "武汉")
SOURCES = ("门店", "小红书", "官网表单", "老客转介绍", "抖音直播", "展会")
TAGS = ("民宿", "酒店", "设计师", "经销", "高复购", "亲子", "金卡", "银卡", "双11 首购")
#: The shop's own questions about a customer, beside what the program asks anyway.
FIELDS = (
    DefineField("房屋类型", FieldKind.CHOICE, ("民宿", "酒店", "住宅", "办公")),
    DefineField("偏好材质", FieldKind.MULTI_CHOICE, ("实木", "藤编", "亚麻", "岩板")),
    DefineField("装修预算", FieldKind.MONEY),
    DefineField("交房日期", FieldKind.DATE),
)
GROUPS = (
    ("行业", TagColour.INDIGO, ("民宿", "酒店", "设计师", "经销")),
    ("会员", TagColour.AMBER, ("金卡", "银卡")),
)
LEVELS = ("", "银卡", "金卡", "黑金卡")
#: How a contact goes and how many days later the next one is planned.
WAYS = (
    (Outcome.REACHED, 7),
    (Outcome.INTERESTED, 3),
    (Outcome.INVITED, 3),
    (Outcome.NO_ANSWER, 1),
    (Outcome.REVISITED, 3),
    (Outcome.DEAL, 30),
    (Outcome.REFUSED, 0),
)
WEIGHTS = (26, 22, 18, 14, 8, 8, 4)
NOTES = ("问了尺寸和交期", "想看亚麻色卡", "下周到店看样", "等月底预算", "")
DEALS = ("布草更新", "软装整包", "窗帘定制", "年度框架")
DEAL_STAGES = (*OpportunityStage, OpportunityStage.CONTACT, OpportunityStage.QUOTE)
EAST, SOUTH = "华东组", "华南组"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    role: Role
    team: str | None


PEOPLE = (
    Person("李娜", "lina@qinghe.example", Role.REP, EAST),
    Person("王磊", "wanglei@qinghe.example", Role.REP, EAST),
    Person("张伟", "zhangwei@qinghe.example", Role.REP, EAST),
    Person("陈静", "chenjing@qinghe.example", Role.LEAD, EAST),
    Person("林悦", "linyue@qinghe.example", Role.REP, SOUTH),
    Person("黄勇", "huangyong@qinghe.example", Role.LEAD, SOUTH),
    Person("周敏", "zhoumin@qinghe.example", Role.MANAGER, None),
    Person("孙立", "sunli@qinghe.example", Role.ADMIN, None),
)
REPS = tuple(person for person in PEOPLE if person.role is Role.REP)


def make(sessions: Sessions, *, now: datetime) -> Iterator[str]:
    """Fill an empty database; yields what to tell, the sign-ins among it, at the end."""
    shop = _Shop(sessions, now)
    password = shop.people()
    shop.own_fields()
    shop.read_in(ImportKind.CUSTOMERS, shop.customer_rows())
    shop.groups_and_persons()
    shop.read_in(ImportKind.ORDERS, shop.order_rows())
    shop.segments()
    shop.pool_rules()
    shop.opportunities()
    shop.running_activity()
    shop.planned_activity()
    yield "The demo shop is ready. Sign in with (this is shown once):"
    for person in PEOPLE:
        yield f"  {person.email:28} {password}   {person.name}, {person.role.value}"


class _Shop:
    def __init__(self, sessions: Sessions, now: datetime) -> None:
        self._sessions = sessions
        self._now = now
        self._random = random.Random(SEED)  # noqa: S311 - invented data, the same every time
        self._phones: list[str] = []

    def people(self) -> str:
        """One password for all of them, made anew for each demo shop."""
        password = passwords.one_time()
        opened = self._now - timedelta(days=400)
        with self._sessions.begin() as session:
            teams = {
                name: users.add_team(session, users.NewTeam(name), by=None, now=opened).id
                for name in (EAST, SOUTH)
            }
            for person in PEOPLE:
                wanted = users.NewUser(
                    email=person.email,
                    name=person.name,
                    role=person.role,
                    team_id=teams[person.team] if person.team else None,
                )
                users.add(session, wanted, by=None, now=opened, password=password)
        return password

    def own_fields(self) -> None:
        with self._sessions.begin() as session:
            by = self._user(session, "孙立")
            for wanted in FIELDS:
                custom_fields.create(session, wanted, by=by, now=self._now)

    def groups_and_persons(self) -> None:
        """Tags in two coloured groups; some shops with a buyer beside the owner."""
        with self._sessions.begin() as session:
            by, now = self._user(session, "孙立"), self._now
            for name, colour, tags in GROUPS:
                wanted = tag_settings.DescribeGroup(name, colour)
                group = tag_settings.add_group(session, wanted, by=by, now=now)
                for tag in session.scalars(select(Tag).where(Tag.name.in_(tags))).all():
                    revised = tag_settings.ReviseTag(tag.name, group.id)
                    tag_settings.revise(session, tag, revised, by=by, now=now)
            shops = select(Customer).where(Customer.company != "").order_by(Customer.id).limit(12)
            for place, shop in enumerate(session.scalars(shops).all()):
                buyer = persons.DescribePerson(
                    name=SURNAMES[place] + GIVEN[-place - 1],
                    role="采购",
                    phone=f"1360000{place:04d}",
                    is_main=True,
                )
                persons.add(session, shop, buyer, by=by, now=now)

    def customer_rows(self) -> Iterator[Sequence[str]]:
        yield (
            *("姓名", "公司", "手机", "邮箱", "地区", "来源", "标签", "负责人"),
            *("性别", "生日", "会员级别", "积分", *(field.label for field in FIELDS)),
        )
        draw = self._random
        for place in range(CUSTOMERS):
            phone = f"1{draw.choice(('38', '39', '58', '86', '37'))}0000{place:04d}"
            self._phones.append(phone)
            is_shop = place % 5 == 0
            shop = draw.choice(CITIES) + draw.choice(SHOPS) if is_shop else ""
            owner = (
                REPS[place % (len(REPS) + 1)].name if place % (len(REPS) + 1) < len(REPS) else ""
            )
            yield (
                draw.choice(SURNAMES) + draw.choice(GIVEN),
                shop,
                phone,
                f"kehu{place}@customer.example" if place % 3 else "",
                draw.choice(CITIES),
                draw.choice(SOURCES),
                "、".join(draw.sample(TAGS, draw.choice((0, 1, 1, 2)))),
                owner,
                *self._profile(place),
            )

    def _profile(self, place: int) -> Sequence[str]:
        """What is known of a customer; of a third nothing but the name."""
        if place % 3 == 0:
            return ("",) * 8
        level = LEVELS[place % len(LEVELS)]
        house, material = FIELDS[0].choices, FIELDS[1].choices
        return (
            "男" if place % 2 else "女",
            f"{1968 + place % 34}-{1 + place % 12:02d}-{1 + place % 28:02d}",
            level,
            str(place * 7 % 900) if level else "",
            house[place % 4],
            f"{material[place % 4]}；{material[(place + 1) % 4]}",
            f"{place % 9 + 1}万",
            f"{self._now.year + 1}-{1 + place % 12:02d}-15" if place % 5 == 0 else "",
        )

    def order_rows(self) -> Iterator[Sequence[str]]:
        """Some customers buy often, many once, some never; the last year, more towards its end."""
        yield ("订单编号", "下单时间", "付款时间", "订单状态", "实付金额", "手机")
        draw = self._random
        buyers = self._phones[: CUSTOMERS * 7 // 10]
        zone = self._zone()
        for place in range(ORDERS):
            phone = buyers[int(len(buyers) * draw.random() ** 2)]
            days = int(365 * draw.random() ** 1.4)
            at = (self._now - timedelta(days=days, minutes=draw.randrange(600))).astimezone(zone)
            amount = Decimal(draw.choice((198, 299, 459, 680, 899, 1280, 2460, 5800)))
            status = "已取消" if place % 41 == 0 else "交易成功"
            when = f"{at:%Y-%m-%d %H:%M:%S}"
            yield (f"QH{place:06d}", when, when, status, f"{amount}", phone)

    def read_in(self, kind: ImportKind, rows: Iterator[Sequence[str]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{kind.value}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
            with self._sessions.begin() as session:
                wanted = importing.NewImport(
                    kind=kind, path=path, file_name=path.name, source="青禾商城"
                )
                importing.start(session, wanted, by=self._user(session, "孙立"), now=self._now)
        self._until_done(importing.advance, self._now)

    def segments(self) -> None:
        with self._sessions.begin() as session:
            lead = self._user(session, "陈静")
            scores.recompute(session, now=self._now)
            segments.create_defaults(session, lead, self._now)
            self._a_week_of_moves(session)

    def _a_week_of_moves(self, session: Session) -> None:
        """As if the worker had looked every few days: relative dates alone move customers."""
        for segment in session.scalars(select(Segment)):
            for days in (10, 3, 0):
                at = self._now - timedelta(days=days)
                segment_tracking.look(session, segment, now=at)

    def pool_rules(self) -> None:
        """Customers go back to the pool after a month of silence."""
        rules = pool.PoolRules(most_owned=80, return_after_days=30, cool_down_days=7)
        with self._sessions.begin() as session:
            pool.change(session, rules, by=self._user(session, "孙立"), now=self._now)

    def opportunities(self) -> None:
        """Deals with some of the shops, most of them open."""
        with self._sessions.begin() as session:
            today = company(session).day_of(self._now)
            shops = select(Customer).where(Customer.company != "", Customer.owner_id.is_not(None))
            for place, customer in enumerate(
                session.scalars(shops.order_by(Customer.id).limit(24))
            ):
                stage = DEAL_STAGES[place % len(DEAL_STAGES)]
                deal = opportunities.Deal(
                    title=f"{customer.company} {DEALS[place % len(DEALS)]}",
                    stage=stage,
                    amount_fen=self._random.choice((1_280_000, 2_460_000, 5_800_000, 9_600_000)),
                    entered_on=today - timedelta(days=10 + place * 3),
                    expected_on=today + timedelta(days=5 + place * 2),
                    lost_reason="选了报价更低的一家" if stage is OpportunityStage.LOST else "",
                )
                owner = session.get_one(User, customer.owner_id)
                opportunities.create(session, customer, deal, by=owner, now=self._now)

    def running_activity(self) -> None:
        """Launched nine days ago, contacts planned by the worker's own step, many logged since."""
        began = self._now - timedelta(days=9)
        with self._sessions.begin() as session:
            lead = self._user(session, "陈静")
            activity = self._draft(session, "秋冬焕新 · 老客复购季", lead, began, days=16)
            self._goals(session, activity, lead, began)
            names = ("老客",)
            for priority, name in enumerate(names, 1):
                plan = planning.PlanDraft(
                    segment_id=self._segment(session, name), priority=priority
                )
                planning.add_plan(session, activity.id, plan, by=lead, now=began)
            execution.launch(session, activity.id, by=lead, now=began)
        self._until_done(followups.plan_contacts, began)
        self._work_through(began)

    def planned_activity(self) -> None:
        """The next one is being planned: its goal stands, it is not launched."""
        with self._sessions.begin() as session:
            lead = self._user(session, "陈静")
            activity = self._draft(
                session, "双12 会员回馈季", lead, self._now + timedelta(days=12), days=12
            )
            self._goals(session, activity, lead, self._now)

    def _work_through(self, began: datetime) -> None:
        """Reps log most of what fell due, day by day; a few stay overdue for today."""
        for day in range(9):
            at = began + timedelta(days=day, hours=1)
            with self._sessions.begin() as session:
                due = session.scalars(
                    select(FollowUp)
                    .where(FollowUp.completed_at.is_(None), FollowUp.due_at <= at)
                    .order_by(FollowUp.id)
                    .limit(34)
                ).all()
                todo = [(followup.id, followup.customer_id, followup.owner_id) for followup in due]
            for followup_id, customer_id, owner_id in todo:
                if self._random.random() < LEFT_OPEN:
                    continue
                with self._sessions.begin() as session:
                    by = session.get_one(User, owner_id)
                    followups.log(session, self._done(followup_id, customer_id, at), by=by, now=at)

    def _done(self, followup_id: int, customer_id: int, at: datetime) -> followups.Log:
        draw = self._random
        outcome, days = draw.choices(WAYS, WEIGHTS)[0]
        return followups.Log(
            customer_id=customer_id,
            followup_id=followup_id,
            channel=draw.choice((Channel.PHONE, Channel.PHONE, Channel.WECHAT, Channel.VISIT)),
            outcome=outcome,
            note=draw.choice(NOTES),
            next_at=self._morning(at, days) if days else None,
        )

    def _morning(self, at: datetime, days: int) -> datetime:
        """A working hour of the company's day, so many days later."""
        with self._sessions() as session:
            house = company(session)
        midnight = house.day_start(house.day_of(at) + timedelta(days=days))
        return midnight + timedelta(hours=self._random.choice((9, 10, 14, 15)))

    def _draft(
        self, session: Session, title: str, lead: User, start: datetime, *, days: int
    ) -> Activity:
        house = company(session)
        first = house.day_of(start)
        draft = planning.Draft(
            title=title,
            starts_on=first,
            ends_on=first + timedelta(days=days),
            purpose="老客在换季时再买一次，靠人去联系，不靠降价。",
        )
        return planning.create(session, draft, by=lead, now=min(start, self._now))

    def _goals(self, session: Session, activity: Activity, lead: User, now: datetime) -> None:
        deals = planning.GoalDraft(metric="deals", target=Decimal(16), baseline=Decimal(11))
        planning.add_goal(session, activity.id, deals, by=lead, now=now)
        guard = planning.GoalDraft(metric="conversion", target=Decimal(8), kind=GoalKind.GUARDRAIL)
        planning.add_goal(session, activity.id, guard, by=lead, now=now)

    def _segment(self, session: Session, name: str) -> int:
        found = session.scalars(select(Segment).where(Segment.name.contains(name))).first()
        if found is None:
            raise LookupError(name)
        return found.id

    def _user(self, session: Session, name: str) -> User:
        return session.scalars(select(User).where(User.name == name)).one()

    def _zone(self) -> ZoneInfo:
        with self._sessions() as session:
            return company(session).zone

    def _until_done(self, advance: Callable[[Session, datetime], bool], now: datetime) -> None:
        more = True
        while more:
            with self._sessions.begin() as session:
                more = advance(session, now)
