"""The synthetic library that these tests keep in stores of their own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("ingesting.py")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ingesting", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ingesting"] = module
    spec.loader.exec_module(module)
    return module


# Tests are not a package: this makes `from ingesting import ...` work in them.
_load()


@pytest.fixture
def library(tmp_path: Path) -> Any:
    """An empty library."""
    from ingesting import Library

    return Library(tmp_path / "store")
