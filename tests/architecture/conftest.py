"""The walk through every door: each on one of the two databases, in turn."""

from typing import Any

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Who may pass a door is asked of rights, whatever the database; each asks half of them.

    What a scope means in SQL is held on both by every module's own tests.
    """
    walks = [item for item in items if getattr(item, "originalname", "") == "test_authz_matrix"]
    doors = sorted({_of(item, "rule").endpoint for item in walks})
    turn = {door: ("sqlite", "postgresql")[place % 2] for place, door in enumerate(doors)}
    left_out = {item for item in walks if turn[_of(item, "rule").endpoint] != _of(item, "database")}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _of(item: pytest.Item, name: str) -> Any:  # noqa: ANN401 - whatever a test is given
    return item.callspec.params[name]  # type: ignore[attr-defined]  # of a test with parameters
