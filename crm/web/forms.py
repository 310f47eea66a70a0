"""How a schema meets HTML: what the browser sent, with blanks turned into absences."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from marshmallow import ValidationError, fields
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict

from crm.core.errors import Conflict, DomainError
from crm.web import errors
from crm.web.schemas import InputSchema

C = TypeVar("C")
Choices = Sequence[tuple[str, Any]]

#: Fields that every form carries for itself; names with a leading "_" are buttons.
OWN_FIELDS = frozenset({"csrf_token", "idempotency_key"})


class Form(Generic[C]):
    """One form on a page: starting values, what was sent, what is wrong with it.

    Templates use `value`, `is_chosen`, `label`, `choices` and `errors` (field → texts; "_schema"
    holds what concerns no single field).
    """

    schema: ClassVar[type[InputSchema[Any]]]
    labels: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        sent: "MultiDict[str, str] | None" = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
        choices: Mapping[str, Choices] | None = None,
    ) -> None:
        self._sent = sent
        self._start = start or {}
        self._choices = choices or {}
        self.errors: dict[str, list[str]] = {}

    def parse(self) -> C | None:
        """The command, or None with `errors` filled."""
        try:
            command: C = self.schema().load(self._as_data())
        except ValidationError as error:
            self.errors = _texts(error.messages_dict)
            return None
        return command

    def refuse(self, error: DomainError | StaleDataError) -> None:
        """Show a service's refusal in the form: beside the field it concerns, or above all."""
        told = Conflict("core.stale") if isinstance(error, StaleDataError) else error
        self.errors = {self.field_of(told): [errors.message(told)]}

    def field_of(self, error: DomainError) -> str:
        """The field that a refusal names; "_schema" where it is about none."""
        return str(error.details.get("field", "_schema"))

    def value(self, name: str) -> str:
        if self._sent is not None:
            return self._sent.get(name, "")
        value = self._start.get(name)
        return "" if value is None else str(value)

    def values(self, name: str) -> list[str]:
        if self._sent is not None:
            return self._sent.getlist(name)
        value = self._start.get(name)
        if value is None:
            return []
        return [str(v) for v in value] if isinstance(value, list | tuple | set) else [str(value)]

    def is_chosen(self, name: str, choice: str) -> bool:
        return choice in self.values(name)

    def label(self, name: str) -> object:
        return self.labels.get(name, name)

    def choices(self, name: str) -> Choices:
        return self._choices.get(name, ())

    def is_required(self, name: str) -> bool:
        field = self.schema().fields.get(name)
        return bool(field and field.required)

    def _as_data(self) -> dict[str, Any]:
        sent = self._sent if self._sent is not None else MultiDict()
        known: Mapping[str, fields.Field[Any]] = self.schema().fields
        data: dict[str, Any] = {}
        for name in sent:
            if name in OWN_FIELDS or name.startswith("_"):
                continue
            values = [value for value in sent.getlist(name) if value.strip()]
            if isinstance(known.get(name), fields.List):
                data[name] = values
            elif values:
                data[name] = values[-1]
        return data


def _texts(messages: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Field → texts from what marshmallow says; those of list items join their list's."""
    found: dict[str, list[str]] = {}
    for name, value in messages.items():
        if isinstance(value, Mapping):
            found[str(name)] = [text for texts in _texts(value).values() for text in texts]
        else:
            found[str(name)] = [str(text) for text in value]
    return found
