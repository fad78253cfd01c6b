"""Charts: a DataFrame in, a plotly figure out; nothing is computed here.

Needs the extra `lab`. Names load on first use, so that importing this room loads no plotly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whymiss.plots.boundaries import chunk_boundaries
    from whymiss.plots.diagnosis import cause_bars, headroom_steps, stage_funnel
    from whymiss.plots.evaluation import compare_dots, failures_bar, slice_dots, summary_dots
    from whymiss.plots.explanation import margin_bars
    from whymiss.plots.latency import latency_bars
    from whymiss.plots.map_changes import map_comparison
    from whymiss.plots.map_figure import embedding_map
    from whymiss.plots.ranks import rank_flow
    from whymiss.plots.scores import score_distributions
    from whymiss.plots.sweep import heatmap, pareto

_HOMES = {
    "cause_bars": "whymiss.plots.diagnosis",
    "chunk_boundaries": "whymiss.plots.boundaries",
    "compare_dots": "whymiss.plots.evaluation",
    "embedding_map": "whymiss.plots.map_figure",
    "failures_bar": "whymiss.plots.evaluation",
    "headroom_steps": "whymiss.plots.diagnosis",
    "heatmap": "whymiss.plots.sweep",
    "latency_bars": "whymiss.plots.latency",
    "map_comparison": "whymiss.plots.map_changes",
    "margin_bars": "whymiss.plots.explanation",
    "pareto": "whymiss.plots.sweep",
    "rank_flow": "whymiss.plots.ranks",
    "score_distributions": "whymiss.plots.scores",
    "slice_dots": "whymiss.plots.evaluation",
    "stage_funnel": "whymiss.plots.diagnosis",
    "summary_dots": "whymiss.plots.evaluation",
}

__all__ = [
    "cause_bars",
    "chunk_boundaries",
    "compare_dots",
    "embedding_map",
    "failures_bar",
    "headroom_steps",
    "heatmap",
    "latency_bars",
    "map_comparison",
    "margin_bars",
    "pareto",
    "rank_flow",
    "score_distributions",
    "slice_dots",
    "stage_funnel",
    "summary_dots",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'whymiss.plots' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
