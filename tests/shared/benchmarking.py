"""The scripts of the benchmarks, which are no package, as modules that a test can call."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_FOLDER = str(Path(__file__).parents[2] / "benchmarks")


def benchmark(name: str) -> ModuleType:
    """A script of `benchmarks/`, imported with those beside it that it imports itself."""
    sys.path.insert(0, _FOLDER)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(_FOLDER)
