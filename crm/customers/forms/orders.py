"""How an order by hand meets HTML."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from crm.core import money
from crm.core.company import Company
from crm.customers.models import Order, OrderLine, OrderStatus
from crm.customers.schemas.orders import LINES, EditOrderIn, GiveBackIn, HandOrderIn
from crm.customers.services.ordering import GiveBack, HandOrder
from crm.web.forms import Form

STATUSES: Mapping[OrderStatus, Any] = {
    OrderStatus.PAID: _l("Paid"),
    OrderStatus.COMPLETED: _l("Completed"),
    OrderStatus.UNPAID: _l("Unpaid"),
    OrderStatus.DRAFT: _l("Draft"),
    OrderStatus.CANCELLED: _l("Cancelled"),
    OrderStatus.VOID: _l("Void"),
}
PLACES = range(1, LINES + 1)


class OrderForm(Form[HandOrder]):
    schema = HandOrderIn
    labels: ClassVar[Mapping[str, Any]] = {
        "ordered_at": _l("Ordered"),
        "amount": _l("Amount"),
        "status": _l("State"),
        "channel": _l("Sold through"),
        "number": _l("Order number"),
        **{f"product_{place}": _l("Product") for place in PLACES},
        **{f"quantity_{place}": _l("Quantity") for place in PLACES},
        **{f"price_{place}": _l("Unit price") for place in PLACES},
    }


class EditOrderForm(OrderForm):
    schema = EditOrderIn


class RefundForm(Form[GiveBack]):
    schema = GiveBackIn
    labels: ClassVar[Mapping[str, Any]] = {"amount": _l("Amount given back")}


def status_choices() -> list[tuple[str, Any]]:
    return [(status.value, label) for status, label in STATUSES.items()]


def starting_values(order: Order, lines: Sequence[OrderLine], house: Company) -> dict[str, Any]:
    values: dict[str, Any] = {
        "ordered_at": order.ordered_at.astimezone(house.zone).strftime("%Y-%m-%dT%H:%M"),
        "amount": money.plain_text(order.amount_fen),
        "status": order.status.value,
        "channel": order.channel,
        "number": order.number,
        "version": order.version,
    }
    for place, line in zip(PLACES, lines, strict=False):
        values[f"product_{place}"] = line.product_name
        values[f"quantity_{place}"] = f"{line.quantity.normalize():f}"
        values[f"price_{place}"] = f"{line.unit_price.normalize():f}"
    return values
