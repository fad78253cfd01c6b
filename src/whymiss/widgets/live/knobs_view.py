"""The knobs of the live panel as HTML."""

from __future__ import annotations

from whymiss.config import PipelineConfig
from whymiss.pages.markup import Markup, join
from whymiss.widgets.base.asker import where_text
from whymiss.widgets.base.controls import group, text_field
from whymiss.widgets.base.knobs import chunking_knobs, control
from whymiss.widgets.live.state import LiveState


def knobs_html(state: LiveState) -> Markup:
    """Every knob of the panel at its value, those without effect left out."""
    config = state.config
    groups = {
        "Chunking": chunking_knobs(config),
        "Retrieval": _retrieval(config),
        "Reranker": _reranker(config),
        "Context": ["context.token_budget", "context.order"],
    }
    shown = [
        group(name, *(control(knob, config) for knob in knobs)) for name, knobs in groups.items()
    ]
    return join([*shown, _asker(state)])


def _retrieval(config: PipelineConfig) -> list[str]:
    hybrid = config.retrieval.mode == "hybrid"
    return [
        "retrieval.k",
        "retrieval.mode",
        *(["retrieval.dense_weight", "retrieval.fusion"] if hybrid else []),
        "retrieval.candidate_depth",
        "retrieval.mmr_lambda",
    ]


def _reranker(config: PipelineConfig) -> list[str]:
    used = ["rerank.depth", "rerank.blend"] if config.rerank.model else []
    return ["rerank.model", *used]


def _asker(state: LiveState) -> Markup:
    names = ", ".join(state.principals)
    hint = "such as plan_type=annual; year>=2024"
    return group(
        "Asker and filter",
        text_field("principals", "Principals", names, hint="names, such as support, ann"),
        text_field("where", "Filter", where_text(state.where), hint=hint),
        control("retrieval.filter_mode", state.config),
    )
