"""The table of refusals holds every code that is raised, and none that is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from crm.core import errors
from crm.core.messages import ERRORS
from crm.outreach.rules import Reason
from tests.architecture.test_house_rules import SOURCES, calls, tree_of

TABLE = "crm/core/messages.py"
#: Rows of an import are refused without an exception, by the same codes.
REFUSALS = {"Refused", "Refusal"} | {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.DomainError)
}


def literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def raised() -> dict[str, str]:
    """The codes that stand in a refusal, with a place where each does."""
    return {
        code: f"{path}:{call.lineno}"
        for path in SOURCES
        for name, call in calls(tree_of(path))
        if name.split(".")[-1] in REFUSALS and call.args
        for code in literals(call.args[0])
    }


def test_every_refusal_has_its_text() -> None:
    assert len(raised()) > len(ERRORS) / 2
    assert {code: place for code, place in raised().items() if code not in ERRORS} == {}


def test_every_text_of_the_table_belongs_to_a_refusal() -> None:
    written = {text for path in SOURCES if path != TABLE for text in literals(tree_of(path))}
    written |= {reason.code for reason in Reason}
    assert sorted(set(ERRORS) - written) == []
