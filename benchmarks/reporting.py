"""How every benchmark reports: one table on stdout, the same rows as JSON in results/."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def report(name: str, rows: list[dict[str, Any]]) -> None:
    """Print rows and write them to results/<name>.json, with the versions they were measured on."""
    table = Table(title=name, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=140).print(table)
    RESULTS.mkdir(exist_ok=True)
    body = {"python": platform.python_version(), "machine": platform.machine(), "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
