"""Who looks at the page: what the web kernel needs to know of a user, whoever keeps users."""

from typing import Protocol, cast

from flask import g


class _Valued(Protocol):
    @property
    def value(self) -> str: ...


class Viewer(Protocol):
    """A signed-in person, or the person behind an API token."""

    @property
    def id(self) -> int: ...
    @property
    def role(self) -> _Valued: ...
    @property
    def team_id(self) -> int | None: ...
    @property
    def locale(self) -> str: ...
    @property
    def theme(self) -> _Valued: ...


def viewer() -> Viewer | None:
    """The request's viewer; `users.auth` sets it before the first view runs."""
    return cast("Viewer | None", g.get("viewer"))
