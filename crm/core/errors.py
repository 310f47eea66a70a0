"""Refusals of the business: each has a code, which is also the key of its text."""

from typing import Any


class DomainError(Exception):
    """A refusal. `code` is the key of its text in `core.messages`; `details` fill the text."""

    def __init__(self, code: str, /, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


class NotFound(DomainError):
    """It does not exist, or this user may not know that it does."""


class NotAllowed(DomainError):
    """The user sees it, but may not do this."""


class Conflict(DomainError):
    """What is stored forbids it now: somebody was first, or the state does not allow it."""


class Invalid(DomainError):
    """The input is wrong. `details["fields"]` may hold one list of texts per field."""


class TooMany(DomainError):
    """Too many attempts; `details["retry_after"]` is in seconds."""


class Unavailable(DomainError):
    """The program cannot do this now (busy, disk full); trying again later may work."""
