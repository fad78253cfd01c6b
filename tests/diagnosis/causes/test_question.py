"""Q1 unanswerable, L1 label incomplete, Q2 vocabulary gap: planted by hand, and nearly so."""

from __future__ import annotations

from dataclasses import replace

from handmade import ASKED, GOLD, clears, filler, handmade, proves, question

from whymiss.diagnosis.causes.question import GAP, LEAST_TERMS
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan

FILLER, COSINES = filler(12)
TEXTS = {**FILLER, "gold.md": GOLD}
LABELLED = question(TEXTS, ("gold.md", GOLD))
BEHIND = {**COSINES, "Refunds": 0.1}


def test_q1_a_question_that_is_labelled_unanswerable_is_said_to_be_so() -> None:
    made = diagnose(handmade(TEXTS, question(TEXTS, tags=("unanswerable",)), COSINES))

    assert made.ending == "unjudged"
    assert made.finding("Q1").verdict == "implicated"
    assert made.proven == ()
    assert not made.unexplained


def test_q1_is_silent_where_evidence_is_labelled() -> None:
    clears(handmade(TEXTS, LABELLED, BEHIND), "Q1")


def test_q1_does_not_know_of_a_question_without_any_label() -> None:
    clears(handmade(TEXTS, question(TEXTS), COSINES), "Q1", "unknown", ending="unjudged")


ELSEWHERE = f"The phone line says it so: {GOLD} Ask for a clerk by name."


def test_l1_the_labelled_words_stand_in_the_context_in_another_place() -> None:
    texts = {**TEXTS, "phone.md": ELSEWHERE}
    made = proves(handmade(texts, LABELLED, {"phone line": 0.9, **BEHIND}), "L1")

    assert made.stage == "parse"
    assert "phone.md" in made.finding("L1").patch


def test_l1_is_silent_where_the_other_place_differs_by_one_number() -> None:
    texts = {**TEXTS, "phone.md": ELSEWHERE.replace("ten", "nine")}

    clears(handmade(texts, LABELLED, {"phone line": 0.9, **BEHIND}), "L1")


def test_l1_is_silent_where_the_other_place_was_not_delivered_either() -> None:
    texts = {**TEXTS, "phone.md": ELSEWHERE}

    clears(handmade(texts, LABELLED, {"phone line": 0.09, **BEHIND}), "L1")


def test_l1_is_silent_where_the_words_are_too_few_to_be_the_same_by_more_than_chance() -> None:
    short = "Ten days."
    assert len(short.split()) < LEAST_TERMS
    texts = {**FILLER, "gold.md": short, "phone.md": f"Holidays: {short} Ask for more of them."}
    asked = question(texts, ("gold.md", short))

    clears(handmade(texts, asked, {"Holidays": 0.9, **COSINES, "Ten": 0.1}), "L1")


def test_l1_needs_every_span_of_an_alternative_elsewhere() -> None:
    other = "Cards wait two further bank days longer."
    texts = {**FILLER, "gold.md": f"{GOLD}\n\n{other}", "phone.md": ELSEWHERE}
    asked = question(texts, ("gold.md", GOLD), ("gold.md", other))

    clears(handmade(texts, asked, {"phone line": 0.9, **BEHIND, "Cards": 0.1}), "L1")


def worded(gold: str, **knobs: object) -> Scene:
    """Asked by BM25 of documents that share two words with the question; dense is no help."""
    texts = {name: f"{text} Until money is back." for name, text in FILLER.items()}
    texts["gold.md"] = gold
    asked = question(texts, ("gold.md", gold))
    return handmade(texts, asked, BEHIND, knobs={"retrieval.mode": "bm25", **knobs})


def test_q2_the_question_shares_no_word_with_the_evidence() -> None:
    made = proves(worded(GOLD), "Q2")

    assert made.stage == "bm25"
    assert made.finding("Q2").numbers["share_of_words"] < GAP
    assert "refund" in made.finding("Q2").patch


def test_q2_is_silent_where_the_question_has_the_words_of_the_evidence() -> None:
    scene = handmade(TEXTS, LABELLED, BEHIND)
    alike = replace(LABELLED, query=replace(LABELLED.query, text=f"{ASKED[:8]} do refunds take?"))
    made = clears(replace(scene, question=alike), "Q2")

    assert made.finding("Q2").numbers["share_of_words"] > GAP


def test_q2_is_silent_where_no_row_holds_the_evidence() -> None:
    gone = replace(LABELLED, evidence=((EvidenceSpan(doc_id="gone.md", quote=GOLD),),))

    clears(handmade(FILLER, gone, COSINES), "Q2", "unknown")
