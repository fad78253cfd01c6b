"""The charts of a sweep as one page that needs nothing else; plotly stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from whymiss.cli.show_sweep import quality_of
from whymiss.errors import ConfigError
from whymiss.evaluation import Sweep
from whymiss.evaluation.sweeping import TOKENS
from whymiss.plots import heatmap, pareto

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sweep</title>
<style>
:root {{ color-scheme: light dark }}
body {{ max-width: 70rem; margin: 2rem auto; padding: 0 1rem; font-family: system-ui, sans-serif }}
</style>
</head>
<body>
<h1>Sweep</h1>
{charts}
</body>
</html>
"""


def write_charts(path: Path, made: Sweep, measures: Sequence[str]) -> None:
    """Quality against context tokens, and the quality over every two of the varied knobs.

    The two knobs with most values lie across and down, one chart for each value of the others.

    Raises
    ------
    ConfigError : of every measure less is better.
    """
    quality = quality_of(measures)
    if quality is None:
        raise ConfigError("charts of a sweep need a measure of which more is better.")
    drawn = [pareto(made.table, quality=quality, cost=TOKENS), *_heatmaps(made, quality)]
    charts = [
        figure.to_html(full_html=False, include_plotlyjs=first)
        for figure, first in zip(drawn, [True, *[False] * len(drawn)], strict=False)
    ]
    path.write_text(_PAGE.format(charts="\n".join(charts)), encoding="utf-8")


def _heatmaps(made: Sweep, quality: str) -> Iterator[Any]:
    table = made.table
    by_size = sorted(made.knobs, key=lambda knob: -table[knob].nunique(dropna=False))
    if len(by_size) < 2:
        return
    across, down, *others = by_size
    held: pd.DataFrame = table[others].drop_duplicates()
    for where in held.to_dict(orient="records") if others else [{}]:
        yield heatmap(
            table, measure=quality, x=across, y=down, where={str(k): v for k, v in where.items()}
        )
