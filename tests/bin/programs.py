"""The small programs under bin/ are no package; this loads one as a module."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

BIN = Path(__file__).resolve().parents[2] / "bin"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bin_{name}", BIN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module
