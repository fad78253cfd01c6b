"""At which stage the order of two chunks was decided, and by which score of their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from whymiss.explain.ledger import Contrast, Standing

Pair = tuple[Standing, Standing]

_BRANCHES: Final = ("dense", "bm25")


def order(pair: Pair) -> int:
    """1 where the first of two stands above the other, -1 below, 0 where neither is there."""
    first, second = (s.rank if s.rank is not None else float("inf") for s in pair)
    return (first < second) - (first > second)


def decided_at(pairs: Sequence[Pair]) -> str:
    """The stage from which on two chunks are ordered as in the end; empty where they never are.

    A stage that holds neither says nothing. The reranker's own list is no order of its own.
    """
    orders = {pair[0].stage: order(pair) for pair in pairs if pair[0].stage != "reranker"}
    branches = [stage for stage in orders if stage in _BRANCHES]
    later = [stage for stage in orders if stage not in _BRANCHES]
    said = [orders[stage] for stage in later if orders[stage]]
    final = said[-1] if said else max((orders[b] for b in branches), key=abs)
    if not final:
        return ""
    decided = ""
    for stage in reversed(later):
        if orders[stage] == final:
            decided = stage
        elif orders[stage]:
            return decided
    agreeing = [stage for stage in branches if orders[stage] == final]
    contrary = any(orders[stage] == -final for stage in branches)
    return decided if contrary or not agreeing else ", ".join(agreeing)


def main_stage(decided: str, contrasts: Sequence[Contrast], fallback: str) -> str:
    """The score of texts that weighs most in a decision: through merged lists to their origin.

    fallback : the last order, where nothing was decided, or by variety alone.
    """
    lists = {c.stage: c for c in contrasts if c.view == "lists"}
    texts = [c.stage for c in contrasts if c.view == "passage tokens"]
    stage = decided.partition(", ")[0]
    if stage in _BRANCHES and "fuse" in lists:
        stage = _heaviest(lists["fuse"]) if ", " in decided else stage
    if stage not in texts and stage not in lists:
        stage = fallback
    return _origin(stage, lists, texts)


def _origin(stage: str, lists: Mapping[str, Contrast], texts: Sequence[str]) -> str:
    while stage not in texts:
        stage = _heaviest(lists[stage])
    return stage


def _heaviest(contrast: Contrast) -> str:
    """The list that adds most to the margin, in the direction of the margin."""
    sign = -1.0 if contrast.margin < 0 else 1.0
    return max(contrast.rows, key=lambda row: sign * row.difference).name
