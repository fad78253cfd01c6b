"""The stage that lost the evidence, case by case and for any lists of spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation import EvidenceSpan, Question
from whymiss.evaluation.losses import NOT_LOST, HandedOn, holds_evidence, losing_stage
from whymiss.records import Query

Span = tuple[str, int, int]
GOLD: Span = ("faq", 0, 9)
TWIN: Span = ("faq", 9, 18)
A, B, C = (("a", 0, 9), ("b", 0, 9), ("c", 0, 9))


def has_gold(spans: Sequence[Span]) -> bool:
    return GOLD in spans


def hybrid(**changes: Any) -> HandedOn:
    """A request with k = 2 in which every stage hands the evidence on."""
    everywhere: dict[str, Any] = {
        "indexed": [GOLD], "visible": [GOLD], "branches": {"dense": [GOLD, A], "bm25": [GOLD, B]},
        "fused": [GOLD, A, B], "reranked": None, "depth": 50, "selected": [GOLD, A],
        "packed": [GOLD, A],
    }  # fmt: skip
    return HandedOn(**{**everywhere, **changes})


def lost(**changes: Any) -> str:
    return losing_stage(has_gold, hybrid(**changes))


NOWHERE: dict[str, Any] = {
    "branches": {"dense": [A, B], "bm25": [B, A]}, "fused": [A, B], "selected": [A, B],
    "packed": [A, B],
}  # fmt: skip


def test_what_is_delivered_is_not_lost() -> None:
    assert lost() == NOT_LOST
    # Even if no branch alone had it: packing reads parents, which hold more than chunks do.
    assert lost(**{**NOWHERE, "packed": [GOLD]}) == NOT_LOST
    assert lost(packed=None) == NOT_LOST


def test_what_is_not_in_the_index_is_lost_there() -> None:
    assert lost(indexed=[], visible=[], **NOWHERE) == "index"
    assert lost(indexed=[("faq", 9, 18)], visible=[("faq", 9, 18)], **NOWHERE) == "index"


def test_what_the_asker_may_not_see_is_lost_by_the_filter() -> None:
    assert lost(visible=[], **NOWHERE) == "filter"


def test_what_a_single_branch_misses_is_lost_there() -> None:
    for stage in ("dense", "bm25"):
        one = {**NOWHERE, "branches": {stage: [A, B]}, "fused": None}
        assert lost(**one) == stage


def test_what_both_branches_miss_is_lost_by_both() -> None:
    assert lost(**NOWHERE) == "dense, bm25"


def test_a_miss_in_one_branch_alone_is_no_loss() -> None:
    assert lost(branches={"dense": [GOLD, A], "bm25": [A, B]}) == NOT_LOST


def test_what_stood_in_front_of_a_branch_and_not_of_the_merged_is_lost_by_fusion() -> None:
    changes = {"fused": [A, B, GOLD], "selected": [A, B], "packed": [A, B]}
    assert lost(branches={"dense": [GOLD, A, B], "bm25": [A, B]}, **changes) == "fuse"
    # Behind the second place in both branches: no order of these two would have helped.
    assert lost(branches={"dense": [A, B, GOLD], "bm25": [A, B, GOLD]}, **changes) == "select"


def test_what_no_branch_has_in_front_is_lost_by_selecting() -> None:
    one = {"branches": {"dense": [A, B, GOLD]}, "fused": None, "selected": [A, B]}
    assert lost(**one, packed=[A, B]) == "select"


def test_evidence_of_two_branches_that_does_not_fit_among_the_first_k_is_lost_by_selecting() -> (
    None
):
    # Each branch has one half in front, neither has both.
    changes: dict[str, Any] = {
        "indexed": [GOLD, TWIN], "visible": [GOLD, TWIN],
        "branches": {"dense": [GOLD, A], "bm25": [TWIN, A]}, "fused": [A, GOLD, TWIN],
        "selected": [A, GOLD], "packed": [A, GOLD],
    }  # fmt: skip
    assert losing_stage(lambda s: {GOLD, TWIN} <= set(s), hybrid(**changes)) == "select"


def test_what_stood_in_front_before_the_reranker_and_not_behind_it_is_lost_by_it() -> None:
    changes = {"reranked": [A, B, GOLD], "selected": [A, B], "packed": [A, B]}
    assert lost(fused=[GOLD, A, B], **changes) == "rerank"


def test_what_lies_beyond_the_rerankers_depth_is_lost_by_it() -> None:
    changes: dict[str, Any] = {
        "branches": {"dense": [A, B, C, GOLD], "bm25": [A, B, C, GOLD]},
        "fused": [A, B, C, GOLD], "reranked": [B, A, C, GOLD], "selected": [B, A],
        "packed": [B, A],
    }  # fmt: skip
    assert lost(depth=3, **changes) == "rerank"
    # Had it been read there, and put behind all the same, selecting two is what loses it.
    assert lost(depth=4, **changes) == "select"


def test_fusion_may_push_evidence_beyond_the_rerankers_depth() -> None:
    changes: dict[str, Any] = {
        "branches": {"dense": [GOLD, A, B, C], "bm25": [A, B, C]},
        "fused": [A, B, C, GOLD], "reranked": [B, A, C, GOLD], "selected": [B, A],
        "packed": [B, A],
    }  # fmt: skip
    assert lost(depth=3, **changes) == "fuse"


def test_a_reranker_that_reads_fewer_than_k_leaves_the_rest_where_it_was() -> None:
    # k = 3, depth = 1: the second and third places are still fusion's.
    changes: dict[str, Any] = {
        "branches": {"dense": [A, B, GOLD], "bm25": [A, B, C]}, "fused": [A, B, C, GOLD],
        "reranked": [A, B, C, GOLD], "selected": [A, B, C], "packed": [A, B, C],
    }  # fmt: skip
    assert lost(depth=1, **changes) == "fuse"


def test_what_variety_leaves_out_is_lost_by_selecting_also_behind_a_reranker() -> None:
    changes = {"selected": [A, B], "packed": [A, B]}
    assert lost(**changes) == "select"
    assert lost(reranked=[GOLD, A, B], **changes) == "select"


def test_what_is_selected_and_not_packed_is_lost_by_packing() -> None:
    assert lost(packed=[A]) == "pack"
    assert lost(packed=[]) == "pack"


def test_nothing_found_at_all_is_lost_where_searching_begins() -> None:
    nothing: dict[str, Any] = {
        "branches": {"dense": [], "bm25": []}, "fused": [], "selected": [], "packed": [],
    }  # fmt: skip
    assert lost(**nothing) == "dense, bm25"
    assert lost(**nothing, visible=[]) == "filter"


# For any lists: a request as the pipeline makes them

spans = st.lists(st.sampled_from([GOLD, TWIN, A, B, C]), unique=True)


@st.composite
def requests(draw: st.DrawFn) -> HandedOn:
    """Every stage hands on a part, an order or both of what it was given."""

    def part(given: Sequence[Span]) -> list[Span]:
        return draw(st.lists(st.sampled_from(given), unique=True)) if given else []

    indexed = draw(spans)
    visible = part(indexed)
    names = draw(st.sampled_from([("dense",), ("bm25",), ("dense", "bm25")]))
    branches = {name: part(visible) for name in names}
    merged = list(dict.fromkeys(span for found in branches.values() for span in found))
    if len(names) > 1:
        merged = draw(st.permutations(merged))
    depth = draw(st.integers(1, 5))
    reranked = draw(st.none() | st.permutations(merged[:depth]).map(lambda h: h + merged[depth:]))
    ordered = merged if reranked is None else reranked
    n_selected = min(draw(st.integers(1, 5)), len(ordered))
    selected = ordered[:n_selected]
    if draw(st.booleans()):
        selected = draw(st.permutations(ordered))[:n_selected]
    return HandedOn(
        indexed=indexed, visible=visible, branches=branches,
        fused=merged if len(names) > 1 else None, reranked=reranked, depth=depth,
        selected=selected, packed=draw(st.none() | st.just(part(selected))),
    )  # fmt: skip


needs = st.sampled_from([{GOLD}, {GOLD, TWIN}])


def handed(request: HandedOn, stage: str) -> tuple[list[Sequence[Span]], list[Sequence[Span]]]:
    """What a stage was given, and what of it the next one looks at, from the request alone."""
    k = len(request.selected)
    found = [span for some in request.branches.values() for span in some]
    merged = found if request.fused is None else list(request.fused)
    reranked = request.reranked
    window = k if reranked is None else max(k, request.depth)
    packed = request.selected if request.packed is None else request.packed
    return {
        "index": ([], [request.indexed]),
        "filter": ([request.indexed], [request.visible]),
        "dense": ([request.visible], list(request.branches.values())),
        "bm25": ([request.visible], list(request.branches.values())),
        "dense, bm25": ([request.visible], list(request.branches.values())),
        "fuse": ([found], [merged[:window]]),
        "rerank": ([merged], [(reranked or [])[:k]]),
        "select": ([merged if reranked is None else reranked], [request.selected]),
        "pack": ([request.selected], [packed]),
    }[stage]


@given(request=requests(), needed=needs)
def test_never_a_stage_when_the_evidence_arrived_and_always_one_when_it_did_not(
    request: HandedOn, needed: set[Span]
) -> None:
    last = request.selected if request.packed is None else request.packed
    stage = losing_stage(lambda s: needed <= set(s), request)
    assert (stage == NOT_LOST) == (needed <= set(last))


@given(request=requests(), needed=needs)
def test_the_stage_named_was_given_the_evidence_and_did_not_hand_it_on(
    request: HandedOn, needed: set[Span]
) -> None:
    def holds(some: Sequence[Span]) -> bool:
        return needed <= set(some)

    stage = losing_stage(holds, request)
    if stage:
        was_given, handed_on = handed(request, stage)
        assert all(holds(some) for some in was_given)
        assert not any(holds(some) for some in handed_on)


@given(request=requests(), needed=needs)
def test_what_a_later_stage_lost_every_earlier_one_had_handed_on(
    request: HandedOn, needed: set[Span]
) -> None:
    stage = losing_stage(lambda s: needed <= set(s), request)
    if stage in ("fuse", "rerank", "select", "pack"):
        for earlier in ("index", "filter", "dense, bm25"):
            handed_on = [span for some in handed(request, earlier)[1] for span in some]
            assert needed <= set(handed_on)


@given(request=requests())
def test_a_stage_that_does_not_run_is_never_named(request: HandedOn) -> None:
    stage = losing_stage(has_gold, request)
    if request.fused is None:
        assert stage != "fuse"
    if request.reranked is None:
        assert stage != "rerank"
    if request.packed is None:
        assert stage != "pack"
    assert stage in {
        *("", "index", "filter", "fuse", "rerank", "select", "pack"),
        ", ".join(request.branches),
    }


# What counts as evidence


def asked(**labels: Any) -> Question:
    tags = labels.pop("tags", ())
    return Question(query=Query(query_id="q", text="Refund?", tags=tags), **labels)


FIRST, SECOND = (EvidenceSpan(doc_id="faq", start=s, end=s + 10) for s in (0, 50))


@pytest.mark.parametrize(
    "question",
    [
        asked(),
        asked(tags=("unanswerable",)),
        asked(documents={"faq": 0}),
        asked(evidence=((EvidenceSpan(doc_id="faq", quote="not pinned"),),)),
    ],
    ids=["unlabelled", "unanswerable", "irrelevant documents", "not pinned"],
)
def test_where_nothing_can_be_judged_there_is_nothing_to_hold(question: Question) -> None:
    assert holds_evidence(question) is None


def test_all_spans_of_an_alternative_are_needed_and_one_alternative_is_enough() -> None:
    both = holds_evidence(asked(evidence=((FIRST, SECOND),)))
    either = holds_evidence(asked(evidence=((FIRST,), (SECOND,))))
    assert both is not None
    assert either is not None
    assert not both([("faq", 0, 30)])
    assert both([("faq", 45, 70), ("faq", 0, 10)])
    assert either([("faq", 45, 70)])
    assert not either([("other", 0, 100)])


def test_evidence_is_held_by_spans_together() -> None:
    holds = holds_evidence(asked(evidence=((FIRST,),)))
    assert holds is not None
    assert holds([("faq", 0, 6), ("a", 0, 9), ("faq", 4, 10)])
    assert not holds([("faq", 0, 6), ("faq", 7, 10)])


def test_theta_says_how_much_is_enough() -> None:
    strict, lenient = (holds_evidence(asked(evidence=((FIRST,),)), theta) for theta in (1.0, 0.5))
    assert strict is not None
    assert lenient is not None
    assert not strict([("faq", 0, 6)])
    assert lenient([("faq", 0, 6)])


def test_labels_of_documents_ask_for_a_span_of_each() -> None:
    holds = holds_evidence(asked(documents={"a": 1, "b": 2, "c": 0}))
    assert holds is not None
    assert holds([A, B])
    assert not holds([A, C])


def test_spans_decide_where_documents_are_labelled_too() -> None:
    holds = holds_evidence(asked(evidence=((FIRST,),), documents=["a"]))
    assert holds is not None
    assert holds([("faq", 0, 10)])
    assert not holds([A])


def test_the_request_record_is_frozen() -> None:
    with pytest.raises(AttributeError, match="assign"):
        hybrid().depth = 3  # type: ignore[misc]
    assert replace(hybrid(), depth=3).depth == 3
