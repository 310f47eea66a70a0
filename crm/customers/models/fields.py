"""Fields that a company adds to its customers' records by itself."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Model, PrimaryKey, enum_type

#: How a field is named in rules, imports and views: "custom.f12".
PREFIX = "custom."


class FieldKind(enum.Enum):
    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    YES_NO = "yes_no"
    PHONE = "phone"
    EMAIL = "email"
    LINK = "link"


class CustomField(Model):
    """What is asked about a customer beside the built-in facts. Its kind never changes.

    `choices` hold {"key": "c1", "label": …, "is_archived": …}; values name keys, so that a choice
    can be called otherwise without touching a customer.
    """

    __tablename__ = "custom_fields"
    __table_args__ = (Index(None, "position", "id"),)

    id: Mapped[PrimaryKey]
    label: Mapped[str] = mapped_column(String(60), unique=True)
    kind: Mapped[FieldKind] = mapped_column(enum_type(FieldKind))
    choices: Mapped[list[Any]] = mapped_column(default=list)
    is_required: Mapped[bool] = mapped_column(default=False)
    is_archived: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def key(self) -> str:
        """Its key in `Customer.custom`."""
        return f"f{self.id}"

    @property
    def name(self) -> str:
        """Its name wherever fields of all kinds are named."""
        return PREFIX + self.key
