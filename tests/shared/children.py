"""Scripts run as child processes that wait until they are let go.

Such a script says "ready" when everything is imported, and waits for a line on stdin.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def child(script: Path, folder: Path, round_number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(round_number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def let_go(process: subprocess.Popen[str]) -> None:
    """Wait until the child has imported everything, then let it start."""
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()
