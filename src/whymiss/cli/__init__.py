"""The workbench's verbs for a terminal: `whymiss --help`.

Exit codes: 0 done; 1 an error, told on stderr; 2 wrong usage; 3 done, but some files failed;
4 done, but a measure missed its gate (`eval --fail-under`, `eval --fail-over`).
"""

from __future__ import annotations

from whymiss.cli.main import main

__all__ = ["main"]
