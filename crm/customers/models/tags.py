"""Labels on customers, and the coloured groups that the labels stand in."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Model, PrimaryKey, enum_type


class TagColour(enum.Enum):
    """The palette of the pages; a closed list, so that each is readable in both themes."""

    GREY = "grey"
    INDIGO = "indigo"
    PINE = "pine"
    AMBER = "amber"
    RED = "red"
    PLUM = "plum"
    SKY = "sky"


class TagGroup(Model):
    __tablename__ = "tag_groups"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    colour: Mapped[TagColour] = mapped_column(enum_type(TagColour), default=TagColour.GREY)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Tag(Model):
    __tablename__ = "tags"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    created_at: Mapped[datetime]

    group: Mapped[TagGroup | None] = relationship(
        secondary="tag_places", lazy="raise", uselist=False, viewonly=True
    )

    @property
    def tone(self) -> str:
        """The class of its colour; nothing for a tag in no group, or in a grey one."""
        if self.group is None or self.group.colour is TagColour.GREY:
            return ""
        return str(self.group.colour.value)


class TagPlace(Model):
    """The group of a tag. A table of its own: SQLite cannot add a foreign key to `tags`."""

    __tablename__ = "tag_places"

    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[int] = mapped_column(
        ForeignKey("tag_groups.id", ondelete="CASCADE"), index=True
    )


class TagRemoval(Model):
    """A tag that was deleted or merged into another, with all that brings it back for a while.

    `details`: the tag's group and age, who had it, and after a merge who got the other one by it
    and which rules named it.
    """

    __tablename__ = "tag_removals"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[PrimaryKey]
    tag_id: Mapped[int]  # as it was; its row is gone
    name: Mapped[str] = mapped_column(String(60))
    merged_into_id: Mapped[int | None]
    customer_count: Mapped[int] = mapped_column(default=0)
    details: Mapped[dict[str, Any]]
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


class CustomerTag(Model):
    __tablename__ = "customer_tags"
    __table_args__ = (Index(None, "tag_id", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime]
