"""What a segment's rule may ask: a closed registry of fields; every module adds its own."""

from crm.customers.segment_fields.clauses import Asked, Home, Part, has_row, lifted, negated
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import (
    OPERATORS,
    Kind,
    Operator,
    Shape,
    read_text,
    shape_of,
)
from crm.customers.segment_fields.opportunities import OPPORTUNITIES
from crm.customers.segment_fields.own import OWN
from crm.customers.segment_fields.profile import PROFILE
from crm.customers.segment_fields.registry import SegmentFields
from crm.customers.segment_fields.related import Related, RelatedField
from crm.customers.segment_fields.tag_groups import TAG_GROUP

__all__ = [
    "OPERATORS",
    "OPPORTUNITIES",
    "OWN",
    "PROFILE",
    "TAG_GROUP",
    "Asked",
    "Home",
    "Kind",
    "Operator",
    "Part",
    "Related",
    "RelatedField",
    "SegmentField",
    "SegmentFields",
    "Shape",
    "has_row",
    "lifted",
    "negated",
    "read_text",
    "shape_of",
]
