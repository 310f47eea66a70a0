"""Customers and orders that look real and are always the same: a fixed seed, no data set needed."""

import csv
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

SEED = 20261119
CUSTOMERS = 100_000
ORDERS = 268_614

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐"
    "许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉"
    "萍红建国志文辉建平鑫宇浩然子轩梓涵雨欣一诺思远嘉怡"
)
PLACES = (
    "杭州",
    "上海",
    "苏州",
    "南京",
    "宁波",
    "重庆",
    "成都",
    "武汉",
    "广州",
    "深圳",
    "北京",
    "西安",
)
TRADES = (
    "远山民宿",
    "栖木生活馆",
    "木白设计",
    "观澜会所",
    "青石餐饮",
    "合意家具",
    "南风布艺",
    "明湖酒店",
)
SOURCES = ("门店", "小红书", "抖音", "老客推荐", "展会", "官网")
TAGS = ("高意向", "设计师", "民宿", "批发", "会员", "已体验", "爱复购", "要月结")
STAGES = ("潜在", "意向")
START = datetime(2025, 1, 1, 9, 0)  # noqa: DTZ001 - local times, as a shop's export has them


def customers(count: int = CUSTOMERS) -> Iterator[list[str]]:
    """A header and `count` rows: no two share a phone or an address."""
    chance = random.Random(SEED)
    yield ["客户编号", "客户名称", "公司", "手机", "邮箱", "地区", "来源", "阶段", "标签", "备注"]
    for number in range(count):
        name = chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, chance.choice((1, 2, 2))))
        is_company = chance.random() < 0.2
        place = chance.choice(PLACES)
        company = f"{place}{chance.choice(TRADES)}{number % 97}号店" if is_company else ""
        yield [
            f"C{number:07d}",
            name,
            company,
            _phone(number, chance),
            f"Customer{number}@example.com" if chance.random() < 0.6 else "",
            place,
            chance.choice(SOURCES),
            chance.choice(STAGES),
            "、".join(chance.sample(TAGS, chance.choice((0, 0, 1, 2)))),
            "要月结，周末联系" if chance.random() < 0.1 else "",
        ]


def orders(count: int = ORDERS, *, of: int = CUSTOMERS) -> Iterator[list[str]]:
    """A header and `count` orders of the same customers; few of them buy most, as in life."""
    chance = random.Random(SEED + 1)
    times = ["订单创建时间", "订单付款时间"]
    yield ["订单编号", *times, "订单状态", "总金额", "客户编号", "渠道", "联系手机"]
    for number in range(count):
        at = START + timedelta(minutes=chance.randrange(680 * 24 * 60))
        buyer = min(of - 1, int(of * chance.random() ** 1.8))
        status = chance.choices(("交易成功", "已付款", "待付款", "交易关闭"), (80, 10, 4, 6))[0]
        paid = at + timedelta(minutes=chance.randrange(1, 90))
        yield [
            f"D{number:09d}",
            f"{at:%Y-%m-%d %H:%M:%S}",
            f"{paid:%Y-%m-%d %H:%M:%S}" if status in {"交易成功", "已付款"} else "",
            status,
            f"{chance.lognormvariate(5.5, 1):.2f}",
            f"C{buyer:07d}",
            chance.choice(("天猫", "门店", "小程序")),
            f"138{buyer:08d}",
        ]


def write(path: Path, rows: Iterator[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def _phone(number: int, chance: random.Random) -> str:
    digits = f"138{number:08d}"
    return chance.choice(
        (digits, digits, f"+86 {digits}", f"{digits[:3]} {digits[3:7]} {digits[7:]}")
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "customers.csv", customers())
    write(folder / "orders.csv", orders())
