"""What a segment's rule may ask: a closed registry of fields; every module adds its own."""

from crm.customers.segment_fields.clauses import Asked, Home, Part, lifted, negated
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import OPERATORS, Kind, Operator, Shape, shape_of
from crm.customers.segment_fields.own import OWN
from crm.customers.segment_fields.registry import SegmentFields

__all__ = [
    "OPERATORS",
    "OWN",
    "Asked",
    "Home",
    "Kind",
    "Operator",
    "Part",
    "SegmentField",
    "SegmentFields",
    "Shape",
    "lifted",
    "negated",
    "shape_of",
]
