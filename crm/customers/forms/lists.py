"""How views of the list and files of it meet HTML."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from crm.core.errors import DomainError
from crm.customers.models import ExportFormat, ExportState
from crm.customers.schemas.lists import (
    AskedList,
    AskExport,
    ExportFormIn,
    ListIn,
    Rename,
    RenameIn,
    SaveAs,
    SaveAsIn,
    Version,
    VersionIn,
)
from crm.web.forms import Form

VIEW_LABELS: Mapping[str, Any] = {
    "name": _l("Name of the view"),
    "is_shared": _l("Share it: my team sees it too, and nobody else changes it"),
    "is_default": _l("Open the list with this view"),
}
FORMATS = {
    ExportFormat.XLSX: _l("Excel workbook (XLSX)"),
    ExportFormat.CSV: _l("CSV, UTF-8"),
}
STATES = {
    ExportState.RUNNING: _l("Being written"),
    ExportState.PACKING: _l("Being packed"),
    ExportState.DONE: _l("Ready"),
    ExportState.FAILED: _l("Failed"),
    ExportState.CANCELLED: _l("Stopped"),
    ExportState.EXPIRED: _l("Deleted after 7 days"),
}


class AskedListForm(Form[AskedList]):
    schema = ListIn


class SaveAsForm(Form[SaveAs]):
    schema = SaveAsIn
    labels: ClassVar[Mapping[str, Any]] = VIEW_LABELS

    def field_of(self, error: DomainError) -> str:
        return "name" if error.code == "views.name_taken" else "_schema"


class RenameForm(Form[Rename]):
    schema = RenameIn
    labels: ClassVar[Mapping[str, Any]] = VIEW_LABELS

    def field_of(self, error: DomainError) -> str:
        return "name" if error.code == "views.name_taken" else "_schema"


class VersionForm(Form[Version]):
    schema = VersionIn


class ExportForm(Form[AskExport]):
    schema = ExportFormIn


def as_sent(question: str) -> "MultiDict[str, str]":
    """The fields of an address's question, as a form carries it along in one piece."""
    return MultiDict(parse_qsl(question.lstrip("?"), keep_blank_values=False, max_num_fields=200))
