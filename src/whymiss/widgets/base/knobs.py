"""Knobs of a pipeline as controls, one by one, so that several pipelines can stand on a page."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any, Final

from whymiss.config import LATE_INTERACTION, PipelineConfig, Strategy
from whymiss.pages.markup import Markup
from whymiss.widgets.base.controls import checkbox, choice, slider

_SLIDERS: Final[Mapping[str, tuple[str, float, float, float]]] = {
    "chunking.size": ("Size, tokens", 8, 512, 1),
    "chunking.overlap": ("Overlap, tokens", 0, 256, 1),
    "chunking.parent_size": ("Parent size, tokens", 8, 2000, 1),
    "chunking.breakpoint_percentile": ("Break above percentile", 0.0, 100.0, 1.0),
    "retrieval.k": ("Top-K", 1, 50, 1),
    "retrieval.candidate_depth": ("Candidate depth", 1, 200, 1),
    "retrieval.dense_weight": ("Weight of dense", 0.0, 1.0, 0.05),
    "retrieval.mmr_lambda": ("Relevance against variety (MMR)", 0.0, 1.0, 0.05),
    "rerank.depth": ("Reranked candidates", 1, 200, 1),
    "context.token_budget": ("Budget, tokens", 50, 6000, 50),
}
"""By knob: its name, the lowest and highest value, and the step."""

_BOXES: Final = {
    "chunking.heading_prefix": "Heading before the text",
    "context.deduplicate": "Leave out repeated passages",
}
_STRATEGIES: Final = typing.get_args(Strategy)
_CHOICES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "chunking.strategy": ("Strategy", {name: name for name in _STRATEGIES}),
    "chunking.oversize": (
        "Tables and code above the size",
        {"split": "split at their rows", "keep": "kept whole"},
    ),
    "retrieval.mode": ("Mode", {"hybrid": "hybrid", "dense": "dense", "bm25": "BM25"}),
    "retrieval.fusion": ("Fusion", {"weighted": "weighted scores", "rrf": "RRF, by ranks"}),
    "rerank.model": ("Reranker", {"": "none", LATE_INTERACTION: "late interaction (MaxSim)"}),
    "rerank.blend": (
        "With the order before",
        {"weighted": "blend scores", "rrf": "blend ranks", "replace": "replace"},
    ),
    "retrieval.filter_mode": (
        "Filter is applied",
        {"pre": "before the search", "post": "after the search"},
    ),
    "context.order": (
        "Order in the context",
        {name: name for name in ("rank", "reverse", "edges", "document")},
    ),
}
_LEAST_SIZE: Final = 8
_SIZED: Final = ("chunking.size", "chunking.overlap")
_BLOCKS_KEPT: Final = ("heading", "openapi", "parent_child")
"""Strategies that know tables, lists and code blocks."""


def control(knob: str, config: PipelineConfig, *, pipeline: str = "") -> Markup:
    """The control of a knob at its value; it reaches at least to the value that is set.

    Parameters
    ----------
    pipeline : which of several the control belongs to; its knob is then "PIPELINE:group.knob".

    >>> shown = control("retrieval.k", PipelineConfig(), pipeline="other")
    >>> 'data-knob="other:retrieval.k"' in shown
    True
    """
    value = config.flat()[knob]
    sent = f"{pipeline}:{knob}" if pipeline else knob
    if knob in _SLIDERS:
        name, low, high, step = _SLIDERS[knob]
        return slider(sent, name, value, low=min(low, value), high=max(high, value), step=step)
    if knob in _BOXES:
        return checkbox(sent, _BOXES[knob], value)
    name, options = _CHOICES[knob]
    # One that was named in code, such as "custom:paragraphs", is not in the list.
    return choice(sent, name, value, {value: value, **options}.items())


def chunking_knobs(config: PipelineConfig) -> list[str]:
    """The knobs of chunking that have an effect under the strategy.

    >>> chunking_knobs(PipelineConfig().replace({"chunking.strategy": "document"}))
    ['chunking.strategy']
    """
    strategy = config.chunking.strategy
    if strategy == "document":
        return ["chunking.strategy"]
    of_strategy = {
        "parent_child": ["chunking.parent_size"],
        "semantic": ["chunking.breakpoint_percentile"],
    }
    return [
        "chunking.strategy",
        *(_SIZED if not strategy.startswith("custom:") else ()),
        *of_strategy.get(strategy, []),
        *(["chunking.oversize"] if strategy in _BLOCKS_KEPT else []),
        "chunking.heading_prefix",
    ]


def turned(knob: str, value: Any, config: PipelineConfig) -> PipelineConfig:
    """A pipeline with a knob at the value that a browser sends, and what has to move along.

    Raises
    ------
    ConfigError : the knob is unknown, or the value out of range.

    >>> turned("chunking.size", 16.0, PipelineConfig().replace({"chunking.overlap": 20})).chunking
    ... # doctest: +ELLIPSIS
    ChunkingConfig(strategy='heading', size=16, overlap=15, ...)
    """
    # A browser knows one kind of number.
    if isinstance(value, float) and value.is_integer() and isinstance(config.flat().get(knob), int):
        value = int(value)
    return config.replace({knob: value, **companions(knob, value, config)})


def companions(knob: str, value: Any, config: PipelineConfig) -> dict[str, Any]:
    """What has to move along with a knob, because the two limit each other.

    An overlap stays below the size, the depth of candidates does not go below top-K, and a parent
    is not smaller than its child.

    >>> companions("chunking.size", 64, PipelineConfig().replace({"chunking.overlap": 80}))
    {'chunking.overlap': 63}
    """
    moved: dict[str, Any] = {}
    if isinstance(config.flat().get(knob), int | float) and not isinstance(value, int | float):
        return moved  # No number: the configuration refuses it and says why.
    knobs = {**config.flat(), knob: value}
    if knob == "chunking.size" and knobs["chunking.overlap"] >= value:
        moved["chunking.overlap"] = value - 1
    if knob == "chunking.overlap" and value >= knobs["chunking.size"]:
        moved["chunking.size"] = max(value + 1, _LEAST_SIZE)
    size = moved.get("chunking.size", knobs["chunking.size"])
    if knobs["chunking.strategy"] == "parent_child" and knobs["chunking.parent_size"] < size:
        moved["chunking.parent_size" if knob != "chunking.parent_size" else "chunking.size"] = (
            size if knob != "chunking.parent_size" else value
        )
    if knob == "retrieval.k" and knobs["retrieval.candidate_depth"] < value:
        moved["retrieval.candidate_depth"] = value
    if knob == "retrieval.candidate_depth" and knobs["retrieval.k"] > value:
        moved["retrieval.k"] = value
    return moved
