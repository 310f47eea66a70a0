"""Being in another segment as a condition: its rule is compiled into the one that names it."""

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.core.messages import N_
from crm.customers.models import Segment
from crm.customers.segment_fields.clauses import Asked, Clause, Part, Read, negated
from crm.customers.segment_fields.fields import Options, SegmentField
from crm.customers.segment_fields.kinds import OPPOSITES, Kind, Operator

SEGMENT = "segment"
MOST_OPTIONS = 300


def segment_options(session: Session) -> Options:
    rows = session.execute(
        select(Segment.id, Segment.name).order_by(Segment.name).limit(MOST_OPTIONS)
    )
    return [(str(segment_id), name) for segment_id, name in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsField(SegmentField):
    """Who is in any, all or none of these segments."""

    def part(self, operator: Operator, value: Read, asked: Asked) -> Part:
        if operator in OPPOSITES:
            return negated(self.part(OPPOSITES[operator], value, asked))
        clauses: list[Clause] = [asked.inner(segment_id) for segment_id in value]
        if operator is Operator.ALL_OF:
            whole = clauses[0]
            for clause in clauses[1:]:
                whole = whole & clause
            return Part(whole)
        return Part(or_(*clauses))


NESTED = SegmentsField(
    name=SEGMENT,
    label=N_("In the segment"),
    kind=Kind.SET,
    ids=True,
    options=segment_options,
    group=N_("Segments"),
)
