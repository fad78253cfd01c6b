"""The code keeps the rules that pyproject.toml states."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not installed; it is among the test dependencies"
    return found


@pytest.mark.parametrize(
    "command",
    [["lint-imports"], ["ruff", "check", "."], ["mypy"]],
    ids=["rooms import only lower rooms", "ruff", "mypy strict"],
)
def test_the_code_keeps_its_rules(command: list[str]) -> None:
    done = subprocess.run(
        [tool(command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
