"""C1 budget, C2 position, C3 distractors, C4 spread: planted by hand, and nearly so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from handmade import GOLD, Writer, clears, filler, handmade, proves, question

from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene
from whymiss.records import Context, Passage

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))


def budgeted(tokens: int, gold: float) -> Scene:
    return handmade(
        TEXTS, LABELLED, {**COSINES, "Refunds": gold}, knobs={"context.token_budget": tokens}
    )


def test_c1_the_evidence_is_selected_and_does_not_fit() -> None:
    made = proves(budgeted(25, gold=0.66), "C1")

    assert made.lost_at == made.stage == "pack"
    assert made.finding("C1").numbers == {"left_out": 1, "budget": 25}


def test_c1_is_silent_where_the_budget_leaves_out_what_stands_behind_the_evidence() -> None:
    made = diagnose(budgeted(25, gold=0.9))

    assert made.ending == "healthy"
    assert made.finding("C1").verdict == "cleared"


def test_c1_is_silent_where_the_evidence_was_never_selected() -> None:
    clears(budgeted(2000, gold=0.1), "C1")


def test_c1_repeats_that_are_dropped_are_found_by_keeping_them() -> None:
    # What stands before it says the same and a little more, so the evidence is left out.
    texts = {**TEXTS, "copy.md": f"So: {GOLD} As said."}
    made = diagnose(handmade(texts, LABELLED, {"So:": 0.9, "Refunds": 0.8, **COSINES}))

    assert made.lost_at == "pack"
    assert made.proven[0] == "L1"
    assert made.finding("C1").patch == "no limit to the context, and repeats kept"


def reads(choose: Callable[[Sequence[Passage]], Passage]) -> Writer:
    """Quotes the one passage that it reads."""

    def write(context: Context) -> tuple[str, Sequence[int]]:
        passage = choose(context.passages)
        return passage.text, [passage.number]

    return Writer(write)


def answered(writer: Writer, gold: float = 0.9, **knobs: Any) -> Scene:
    return handmade(TEXTS, LABELLED, {**COSINES, "Refunds": gold}, knobs=knobs, generator=writer)


def test_c2_the_reader_reads_the_first_passage_and_the_best_stands_last() -> None:
    made = proves(answered(reads(lambda some: some[0]), **{"context.order": "reverse"}), "C2")

    assert made.ending == "wrong answer"
    assert made.stage == "pack"
    assert made.finding("C2").numbers == {"passage": 3, "passages": 3}


def test_c2_is_silent_where_the_evidence_stands_first_and_is_not_read() -> None:
    made = clears(answered(reads(lambda some: some[-1])), "C2", ending="wrong answer")

    assert made.proven[0] == "C3"


def test_c2_is_silent_where_the_answer_is_right_wherever_the_evidence_stands() -> None:
    made = diagnose(answered(reads(lambda some: some[-1]), **{"context.order": "reverse"}))

    assert made.ending == "healthy"
    assert made.finding("C2").verdict == "cleared"


def test_c3_the_reader_is_led_away_by_what_stands_beside_the_evidence() -> None:
    made = proves(answered(reads(lambda some: some[-1])), "C3")

    assert made.stage == "answer"
    assert made.finding("C3").numbers == {"other_passages": 2}
    assert made.finding("G1").verdict == "cleared"


def test_c3_is_silent_where_nothing_stands_beside_the_evidence() -> None:
    ignoring = Writer(lambda context: ("Plants are watered on Mondays.", []))

    clears(answered(ignoring, **{"retrieval.k": 1}), "C3", ending="wrong answer")


def test_c3_is_silent_where_the_answer_is_right_beside_all_others() -> None:
    made = diagnose(answered(reads(lambda some: some[0])))

    assert made.ending == "healthy"
    assert made.finding("C3").verdict == "cleared"


OTHER = "Cards wait two further bank days."


def spread(first: float, second: float, *, mode: str = "dense") -> Scene:
    """Both paragraphs are needed; where BM25 searches, only the first shares words."""
    texts = {**FILLER, "gold.md": f"{GOLD} Money is back then.", "cards.md": OTHER}
    asked = question(texts, ("gold.md", GOLD), ("cards.md", OTHER))
    cosines = {**COSINES, "Refunds": first, "Cards": second}
    return handmade(texts, asked, cosines, knobs={"retrieval.mode": mode})


def test_c4_one_of_two_spans_is_delivered() -> None:
    made = proves(spread(0.9, 0.1, mode="bm25"), "C4")

    assert made.stage == "select"
    assert made.finding("C4").numbers == {"delivered_spans": 1, "spans": 2}
    assert made.lost_at == "bm25"


def test_c4_is_silent_where_neither_span_is_delivered() -> None:
    clears(spread(0.1, 0.09), "C4")


def test_c4_is_silent_where_both_are_delivered() -> None:
    made = diagnose(spread(0.9, 0.8))

    assert made.ending == "healthy"
    assert made.finding("C4").verdict == "cleared"


def test_c4_is_silent_where_the_evidence_is_one_span() -> None:
    clears(budgeted(1500, gold=0.1), "C4")
