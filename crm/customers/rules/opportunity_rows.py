"""A row of an opportunities file made into what it says about a deal and its customer."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from crm.core import money
from crm.customers.models import OpportunityStage
from crm.customers.rules import normalise
from crm.customers.rules.cells import Cells, Refused, must_be_sound, value_of, word
from crm.customers.rules.headers import HEADERS, OPPORTUNITIES
from crm.customers.rules.mappings import Mapping

STAGE_WORDS = {
    "初步接触": OpportunityStage.CONTACT, "接触": OpportunityStage.CONTACT,
    "prospecting": OpportunityStage.CONTACT, "需求确认": OpportunityStage.NEEDS,
    "engaging": OpportunityStage.NEEDS, "方案报价": OpportunityStage.QUOTE,
    "报价": OpportunityStage.QUOTE, "proposal": OpportunityStage.QUOTE,
    "商务谈判": OpportunityStage.NEGOTIATION, "谈判": OpportunityStage.NEGOTIATION,
    "赢单": OpportunityStage.WON, "成交": OpportunityStage.WON, "closed won": OpportunityStage.WON,
    "输单": OpportunityStage.LOST, "丢单": OpportunityStage.LOST,
    "closed lost": OpportunityStage.LOST,
    **{stage.value: stage for stage in OpportunityStage},
}  # fmt: skip


class OpportunityRow(NamedTuple):
    """A deal as the file has it; the customer by number, phone, e-mail or name."""

    row: int
    number: str
    title: str
    stage: OpportunityStage
    amount_fen: int
    product: str
    entered_on: date | None
    expected_on: date | None
    closed_on: date | None
    lost_reason: str
    customer_number: str
    phone: str | None
    email: str | None
    customer: str


class OpportunityRows:
    """Reads the rows of an opportunities file."""

    def __init__(self, mapping: Mapping, places: dict[str, int], width: int) -> None:
        self.source = mapping.source
        self.existing = mapping.existing
        self._cells = Cells(mapping, places, HEADERS[OPPORTUNITIES])
        self._width = width

    def read(self, row: int, cells: Sequence[str]) -> OpportunityRow:
        must_be_sound(cells, self._width)
        get = self._cells.read(cells).get
        number, product, customer = get("number", ""), get("product", ""), get("customer", "")
        if not number:
            raise Refused("import.value_missing", field="number")
        stage = word("stage", STAGE_WORDS, get("stage")) or OpportunityStage.CONTACT
        closed_on = value_of("closed_on", normalise.day, get("closed_on"))
        if stage.is_open:
            closed_on = None
        elif closed_on is None:
            raise Refused("import.value_missing", field="closed_on")
        return OpportunityRow(
            row,
            number,
            (get("title") or product or customer or number)[:160],
            stage,
            value_of("amount", money.parse_fen, get("amount")) or 0,
            product,
            value_of("entered_on", normalise.day, get("entered_on")),
            value_of("expected_on", normalise.day, get("expected_on")),
            closed_on,
            get("lost_reason", ""),
            get("customer_number", ""),
            value_of("customer_phone", normalise.phone, get("customer_phone")),
            value_of("customer_email", normalise.email, get("customer_email")),
            customer,
        )
