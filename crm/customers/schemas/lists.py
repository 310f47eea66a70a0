"""What pages and programs say about views of the list and files of it, and are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load, validate

from crm.customers.models import CustomerView, ExportFormat, ExportState
from crm.customers.queries import saved_views
from crm.customers.queries.listing import Filters
from crm.customers.rules.columns import MOST
from crm.customers.schemas.customers import CustomersIn, FiltersIn, Listed
from crm.web.schemas import InputSchema, at_most, not_blank

ID = validate.Range(1, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class AskedList(Listed):
    """An address of the list. `edited` says that the filters stand in it, not in the view."""

    view: int | None = None
    edited: bool = False
    columns: Sequence[str] = ()
    is_bare: bool = False  # nothing was asked for at all


class ListIn(CustomersIn):
    view = fields.Integer(load_default=None, validate=ID)
    edited = fields.Boolean(load_default=False)
    columns = fields.String(load_default="", validate=at_most(2_000))

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> AskedList:
        return AskedList(
            cursor=data.pop("cursor"),
            view=data.pop("view"),
            edited=data.pop("edited"),
            columns=[name for name in data.pop("columns").split(",") if name],
            filters=Filters(**data),
        )


@dataclass(frozen=True, slots=True)
class SaveAs:
    """A form's wish for a new view: `list` is the address's question as it stands."""

    name: str
    list: str = ""
    is_shared: bool = False
    is_default: bool = False


class SaveAsIn(InputSchema[SaveAs]):
    command: ClassVar[type[SaveAs]] = SaveAs

    name = fields.String(required=True, validate=not_blank(80))
    list = fields.String(load_default="", validate=at_most(8_000))
    is_shared = fields.Boolean(load_default=False)
    is_default = fields.Boolean(load_default=False)


@dataclass(frozen=True, slots=True)
class Rename:
    version: int
    name: str
    is_shared: bool = False


class RenameIn(InputSchema[Rename]):
    command: ClassVar[type[Rename]] = Rename

    version = fields.Integer(required=True)
    name = fields.String(required=True, validate=not_blank(80))
    is_shared = fields.Boolean(load_default=False)


@dataclass(frozen=True, slots=True)
class Version:
    version: int
    list: str = ""


class VersionIn(InputSchema[Version]):
    """Save what is on the screen into the view that was opened."""

    command: ClassVar[type[Version]] = Version

    version = fields.Integer(required=True)
    list = fields.String(load_default="", validate=at_most(8_000))


@dataclass(frozen=True, slots=True)
class WriteView:
    """What a program says of a view; `version` is needed to change one."""

    name: str | None = None
    filters: Filters | None = None
    columns: Sequence[str] | None = None
    is_shared: bool | None = None
    version: int | None = None


class ViewIn(InputSchema[WriteView]):
    command: ClassVar[type[WriteView]] = WriteView

    name = fields.String(required=True, validate=not_blank(80))
    filters = fields.Nested(FiltersIn, load_default=Filters)
    columns = fields.List(fields.String(validate=at_most(60)), validate=validate.Length(max=MOST))
    is_shared = fields.Boolean()


class ViewPatchIn(ViewIn):
    """Only what is sent is changed."""

    name = fields.String(validate=not_blank(80))
    filters = fields.Nested(FiltersIn)
    version = fields.Integer()


def filters_of(view: CustomerView) -> dict[str, Any]:
    """As `ViewIn` takes them back."""
    kept = saved_views.filters_of(view)
    return saved_views.as_json(kept) | {"sort": kept.sort, "down": kept.down}


class ViewOut(Schema):
    id = fields.String(attribute="public_id")
    name = fields.String()
    owner = fields.String(attribute="owner.public_id")
    is_shared = fields.Boolean()
    filters = fields.Function(filters_of)
    columns = fields.List(fields.String())
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()
    version = fields.Integer()


class ViewsOut(Schema):
    items = fields.List(fields.Nested(ViewOut))


@dataclass(frozen=True, slots=True)
class AskExport:
    """A file of a view, of a segment, or of filters; without any: of all that the asker sees."""

    format: ExportFormat = ExportFormat.CSV
    view: str | None = None
    segment: str | None = None
    filters: Filters = field(default_factory=Filters)
    columns: Sequence[str] = ()
    list: str = ""
    all_columns: bool = False


class ExportIn(InputSchema[AskExport]):
    """For programs. `view` and `segment` are ids; a view brings its columns along."""

    command: ClassVar[type[AskExport]] = AskExport

    format = fields.Enum(ExportFormat, by_value=True, load_default=ExportFormat.CSV)
    view = fields.String(load_default=None, validate=at_most(32))
    segment = fields.String(load_default=None, validate=at_most(32))
    filters = fields.Nested(FiltersIn, load_default=Filters)
    columns = fields.List(
        fields.String(validate=at_most(60)), load_default=(), validate=validate.Length(max=MOST)
    )


class ExportFormIn(InputSchema[AskExport]):
    """For people: what is on the screen."""

    command: ClassVar[type[AskExport]] = AskExport

    format = fields.Enum(ExportFormat, by_value=True, load_default=ExportFormat.CSV)
    list = fields.String(load_default="", validate=at_most(8_000))
    all_columns = fields.Boolean(load_default=False)


class ExportOut(Schema):
    id = fields.String(attribute="public_id")
    title = fields.String()
    format = fields.Enum(ExportFormat, by_value=True)
    state = fields.Enum(ExportState, by_value=True)
    row_count = fields.Integer()
    position = fields.Integer()
    columns = fields.List(fields.String())
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)
    expires_at = fields.AwareDateTime(allow_none=True)
    error_code = fields.String(allow_none=True)


class ExportsOut(Schema):
    items = fields.List(fields.Nested(ExportOut))
