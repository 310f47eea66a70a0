"""What pages and programs may say about merges, and what they are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields, post_load, pre_load, validate

from crm.customers.queries.merges import SPLIT_WITHIN
from crm.customers.rules.merging import Choice
from crm.web.schemas import InputSchema, at_most

CHOICE = "choice."  # a form's fields for each choice: "choice.name"


@dataclass(frozen=True, slots=True)
class Merging:
    """Which record to take in, and what was chosen; programs name it by its public id."""

    other: str
    kept_version: int | None = None
    other_version: int | None = None
    choices: Mapping[str, Choice] = field(default_factory=dict)

    @property
    def versions(self) -> tuple[int, int] | None:
        if self.kept_version is None or self.other_version is None:
            return None
        return self.kept_version, self.other_version


class MergeIn(InputSchema[Merging]):
    command = Merging

    other = fields.String(required=True, validate=at_most(32))
    kept_version = fields.Integer(load_default=None, allow_none=True)
    other_version = fields.Integer(load_default=None, allow_none=True)
    choices = fields.Dict(
        keys=fields.String(validate=at_most(40)),
        values=fields.Enum(Choice, by_value=True),
        load_default=dict,
        validate=validate.Length(max=300),
    )


class MergeFormIn(MergeIn):
    """The same as a form sends it: one field for each choice."""

    @pre_load
    def gather(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        chosen = {
            name.removeprefix(CHOICE): value
            for name, value in data.items()
            if name.startswith(CHOICE)
        }
        return {name: value for name, value in data.items() if not name.startswith(CHOICE)} | {
            "choices": chosen
        }

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> Merging:
        return Merging(**data)


class MergeOut(Schema):
    """`kept` and `merged` are public ids; `until` is when it can no longer be split."""

    id = fields.String(attribute="merge.public_id")
    kept = fields.String(attribute="kept.public_id")
    merged = fields.String(attribute="merged.public_id")
    at = fields.AwareDateTime(attribute="merge.at")
    until = fields.Function(lambda one: (one["merge"].at + SPLIT_WITHIN).isoformat())
    undone_at = fields.AwareDateTime(attribute="merge.undone_at", allow_none=True)
