"""Who we sell to: records, contact points, orders, segments, imports."""

from crm.customers.models.customer import (
    Channel,
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerKind,
    CustomerTag,
    PointKind,
    Stage,
    StageChange,
    StageReason,
    Tag,
    TimelineEntry,
)
from crm.customers.models.imports import (
    Import,
    ImportedCustomer,
    ImportedOrder,
    ImportKind,
    ImportPhase,
    ImportRejection,
    ImportState,
)
from crm.customers.models.orders import CustomerStats, Order, OrderLine, OrderStatus, Refund
from crm.customers.models.segments import Segment

__all__ = [
    "Channel",
    "ContactPoint",
    "ContactSubject",
    "Customer",
    "CustomerKind",
    "CustomerStats",
    "CustomerTag",
    "Import",
    "ImportKind",
    "ImportPhase",
    "ImportRejection",
    "ImportState",
    "ImportedCustomer",
    "ImportedOrder",
    "Order",
    "OrderLine",
    "OrderStatus",
    "PointKind",
    "Refund",
    "Segment",
    "Stage",
    "StageChange",
    "StageReason",
    "Tag",
    "TimelineEntry",
]
