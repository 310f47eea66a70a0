"""Asking for a report, freezing its figures, and drawing it step by step."""

from crm.reports.services.conversion import Wanted, conversion_of, save_conversion
from crm.reports.services.runs import advance, content_of, request

__all__ = [
    "Wanted",
    "advance",
    "content_of",
    "conversion_of",
    "request",
    "save_conversion",
]
