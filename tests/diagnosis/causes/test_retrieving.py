"""S4 depth, S5 blind branch, S6 fusion, S7 reranker, S8 cutoff: planted by hand, and nearly so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from handmade import ASKED, GOLD, TableReranker, clears, filler, handmade, proves, question

from whymiss.diagnosis.causes.retrieving import FRONT, USUAL_DEPTH
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
BEHIND = {**COSINES, "Refunds": 0.1}
AHEAD = {**COSINES, "Refunds": 0.9}


def reranked(depth: int, gold: float, cosines: Mapping[str, float] = BEHIND, **how: Any) -> Scene:
    """A reranker that scores the evidence so, and all else 0.5."""
    knobs = {"retrieval.candidate_depth": depth, "rerank.blend": "replace", **how}
    table = {"Refunds": gold, "Topic": 0.5}
    return handmade(TEXTS, LABELLED, cosines, knobs=knobs, reranker=TableReranker(table))


def test_s4_the_reranker_never_sees_the_evidence() -> None:
    made = proves(reranked(5, gold=0.9), "S4")

    assert made.lost_at == made.stage == "dense"
    assert made.finding("S4").patch == f"depth {USUAL_DEPTH}"


def test_s4_is_silent_where_the_evidence_is_among_many_candidates() -> None:
    clears(reranked(USUAL_DEPTH, gold=0.1), "S4")


def test_s4_is_silent_where_the_depth_is_usual_and_no_depth_would_help() -> None:
    # In BM25 what shares no word with the question is no candidate at any depth.
    scene = handmade(TEXTS, LABELLED, BEHIND, knobs={"retrieval.mode": "bm25"})

    clears(scene, "S4")


WORDED = "How many days do refunds take?"


def blind(mode: str, text: str, gold: float) -> Scene:
    texts = {name: f"{said} How many do." for name, said in FILLER.items()} | {"gold.md": GOLD}
    cosines = {**COSINES, "Refunds": gold}
    asked = question(texts, ("gold.md", GOLD), text=text)
    return handmade(texts, asked, cosines, knobs={"retrieval.mode": mode})


@pytest.mark.parametrize(("mode", "text", "gold"), [("bm25", ASKED, 0.9), ("dense", WORDED, 0.1)])
def test_s5_the_branch_that_would_have_found_it_does_not_run(
    mode: str, text: str, gold: float
) -> None:
    made = proves(blind(mode, text, gold), "S5")

    assert made.stage == mode
    assert made.finding("S5").numbers["rank_of_other"] == 1


@pytest.mark.parametrize(("mode", "text"), [("bm25", ASKED), ("dense", ASKED)])
def test_s5_is_silent_where_the_other_branch_does_not_find_it_either(mode: str, text: str) -> None:
    clears(blind(mode, text, 0.1), "S5")


def test_s5_in_hybrid_mode_a_stemmer_of_another_language_makes_bm25_blind() -> None:
    # "Refunds" and "refund" are one term to an English stemmer, and two to none.
    texts = {name: f"{said} Its policy." for name, said in FILLER.items()} | {"gold.md": GOLD}
    asked = question(texts, ("gold.md", GOLD), text="Its refunding policy?")
    knobs = {"retrieval.mode": "hybrid", "retrieval.stemmer": "", "retrieval.candidate_depth": 50}
    cosines = {**COSINES, "Refunds": 0.6}
    made = diagnose(handmade(texts, asked, cosines, knobs=knobs))

    assert made.finding("S5").verdict == "proven"
    assert made.finding("S5").patch == "BM25 with the usual stemmer and stop words"


def merged(weight: float, gold: float, text: str = WORDED) -> Scene:
    """Hybrid: BM25 has the evidence first, the dense branch where its cosine puts it."""
    texts = {name: f"{said} How many do." for name, said in FILLER.items()} | {"gold.md": GOLD}
    asked = question(texts, ("gold.md", GOLD), text=text)
    knobs = {"retrieval.mode": "hybrid", "retrieval.dense_weight": weight}
    return handmade(texts, asked, {**COSINES, "Refunds": gold}, knobs=knobs)


def test_s6_the_weight_of_the_fusion_puts_the_evidence_back() -> None:
    made = proves(merged(0.95, gold=0.35), "S6")

    assert made.lost_at == made.stage == "fuse"
    assert made.finding("S6").patch == "both branches at equal weight"
    assert made.finding("S6").numbers["best_branch_rank"] == 1


def test_s6_is_silent_where_both_branches_have_it_behind() -> None:
    clears(merged(0.5, gold=0.1, text=ASKED), "S6")


def test_s6_is_silent_where_nothing_is_merged() -> None:
    clears(handmade(TEXTS, LABELLED, BEHIND), "S6")


def test_s7_the_reranker_puts_the_evidence_last() -> None:
    made = proves(reranked(50, gold=0.1, cosines=AHEAD), "S7")

    assert made.lost_at == made.stage == "rerank"
    assert made.finding("S7").numbers == {"rank_before": 1, "rank_after": 13}
    assert made.finding("S7").severity == 12


def test_s7_is_silent_where_the_reranker_brings_the_evidence_forward_and_not_far_enough() -> None:
    before = dict.fromkeys(list(COSINES)[:6], 0.9)
    table = {**before, "Refunds": 0.5, "Topic": 0.1}
    scene = handmade(TEXTS, LABELLED, BEHIND, reranker=TableReranker(table),
                     knobs={"rerank.blend": "replace"})  # fmt: skip
    made = clears(scene, "S7")

    assert made.finding("S7").numbers == {"rank_before": 13, "rank_after": 7}


def test_s7_is_silent_where_no_reranker_runs() -> None:
    clears(handmade(TEXTS, LABELLED, BEHIND), "S7")


def test_s7_a_reranker_that_reads_the_beginning_only_is_given_parts() -> None:
    head = "The desk is open on weekdays. " * 8
    texts = {**FILLER, "gold.md": f"{head}{GOLD}"}
    asked = question(texts, ("gold.md", GOLD))

    def reads_a_line(text: str) -> float:
        return 0.9 if "Refunds" in text[:220] else 0.5 if "Topic" in text else 0.1

    reranker, knobs = TableReranker(reads_a_line), {"rerank.blend": "replace"}
    scene = handmade(texts, asked, {"desk is": 0.65, **COSINES}, reranker=reranker, knobs=knobs)
    made = diagnose(scene)

    assert made.finding("S7").verdict == "proven"


def at_rank(rank: int, **knobs: Any) -> Scene:
    """The evidence right behind `rank - 1` fillers."""
    between = sorted(COSINES.values(), reverse=True)
    gold = 0.9 if rank == 1 else between[rank - 2] - 0.001
    return handmade(TEXTS, LABELLED, {**COSINES, "Refunds": gold}, knobs=knobs)


@pytest.mark.parametrize("rank", [4, FRONT])
def test_s8_the_evidence_stands_right_behind_the_first_k(rank: int) -> None:
    made = proves(at_rank(rank), "S8")

    assert made.lost_at == made.stage == "select"
    assert made.finding("S8").patch == f"k {rank}"
    assert made.finding("S8").numbers["rank"] == rank


def test_s8_is_silent_where_the_evidence_is_selected_and_lost_in_packing() -> None:
    clears(at_rank(3, **{"context.token_budget": 25}), "S8")


def test_s8_is_silent_where_the_evidence_is_selected_and_left_out_as_a_repeat() -> None:
    texts = {**TEXTS, "copy.md": f"So: {GOLD} As said."}
    scene = handmade(texts, LABELLED, {"So:": 0.95, **AHEAD})

    clears(scene, "S8")


def test_s8_is_silent_where_the_evidence_is_no_candidate() -> None:
    clears(handmade(TEXTS, LABELLED, AHEAD, knobs={"retrieval.mode": "bm25"}), "S8")


LOOKS: list[tuple[Callable[[], Scene], str]] = [
    (lambda: at_rank(2), "S4"),
    (lambda: at_rank(2), "S5"),
    (lambda: at_rank(2), "S7"),
    (lambda: at_rank(2), "S8"),
]


@pytest.mark.parametrize(("made", "cause"), LOOKS)
def test_nothing_is_said_of_a_healthy_question(made: Callable[[], Scene], cause: str) -> None:
    clears(made(), cause, ending="healthy")
