"""Whose targets a report holds: everybody's, one team's or one person's."""

from dataclasses import dataclass

ALL, TEAM, PERSON = "all", "team", "user"


@dataclass(frozen=True, slots=True)
class Scope:
    """Stored with a report as "all", "team:3" or "user:17", so that it can be checked again."""

    kind: str
    id: int | None = None

    def __str__(self) -> str:
        return self.kind if self.id is None else f"{self.kind}:{self.id}"


EVERYBODY = Scope(ALL)
