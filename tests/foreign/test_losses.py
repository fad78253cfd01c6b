"""The stage of a foreign pipeline that lost the evidence, held against whymiss' own rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.losses import HandedOn, losing_stage
from whymiss.foreign.losses import lost_stage

GOLD = ("gold", 0, 9)
OTHERS = [(f"other{n}", 0, 9) for n in range(4)]
Spans = list[tuple[str, int, int]]


def holds(spans: Spans) -> bool:
    return GOLD in spans


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[dict[str, Spans], HandedOn]:
    """A pipeline of whymiss' shape, as it tells itself and as a foreign log would."""
    spans = st.permutations([GOLD, *OTHERS])
    searching = draw(st.sampled_from([("dense",), ("bm25",), ("dense", "bm25")]))
    branches = {name: draw(spans)[: draw(st.integers(1, 5))] for name in searching}
    union = list(dict.fromkeys(span for found in branches.values() for span in found))
    fused = draw(st.permutations(union)) if len(branches) == 2 else None
    merged = next(iter(branches.values())) if fused is None else fused
    k, depth = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    reranked = read = None
    if draw(st.booleans()):
        reranked = [*draw(st.permutations(merged[:depth])), *merged[depth:]]
        read = reranked[: max(k, depth)]
    ordered = merged if reranked is None else reranked
    among = ordered[:k] if draw(st.booleans()) else draw(st.permutations(ordered))[:k]
    packed = draw(st.permutations(among))[: draw(st.integers(0, 4))]
    handed_on = HandedOn(
        indexed=[GOLD], visible=[GOLD], branches=branches, fused=fused, reranked=reranked,
        depth=depth, selected=among, packed=packed,
    )  # fmt: skip
    told = {"fuse": fused, "rerank": read, "select": among, "context": packed}
    return {**branches, **{n: found for n, found in told.items() if found is not None}}, handed_on


@settings(max_examples=600)
@given(pipelines())
def test_it_names_the_stage_that_whymiss_names(pipeline: tuple[dict[str, Spans], HandedOn]) -> None:
    stages, handed_on = pipeline
    told = lost_stage(holds, stages, branches=("dense", "bm25"))
    assert told.replace("context", "pack") == losing_stage(holds, handed_on)


def test_any_number_of_stages_with_any_names() -> None:
    a, b, c = OTHERS[:3]
    stages = {"vector": [a, b, GOLD, c], "first pass": [GOLD, a, b], "second pass": [a, b, GOLD]}
    assert lost_stage(holds, {**stages, "prompt": [a, b]}) == "second pass"
    assert lost_stage(holds, {**stages, "prompt": [a]}) == "second pass"
    assert lost_stage(holds, {**stages, "prompt": [a, b, GOLD]}) == ""
    assert lost_stage(holds, {"vector": stages["vector"], "prompt": [a, b]}) == "prompt"


def test_what_comes_back_was_not_lost_there() -> None:
    a, b = OTHERS[:2]
    stages = {"search": [GOLD, a], "rewrite": [a, b], "search again": [a, b, GOLD], "out": [a]}
    assert lost_stage(holds, stages) == "out"


def test_a_context_is_cut_by_its_budget_and_not_by_a_number() -> None:
    a, b = OTHERS[:2]
    stages = {"search": [GOLD, a, b], "varied": [a, b, GOLD]}
    assert lost_stage(holds, {**stages, "context": [a]}) == "context"
    assert lost_stage(holds, {**stages, "first": [a]}) == "varied"


def test_a_branch_behind_another_stage_is_refused() -> None:
    stages = {"dense": [GOLD], "rerank": [GOLD], "bm25": []}
    with pytest.raises(InvalidRecordError, match="side by side come first; got dense, rerank"):
        lost_stage(holds, stages, branches=("dense", "bm25"))


def test_branches_that_nothing_merges_are_refused() -> None:
    with pytest.raises(InvalidRecordError, match="are merged by another; got dense, bm25 alone"):
        lost_stage(holds, {"dense": [GOLD], "bm25": []}, branches=("dense", "bm25"))
