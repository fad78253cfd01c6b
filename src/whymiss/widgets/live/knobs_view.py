"""The knobs of the live panel as HTML."""

from __future__ import annotations

import typing
from typing import Final

from whymiss.config import LATE_INTERACTION, PipelineConfig, Strategy
from whymiss.pages.markup import Child, Markup, join
from whymiss.widgets.base.controls import checkbox, choice, group, slider, text_field
from whymiss.widgets.live.state import LiveState

_HIGHEST: Final = {
    "chunking.size": 512,
    "chunking.overlap": 256,
    "chunking.parent_size": 2000,
    "retrieval.k": 50,
    "retrieval.candidate_depth": 200,
    "rerank.depth": 200,
    "context.token_budget": 6000,
}
_LOWEST: Final = {"chunking.size": 8, "chunking.overlap": 0, "chunking.parent_size": 8}


def knobs_html(state: LiveState) -> Markup:
    """Every knob of the panel at its value, those without effect left out."""
    config = state.config
    return join([_chunking(config), _retrieval(config), _rerank(config), _context(config),
                 _asker(state)])  # fmt: skip


def _chunking(config: PipelineConfig) -> Markup:
    known = [*typing.get_args(Strategy)]
    chosen = config.chunking.strategy
    if chosen not in known:
        known.append(chosen)
    sized = chosen != "document"
    return group(
        "Chunking",
        choice("chunking.strategy", "Strategy", chosen, [(name, name) for name in known]),
        _slider("chunking.size", "Size, tokens", config) if sized else None,
        _slider("chunking.overlap", "Overlap, tokens", config) if sized else None,
        _slider("chunking.parent_size", "Parent size, tokens", config)
        if chosen == "parent_child"
        else None,
        checkbox("chunking.heading_prefix", "Heading before the text",
                 config.chunking.heading_prefix),
    )  # fmt: skip


def _retrieval(config: PipelineConfig) -> Markup:
    knobs = config.retrieval
    hybrid: tuple[Child, ...] = ()
    if knobs.mode == "hybrid":
        hybrid = (
            slider("retrieval.dense_weight", "Weight of dense", knobs.dense_weight, low=0.0,
                   high=1.0, step=0.05),
            choice("retrieval.fusion", "Fusion", knobs.fusion,
                   [("weighted", "weighted scores"), ("rrf", "RRF, by ranks")]),
        )  # fmt: skip
    return group(
        "Retrieval",
        _slider("retrieval.k", "Top-K", config),
        choice("retrieval.mode", "Mode", knobs.mode,
               [("hybrid", "hybrid"), ("dense", "dense"), ("bm25", "BM25")]),
        *hybrid,
        _slider("retrieval.candidate_depth", "Candidate depth", config),
        slider("retrieval.mmr_lambda", "Relevance against variety (MMR)", knobs.mmr_lambda,
               low=0.0, high=1.0, step=0.05),
    )  # fmt: skip


def _rerank(config: PipelineConfig) -> Markup:
    model = config.rerank.model
    models = [("", "none"), (LATE_INTERACTION, "late interaction (MaxSim)")]
    if model not in dict(models):
        models.append((model, model))
    return group(
        "Reranker",
        choice("rerank.model", "Reranker", model, models),
        _slider("rerank.depth", "Reranked candidates", config) if model else None,
        choice("rerank.blend", "With the order before", config.rerank.blend,
               [("weighted", "blend scores"), ("rrf", "blend ranks"), ("replace", "replace")])
        if model
        else None,
    )  # fmt: skip


def _context(config: PipelineConfig) -> Markup:
    return group(
        "Context",
        _slider("context.token_budget", "Budget, tokens", config, low=50, step=50),
        choice("context.order", "Order", config.context.order,
               [(name, name) for name in ("rank", "reverse", "edges", "document")]),
    )  # fmt: skip


def _asker(state: LiveState) -> Markup:
    return group(
        "Asker and filter",
        text_field("principals", "Principals", ", ".join(state.principals),
                   hint="names, such as support, ann"),
        text_field("where", "Filter", "; ".join(state.where),
                   hint="such as plan_type=annual; year>=2024"),
        choice("retrieval.filter_mode", "Filter is applied", state.config.retrieval.filter_mode,
               [("pre", "before the search"), ("post", "after the search")]),
    )  # fmt: skip


def _slider(knob: str, name: str, config: PipelineConfig, *, low: int = 1, step: int = 1) -> Markup:
    """A slider that reaches at least to the value that is set."""
    value = int(config.flat()[knob])
    high = max(_HIGHEST[knob], value)
    return slider(knob, name, value, low=min(_LOWEST.get(knob, low), value), high=high, step=step)
