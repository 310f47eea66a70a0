"""Who we sell to: records, contact points, orders, segments, imports."""

from crm.customers.models.customer import (
    Channel,
    ContactPoint,
    ContactSubject,
    Customer,
    CustomerKind,
    PointKind,
    PurchasingPower,
    Sex,
    Stage,
    StageChange,
    StageReason,
    TimelineEntry,
)
from crm.customers.models.duplicates import (
    DuplicateCrowd,
    DuplicateKey,
    DuplicatePair,
    DuplicateSearch,
    KeyKind,
    PairState,
)
from crm.customers.models.exports import Export, ExportFormat, ExportState
from crm.customers.models.fields import CustomField, FieldKind
from crm.customers.models.imports import (
    Import,
    ImportChange,
    ImportedCustomer,
    ImportedOrder,
    ImportKind,
    ImportMapping,
    ImportPhase,
    ImportRejection,
    ImportSighting,
    ImportState,
)
from crm.customers.models.lifecycle import StageRules, StageRun
from crm.customers.models.lists import (
    BulkAct,
    BulkChange,
    BulkKind,
    CustomerView,
    ListChoice,
)
from crm.customers.models.merges import CustomerMerge, MergedRow
from crm.customers.models.opportunities import Opportunity, OpportunityStage
from crm.customers.models.orders import CustomerStats, Order, OrderLine, OrderStatus, Refund
from crm.customers.models.ownership import Assignment, OwnerChange, OwnerReason, PoolPolicy, Way
from crm.customers.models.persons import ContactPerson
from crm.customers.models.scores import CustomerScores
from crm.customers.models.segments import Segment, SegmentEntry
from crm.customers.models.tags import CustomerTag, Tag, TagColour, TagGroup, TagPlace, TagRemoval

__all__ = [
    "Assignment",
    "BulkAct",
    "BulkChange",
    "BulkKind",
    "Channel",
    "ContactPerson",
    "ContactPoint",
    "ContactSubject",
    "CustomField",
    "Customer",
    "CustomerKind",
    "CustomerMerge",
    "CustomerScores",
    "CustomerStats",
    "CustomerTag",
    "CustomerView",
    "DuplicateCrowd",
    "DuplicateKey",
    "DuplicatePair",
    "DuplicateSearch",
    "Export",
    "ExportFormat",
    "ExportState",
    "FieldKind",
    "Import",
    "ImportChange",
    "ImportKind",
    "ImportMapping",
    "ImportPhase",
    "ImportRejection",
    "ImportSighting",
    "ImportState",
    "ImportedCustomer",
    "ImportedOrder",
    "KeyKind",
    "ListChoice",
    "MergedRow",
    "Opportunity",
    "OpportunityStage",
    "Order",
    "OrderLine",
    "OrderStatus",
    "OwnerChange",
    "OwnerReason",
    "PairState",
    "PointKind",
    "PoolPolicy",
    "PurchasingPower",
    "Refund",
    "Segment",
    "SegmentEntry",
    "Sex",
    "Stage",
    "StageChange",
    "StageReason",
    "StageRules",
    "StageRun",
    "Tag",
    "TagColour",
    "TagGroup",
    "TagPlace",
    "TagRemoval",
    "TimelineEntry",
    "Way",
]
