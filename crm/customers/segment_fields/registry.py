"""The closed list of fields; a rule can name nothing else, so no text of a user becomes SQL."""

from collections.abc import Callable, Iterable, Iterator

from sqlalchemy.orm import Session

from crm.core.errors import Invalid
from crm.customers.segment_fields.clauses import Asked, Part, Read
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Operator

#: Stands in the names of fields that a source gives, and in no others: "custom.f12".
OWN_MARK = "."
#: Fields that are kept in the database: asked for once, and only by a rule that names one.
Source = Callable[[Session], Iterable[SegmentField]]


class SegmentFields:
    """Filled once in `crm.app.wire_segment_fields`, carried by every session."""

    def __init__(self, *fields: SegmentField, sources: Iterable[Source] = ()) -> None:
        self._fields: dict[str, SegmentField] = {}
        self._sources = tuple(sources)
        self.offer(*fields)

    def within(self, session: Session) -> "SegmentFields":
        """The same with the fields that this session's company has added."""
        return _OfSession(self._fields, self._sources, session) if self._sources else self

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


class _OfSession(SegmentFields):
    """The fixed fields at hand, the company's own behind one look at the database."""

    def __init__(
        self, fixed: dict[str, SegmentField], sources: tuple[Source, ...], session: Session
    ) -> None:
        super().__init__()
        self._fields = fixed
        self._sources = sources
        self._session = session
        self._drawn: dict[str, SegmentField] | None = None

    def __iter__(self) -> Iterator[SegmentField]:
        yield from self._fields.values()
        yield from self._own().values()

    def get(self, name: str) -> SegmentField:
        if name in self._fields:
            return self._fields[name]
        found = self._own().get(name) if OWN_MARK in name else None
        return found or super().get(name)

    def _own(self) -> dict[str, SegmentField]:
        if self._drawn is None:
            self._drawn = {
                field.name: field for source in self._sources for field in source(self._session)
            }
        return self._drawn


def registry_of(session: Session) -> SegmentFields:
    """The fields that this program knows, put there by the composition root, and the company's."""
    found: SegmentFields = session.info["segment_fields"]
    return found.within(session)
