"""Schemas that make commands: one description of an input for the browser and for programs."""

from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from crm.web import context

C = TypeVar("C")

fields.Field.default_error_messages = {
    "required": _l("Fill this in."),
    "null": _l("Fill this in."),
    "validator_failed": _l("This value is not accepted."),
}
_TYPE_TEXTS: dict[type[fields.Field[Any]], dict[str, Any]] = {
    fields.String: {"invalid": _l("Not a text."), "invalid_utf8": _l("Not a text.")},
    fields.Integer: {"invalid": _l("Not a whole number."), "too_large": _l("Too large.")},
    fields.Decimal: {
        "invalid": _l("Not a number."),
        "too_large": _l("Too large."),
        "special": _l("Not a number."),
    },
    fields.Boolean: {"invalid": _l("Yes or no, nothing else.")},
    fields.Date: {"invalid": _l("Not a date (write 2026-11-19).")},
    fields.AwareDateTime: {
        "invalid": _l("Not a time (write 2026-11-19 14:30)."),
        "invalid_awareness": _l("Not a time (write 2026-11-19 14:30)."),
    },
    fields.List: {"invalid": _l("Not a list.")},
    fields.Enum: {"unknown": _l("Choose one of the list.")},
}
for _kind, _texts in _TYPE_TEXTS.items():
    _kind.default_error_messages = {**_kind.default_error_messages, **_texts}


def at_most(length: int) -> validate.Length:
    return validate.Length(max=length, error=_l("At most {max} characters."))


def not_blank(length: int) -> list[Any]:
    """A text that says something and fits."""
    return [_says_something, at_most(length)]


def between(lowest: int, highest: int) -> validate.Range:
    return validate.Range(lowest, highest, error=_l("Between {min} and {max}."))


def one_of(choices: tuple[str, ...]) -> validate.OneOf:
    return validate.OneOf(choices, error=_l("Choose one of the list."))


def no_controls(text: str) -> None:
    """Refuse control characters: they break headers, files and screens. Line ends are fine."""
    if any(ord(char) < ord(" ") and char not in "\n\r\t" for char in text):
        raise ValidationError(gettext("It holds a character that cannot be seen."))


def _says_something(text: str) -> None:
    if not text.strip():
        raise ValidationError(gettext("Fill this in."))
    no_controls(text)


class CompanyDateTime(fields.AwareDateTime):
    """A time; one without a zone (a browser's datetime-local) is meant in the company's."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> datetime:
        self.default_timezone = ZoneInfo(context.settings().time_zone)
        found: datetime = super()._deserialize(*args, **kwargs)
        return found


class InputSchema(Schema, Generic[C]):
    """Loads a command. Unknown fields are refused, so nobody sets what the form does not offer."""

    class Meta:
        unknown = RAISE

    command: ClassVar[type[Any]]
    error_messages: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # marshmallow types it per instance
        "unknown": _l("This field cannot be set here."),
        "type": _l("Not an object."),
    }

    def handle_error(self, error: ValidationError, data: object, **_options: object) -> None:
        """Speak the lazy texts now: marshmallow would take one for a list of letters."""
        del data
        error.messages = _spoken(error.messages)

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> C:
        made: C = self.command(**data)
        return made


def _spoken(messages: object) -> "dict[str, Any] | list[Any]":
    if isinstance(messages, dict):
        return {name: _spoken(inner) for name, inner in messages.items()}
    if isinstance(messages, list):
        return [_spoken(inner) if isinstance(inner, dict) else str(inner) for inner in messages]
    return [str(messages)]
