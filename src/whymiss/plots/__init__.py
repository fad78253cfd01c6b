"""Charts: a DataFrame in, a plotly figure out; nothing is computed here.

Needs the extra `lab`. Names load on first use, so that importing this room loads no plotly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whymiss.plots.evaluation import compare_dots, failures_bar, slice_dots, summary_dots
    from whymiss.plots.sweep import heatmap, pareto

_HOMES = {
    "compare_dots": "whymiss.plots.evaluation",
    "failures_bar": "whymiss.plots.evaluation",
    "heatmap": "whymiss.plots.sweep",
    "pareto": "whymiss.plots.sweep",
    "slice_dots": "whymiss.plots.evaluation",
    "summary_dots": "whymiss.plots.evaluation",
}

__all__ = ["compare_dots", "failures_bar", "heatmap", "pareto", "slice_dots", "summary_dots"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'whymiss.plots' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
