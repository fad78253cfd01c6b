"""G1 to G5 and X1, what is wrong with the answer itself: planted by hand, and nearly so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from handmade import GOLD, TableReranker, Writer, clears, filler, handmade, proves, question

from whymiss.answering.prompt import ABSTENTION
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene
from whymiss.protocols import Generator
from whymiss.records import Answer, Chunk, Context, Query

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
FRONT: Mapping[str, float] = {**COSINES, "Refunds": 0.9}

ELSEWHERE = "Plants are watered on Mondays by the clerk."


def answered(generator: Generator, **how: Any) -> Scene:
    return handmade(TEXTS, LABELLED, how.pop("cosines", FRONT), generator=generator, **how)


def number_of(context: Context, doc_id: str) -> int:
    return next(p.number for p in context.passages if p.doc_id == doc_id)


def right(context: Context) -> tuple[str, list[int]]:
    return GOLD, [number_of(context, "gold.md")]


def test_g1_the_answer_is_from_memory_whatever_there_is_to_read() -> None:
    made = proves(answered(Writer(lambda _: (ELSEWHERE, []))), "G1")

    assert made.ending == "wrong answer"
    assert made.lost_at == ""
    assert made.stage == "answer"
    assert made.finding("G1").patch == "the evidence quoted as the answer"


def test_g1_is_silent_where_the_evidence_alone_is_answered_from() -> None:
    def easily_led(context: Context) -> tuple[str, list[int]]:
        last = context.passages[-1]
        return last.text, [last.number]

    made = clears(answered(Writer(easily_led)), "G1", ending="wrong answer")
    assert made.proven[0] == "C3"


def test_g1_is_silent_where_the_answer_repeats_the_evidence() -> None:
    clears(answered(Writer(right)), "G1", ending="healthy")


@pytest.mark.parametrize("cause", ["G1", "G2", "G3", "G4", "G5"])
def test_answers_are_not_blamed_for_evidence_that_was_not_delivered(cause: str) -> None:
    def from_what_there_is(context: Context) -> tuple[str, list[int]]:
        told = any(p.doc_id == "gold.md" for p in context.passages)
        return right(context) if told else (ELSEWHERE, [])

    scene = answered(Writer(from_what_there_is), cosines={**COSINES, "Refunds": 0.1})

    made = clears(scene, cause, "unknown")
    assert made.then == ()


def test_what_is_wrong_with_the_answer_once_the_evidence_is_there_is_told_beside_the_cause() -> (
    None
):
    scene = answered(Writer(lambda _: (ELSEWHERE, [])), cosines={**COSINES, "Refunds": 0.45})
    made = diagnose(scene)

    assert made.proven[0] == "S8"
    assert made.then[0] == "G1"
    assert made.finding("G1").verdict == "proven"


def test_g2_beside_the_evidence_the_answer_says_what_stands_nowhere() -> None:
    def adding(context: Context) -> tuple[str, list[int]]:
        return f"{GOLD} {ELSEWHERE}", [number_of(context, "gold.md")]

    made = proves(answered(Writer(adding)), "G2")

    assert made.finding("G2").numbers == {"unsupported": 1}


def test_g2_is_silent_where_the_second_claim_stands_in_another_passage() -> None:
    def both(context: Context) -> tuple[str, list[int]]:
        other = next(p for p in context.passages if p.doc_id != "gold.md")
        return f"{GOLD} {other.text}", [number_of(context, "gold.md"), other.number]

    clears(answered(Writer(both)), "G2", ending="healthy")


def test_g3_the_answer_is_right_and_cites_another_passage() -> None:
    def elsewhere(context: Context) -> tuple[str, list[int]]:
        return GOLD, [next(p.number for p in context.passages if p.doc_id != "gold.md")]

    made = proves(answered(Writer(elsewhere)), "G3")
    assert made.finding("G3").numbers == {"miscited": 1}


def test_g3_the_answer_is_right_and_cites_nothing() -> None:
    proves(answered(Writer(lambda _: (GOLD, []))), "G3")


def test_g3_is_silent_where_a_further_passage_is_cited_beside_the_right_one() -> None:
    def many(context: Context) -> tuple[str, list[int]]:
        return GOLD, [p.number for p in context.passages]

    clears(answered(Writer(many)), "G3", ending="healthy")


OTHER = "Cards wait two further bank days."


def of_two_spans(said: str) -> Scene:
    texts = {**TEXTS, "cards.md": OTHER}
    asked = question(texts, ("gold.md", GOLD), ("cards.md", OTHER))

    def write(context: Context) -> tuple[str, list[int]]:
        return said, [number_of(context, "gold.md"), number_of(context, "cards.md")]

    cosines = {**FRONT, "Cards": 0.85}
    return handmade(texts, asked, cosines, generator=Writer(write))


def test_g4_whether_an_answer_is_complete_is_not_known_by_its_words() -> None:
    clears(of_two_spans(GOLD), "G4", "unknown", ending="healthy")


def test_g4_is_silent_where_the_evidence_is_one_span() -> None:
    clears(answered(Writer(right)), "G4", ending="healthy")


def extractive(min_support: float) -> Scene:
    knobs = {"answer.min_support": min_support}
    scene = handmade(TEXTS, LABELLED, FRONT, knobs=knobs)
    return replace(scene, answers=True)


def test_g5_the_answer_abstains_for_a_threshold() -> None:
    made = proves(extractive(0.99), "G5")

    assert made.ending == "wrong answer"
    assert made.answer == ABSTENTION
    assert made.finding("G5").patch == "no threshold for answering"


def test_g5_is_silent_where_the_threshold_is_met() -> None:
    clears(extractive(0.1), "G5", ending="healthy")


@dataclass(frozen=True)
class Abstainer:
    """Never answers."""

    name: str = "abstainer"

    def generate(self, query: Query, context: Context) -> Answer:
        return Answer(text=ABSTENTION, abstained=True, generator=self.name)


def test_g5_a_generator_that_never_answers_is_proven_by_a_perfect_reader() -> None:
    made = proves(answered(Abstainer()), "G5")

    assert made.finding("G5").patch == "the evidence quoted as the answer"


@dataclass(frozen=True)
class Restless:
    """Says something else each time; with `step` 0 always the same."""

    step: int = 1
    times: Any = field(default_factory=count)
    name: str = "restless"

    def generate(self, query: Query, context: Context) -> Answer:
        said = f"{GOLD} (told {next(self.times) * self.step} times)"
        return Answer(text=said, generator=self.name)


def test_x1_the_same_question_gives_another_answer() -> None:
    made = diagnose(answered(Restless()))

    assert made.finding("X1").verdict == "implicated"
    assert "X1" not in made.proven


def test_x1_is_silent_where_the_answer_stays_the_same() -> None:
    made = diagnose(answered(Restless(step=0)))

    assert made.finding("X1").verdict == "cleared"


@dataclass(frozen=True)
class RestlessReranker(TableReranker):
    """Has another order each time."""

    times: Any = field(default_factory=count)

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        time = next(self.times)
        return [float((number + time) % len(chunks)) for number in range(len(chunks))]


def test_x1_the_same_question_gives_other_candidates() -> None:
    scene = handmade(TEXTS, LABELLED, FRONT, reranker=RestlessReranker({}))
    made = diagnose(scene)

    assert made.finding("X1").verdict == "implicated"


def test_x1_is_silent_where_all_stages_repeat_themselves() -> None:
    scene = handmade(TEXTS, LABELLED, FRONT, reranker=TableReranker({"Refunds": 0.9}))

    clears(scene, "X1", ending="healthy")
