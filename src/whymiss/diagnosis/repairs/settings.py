"""Repairs that turn a knob and need no new index, from the cheapest on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from whymiss.config import LATE_INTERACTION
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.repairs.change import Change, knobs

_MOST_K: Final = 20
"""More passages than these nobody packs for one question."""

_DEPTHS: Final = (50, 100, 200)
_WEIGHTS: Final = (0.3, 0.5, 0.7)


def settings(case: Case) -> Iterator[Change]:
    """Every knob worth turning for this case."""
    yield from _cutoff(case)
    yield from _depth(case)
    yield from _weights(case)
    yield from _modes(case)
    yield from _reranking(case)
    yield from _filtering(case)
    yield from _context(case)
    yield from _answering(case)


def _cutoff(case: Case) -> Iterator[Change]:
    k, rank = case.scene.config.retrieval.k, case.rank
    if rank is None or not k < rank <= _MOST_K:
        return
    depth = case.scene.config.retrieval.candidate_depth
    changes = {"retrieval.k": rank} | (
        {"retrieval.candidate_depth": rank} if depth < rank else {}
    )  # fmt: skip
    yield knobs(f"k {rank} instead of {k}", "k", changes)


def _depth(case: Case) -> Iterator[Change]:
    config = case.scene.config
    for depth in _DEPTHS:
        if depth <= config.retrieval.candidate_depth:
            continue
        changes: dict[str, object] = {"retrieval.candidate_depth": depth}
        if config.rerank.depth < depth and "rerank" in case.run.stages:
            changes["rerank.depth"] = depth
        yield knobs(f"candidate depth {depth}", "depth", changes)


def _weights(case: Case) -> Iterator[Change]:
    knob = case.scene.config.retrieval
    if knob.mode != "hybrid":
        return
    for weight in _WEIGHTS:
        if weight != knob.dense_weight:
            yield knobs(f"dense weight {weight}", "weights", {"retrieval.dense_weight": weight})
    fusion = "rrf" if knob.fusion == "weighted" else "weighted"
    yield knobs(
        f"fusion by {fusion} at equal weight",
        "weights",
        {"retrieval.fusion": fusion, "retrieval.dense_weight": 0.5},
    )


def _modes(case: Case) -> Iterator[Change]:
    here = case.scene.config.retrieval
    for mode in ("hybrid", "dense", "bm25"):
        if mode != here.mode:
            yield knobs(f"mode {mode}", "mode", {"retrieval.mode": mode})
    usual = {"retrieval.stemmer": "english", "retrieval.stop_words": True}
    flat = case.scene.config.flat()
    changed = {knob: value for knob, value in usual.items() if flat[knob] != value}
    if changed and here.mode != "dense":
        yield knobs("BM25 with the usual stemmer and stop words", "mode", changed)


def _reranking(case: Case) -> Iterator[Change]:
    here = case.scene.config.rerank
    if "rerank" in case.run.stages:
        yield knobs("no reranker", "reranker", {"rerank.model": ""})
    options = [(LATE_INTERACTION, blend) for blend in ("weighted", "rrf", "replace")]
    for model, blend in options:
        if (here.model, here.blend) != (model, blend):
            yield knobs(
                f"reranker {model}, blended by {blend}"
                if blend != "replace"
                else f"reranker {model} alone",
                "reranker",
                {"rerank.model": model, "rerank.blend": blend, "rerank.depth": max(here.depth, 50)},
            )


def _filtering(case: Case) -> Iterator[Change]:
    config = case.scene.config
    if config.retrieval.filter_mode == "post" and case.scene.question.query.where:
        yield knobs("the filter before the search", "filter", {"retrieval.filter_mode": "pre"})
    if config.index.ann != "none":
        yield knobs("exact search", "depth", {"index.ann": "none"})
        yield knobs("more search effort", "depth", {"index.nprobes": 32, "index.refine_factor": 10})


def _context(case: Case) -> Iterator[Change]:
    config = case.scene.config.context
    selected = sum(chunk.n_tokens for chunk in case.run.chunks(case.run.stages["select"]))
    if case.run.lost_at == "pack":
        for budget in sorted({2 * config.token_budget, 2 * selected + 200}):
            if budget > config.token_budget:
                yield knobs(f"budget of {budget} tokens", "context",
                            {"context.token_budget": budget})  # fmt: skip
        if config.deduplicate:
            yield knobs("repeats kept", "context", {"context.deduplicate": False})
    if case.run.ending == "wrong answer":
        for order in ("rank", "edges", "reverse", "document"):
            if order != config.order:
                yield knobs(f"passages in order {order!r}", "context", {"context.order": order})


def _answering(case: Case) -> Iterator[Change]:
    k, answer = case.scene.config.retrieval.k, case.scene.config.answer
    if case.run.ending != "wrong answer":
        return
    for fewer in (3, 2, 1):
        if fewer < k:
            yield knobs(f"k {fewer}, fewer distractors", "k", {"retrieval.k": fewer})
    if answer.min_support > 0:
        lower = round(answer.min_support / 2, 3)
        yield knobs(f"answers from support {lower}", "answer", {"answer.min_support": lower})
