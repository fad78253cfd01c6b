"""How every benchmark reports: one table on stdout, the same rows as JSON in results/."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


WIDE = 130
"""Columns of a table with a line per row, also where the output is a file."""


def report(name: str, rows: list[dict[str, Any]], *, line_per_row: bool = False) -> None:
    """Print rows and write them to results/<name>.json, with the versions they were measured on.

    A row is a column of the table, because most benchmarks have many figures and few rows, or a
    line where asked.
    """
    if line_per_row:
        table = Table(*rows[0], title=name, title_justify="left")
        for row in rows:
            table.add_row(*map(_shown, row.values()))
    else:
        table = Table(title=name, title_justify="left", show_header=False)
        for column in rows[0]:
            table.add_row(column, *(_shown(row[column]) for row in rows))
    Console(width=WIDE if line_per_row else None).print(table)
    save(name, rows)


def save(name: str, rows: Any) -> None:
    """Write what was measured to results/<name>.json, with the versions it was measured on."""
    RESULTS.mkdir(exist_ok=True)
    body = {"python": platform.python_version(), "machine": platform.machine(), "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
