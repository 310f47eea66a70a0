import json
from pathlib import Path

import pytest

from crm.core.errors import Invalid
from crm.customers.rules import mappings

TAOBAO = [
    "订单编号", "买家会员名", "买家支付宝账号", "买家应付货款", "买家应付邮费", "总金额",
    "买家实际支付金额", "订单状态", "买家留言", "收货人姓名", "收货地址", "运送方式", "联系电话",
    "联系手机", "订单创建时间", "订单付款时间", "宝贝标题", "宝贝种类", "物流单号", "物流公司",
    "订单备注", "宝贝总数量",
]  # fmt: skip


def test_a_shops_export_is_understood_without_being_told() -> None:
    found = mappings.guess("orders", TAOBAO, source="天猫")
    mappings.check(found)
    assert found.columns == {
        "number": "订单编号",
        "ordered_at": "订单创建时间",
        "paid_at": "订单付款时间",
        "status": "订单状态",
        "amount": "买家实际支付金额",
        "customer_external_id": "买家会员名",
        "customer_name": "收货人姓名",
        "customer_phone": "联系手机",
    }
    assert not found.has_lines


def test_english_and_chinese_headers_of_customers_are_known() -> None:
    found = mappings.guess("customers", ["Full Name", "E-mail", "Mobile *", "标签", "whatever"])
    assert found.columns == {
        "name": "Full Name",
        "email": "E-mail",
        "phone": "Mobile *",
        "tags": "标签",
    }


def test_a_column_is_used_once() -> None:
    found = mappings.guess("customers", ["联系人", "电话"])
    assert found.columns == {"name": "联系人", "phone": "电话"}


def test_lines_are_told_from_whole_orders() -> None:
    lines = mappings.guess("orders", ["Invoice No", "date", "quantity", "unit price"])
    assert (lines.has_lines, lines.has_orders, lines.sums_lines) == (True, True, True)
    alone = mappings.guess("orders", ["Invoice No", "quantity", "unit price"])
    assert (alone.has_lines, alone.has_orders, alone.sums_lines) == (True, False, False)
    stated = mappings.guess("orders", ["Invoice No", "date", "amount", "quantity", "unit price"])
    assert not stated.sums_lines


def test_a_mapping_survives_its_json() -> None:
    text = """{"kind": "orders", "source": "s", "columns": {"number": "a", "ordered_at": "b",
      "amount": "c"}, "values": {"status": {"1": "paid"}}, "defaults": {"currency": "GBP"},
      "blank": ["NA"], "whole_numbers": ["number"], "cancelled_prefix": "C", "header_row": 3,
      "encoding": "gb18030", "existing": "skip"}"""
    found = mappings.from_json(json.loads(text), kind="orders")
    assert mappings.from_json(json.loads(json.dumps(found.as_json())), kind="orders") == found
    assert (found.header_row, found.values["status"]["1"]) == (3, "paid")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"colums": {}}',
        '{"kind": "customers", "columns": {}}',
        '{"columns": {"number": 1}}',
        '{"columns": ["number"]}',
        '{"columns": {"colour": "c"}}',
        '{"columns": {"number": "a", "ordered_at": "b", "amount": "c"}, "blank": "NA"}',
        '{"columns": {"number": "a", "ordered_at": "b", "amount": "c"}, "existing": "burn"}',
        '{"columns": {"number": "a", "ordered_at": "b", "amount": "c"}, "header_row": -1}',
        '{"columns": {"number": "a", "ordered_at": "b", "amount": "c"}, "header_row": true}',
        '{"columns": {"number": "a", "ordered_at": "b", "amount": "c"}, "source": 7}',
        '{"columns": {"number": "a", "ordered_at": "b", "amount": "c"}, "values": {"status": 1}}',
    ],
)
def test_a_mistake_in_a_mapping_is_refused_rather_than_ignored(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        mappings.from_json(json.loads(text), kind="orders")
    assert refused.value.code == "import.mapping_invalid"


@pytest.mark.parametrize(
    ("kind", "columns", "missing"),
    [
        ("customers", {"region": "地区"}, "name"),
        ("orders", {"ordered_at": "a", "amount": "b"}, "number"),
        ("orders", {"number": "a", "amount": "b"}, "ordered_at"),
        ("orders", {"number": "a", "ordered_at": "b"}, "amount"),
        ("orders", {"number": "a", "product_code": "b"}, "quantity, unit_price"),
    ],
)
def test_a_mapping_that_lacks_what_a_row_needs_is_refused(
    kind: str, columns: dict[str, str], missing: str
) -> None:
    with pytest.raises(Invalid) as refused:
        mappings.from_json({"columns": columns}, kind=kind)
    assert refused.value.code == "import.header_missing"
    assert refused.value.details["fields"] == missing


def test_a_column_that_the_file_lacks_is_named() -> None:
    mapping = mappings.from_json({"columns": {"name": "客户名称"}}, kind="customers")
    assert mappings.match(mapping, ["手机", " 客户 名称* "]) == {"name": 1}
    with pytest.raises(Invalid) as refused:
        mappings.match(mapping, ["手机", "姓名"])
    assert refused.value.code == "import.column_unknown"
    assert refused.value.details["column"] == "客户名称"


@pytest.mark.parametrize("path", sorted(Path("docs/imports").glob("*.json")), ids=lambda p: p.stem)
def test_the_documented_mappings_can_be_used(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    assert mappings.from_json(data, kind=data["kind"]).columns
