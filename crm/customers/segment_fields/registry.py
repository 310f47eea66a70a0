"""The closed list of fields; a rule can name nothing else, so no text of a user becomes SQL."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.segment_fields.clauses import Asked, Part, Read
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Operator


class SegmentFields:
    """Filled once in `crm.app.wire_segment_fields`, carried by every session."""

    def __init__(self, *fields: SegmentField) -> None:
        self._fields: dict[str, SegmentField] = {}
        self.offer(*fields)

    def offer(self, *fields: SegmentField) -> None:
        for field in fields:
            if field.name in self._fields:
                raise ValueError(f"two segment fields are called {field.name}")
            self._fields[field.name] = field

    def __iter__(self) -> Iterator[SegmentField]:
        return iter(self._fields.values())

    def get(self, name: str) -> SegmentField:
        found = self._fields.get(name)
        if found is None:
            raise Invalid("segments.field_unknown", field=name[:40])
        return found

    def operator(self, field: str, operator: str) -> Operator:
        for known in self.get(field).operators:
            if known.value == operator:
                return known
        raise Invalid("segments.operator_unknown", field=field, operator=operator[:40])

    def read(self, field: str, operator: str, value: object) -> Read:
        """The value in its one written form: what `rules.segments.parse` asks for."""
        return self.get(field).read(self.operator(field, operator), value)

    def part(self, field: str, operator: str, value: Read, asked: Asked) -> Part:
        return self.get(field).part(self.operator(field, operator), value, asked)


def registry_of(session: Session) -> SegmentFields:
    """The fields that this program knows; put there by the composition root."""
    found: SegmentFields = session.info["segment_fields"]
    return found
