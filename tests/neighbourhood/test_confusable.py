"""Close chunks that differ in what decides, and those that merely differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.neighbourhood.confusable import CLOSE, CONFUSABLE, Confusable
from whymiss.neighbourhood.differences import SAME_SENTENCE, differences, kind_of, sentences
from whymiss.neighbourhood.ground import Ground
from whymiss.records import Query

GroundOf = Callable[..., Ground]
Asking = Callable[..., Question]

VALUES = frozenset({"annual", "monthly"})
BASE = "Annual plans of the crew get an answer by phone within 4 hours."


def told(one: str, other: str) -> list[tuple[str, str, str]]:
    found = differences(sentences(one, VALUES), sentences(other, VALUES), VALUES)
    return [(d.kind, d.one, d.other) for d in found]


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        (BASE.replace("4", "8"), [("number", "4", "8")]),
        (BASE.replace("Annual", "Monthly"), [("metadata", "Annual", "Monthly")]),
        (BASE.replace("get", "never get"), [("negation", "", "never")]),
        (BASE.replace("phone", "mail"), [("word", "phone", "mail")]),
        (BASE.replace("by phone within", "in a chat or letter after"), []),
        (BASE, []),
        (BASE.replace("get an answer", "get an early answer"), []),
        (BASE.replace("an answer", "the answer"), []),
        ("Nobody of the crew has to wait for more than 8 hours there.", []),
    ],
    ids=["number", "value", "negation", "word", "too much", "same", "more is said", "article",
         "another sentence"],
)  # fmt: skip
def test_what_tells_two_sentences_apart(other: str, wanted: list[tuple[str, str, str]]) -> None:
    assert told(BASE, other) == wanted


def test_codes_are_told_from_numbers() -> None:
    said = "Error FW-1042 means that the card was refused by the bank."

    assert told(said, said.replace("1042", "1043")) == [("code", "FW-1042", "FW-1043")]
    assert kind_of("2026-01-31", VALUES) == "number"


def test_a_sentence_that_stands_on_both_sides_is_held_against_no_other() -> None:
    # Without that, the row of 4 hours would be told to contradict the row of 8.
    rows = f"{BASE}\n{BASE.replace('4', '8')}"

    assert told(rows, rows) == []
    assert told(BASE, rows) == []
    assert told(rows, rows + "\nWelcome to the plans of the year.") == []


@given(st.lists(st.sampled_from("a annual monthly not 4 8 fw-1 plan crew desk".split()),  # noqa: SIM905
                min_size=4, max_size=9),
       st.lists(st.sampled_from("a annual monthly not 4 8 fw-1 plan crew desk".split()),  # noqa: SIM905
                min_size=4, max_size=9))  # fmt: skip
def test_each_side_tells_of_itself_whichever_comes_first(
    one: Sequence[str], other: Sequence[str]
) -> None:
    forth = {(kind, frozenset((a, b))) for kind, a, b in told(" ".join(one), " ".join(other))}
    for kind, sides in forth:
        for words in sides:
            assert all(word in one or word in other for word in words.split())
            assert not words or any(kind_of(w, VALUES) == kind for s in sides for w in s.split())
    assert 0 < SAME_SENTENCE < 1


TEXTS = {
    "annual.md": "Annual customers may call the desk at any time and get an answer in 4 hours.",
    "monthly.md": "Monthly customers may write to the desk and wait for a day or two.",
    "far.md": "Annual customers may call the desk at any time and get an answer in 8 hours.",
}
PLANS = {
    "annual.md": {"metadata": {"plan": "annual", "owner": "Ann"}},
    "monthly.md": {"metadata": {"plan": "monthly", "owner": "Bob"}},
    "far.md": {"metadata": {"plan": "annual", "owner": "Bob"}},
}
APART = {"annual.md": [1.0], "monthly.md": [1.0, 0.5], "far.md": [0.0, 0.0, 1.0]}


def test_close_chunks_marked_and_named_otherwise_are_confusable(ground_of: GroundOf) -> None:
    found = Confusable(ground_of(TEXTS, about=PLANS, vectors=APART))
    (row,) = found.pairs.to_dict("records")

    assert (row["doc_id"], row["other_doc_id"], row["kind"]) == (
        "annual.md", "monthly.md", "metadata"
    )  # fmt: skip
    assert row["differs"] == (("plan annual", "plan monthly"),)
    assert row["cosine"] == pytest.approx(1 / 1.25**0.5, abs=1e-6)
    assert (row["n_questions"], found.cosine) == (0, CLOSE)
    assert tuple(found.pairs.columns) == CONFUSABLE


def test_chunks_that_are_far_apart_confuse_nobody_however_alike_their_words(
    ground_of: GroundOf,
) -> None:
    near = {**APART, "far.md": [1.0, 0.0, 0.1]}
    pairs = {
        (row["doc_id"], row["other_doc_id"], row["kind"])
        for row in Confusable(ground_of(TEXTS, about=PLANS, vectors=near)).pairs.to_dict("records")
    }

    assert ("annual.md", "far.md", "number") in pairs
    apart = Confusable(ground_of(TEXTS, about=PLANS, vectors=APART)).pairs
    assert "far.md" not in {*apart["doc_id"], *apart["other_doc_id"]}


def test_a_value_that_the_text_does_not_name_decides_nothing(ground_of: GroundOf) -> None:
    texts = {**TEXTS, "monthly.md": "Customers may write to the desk and wait for a day or two."}

    assert len(Confusable(ground_of(texts, about=PLANS, vectors=APART)).pairs) == 0


def test_pairs_that_mislead_questions_come_first(ground_of: GroundOf, asking: Asking) -> None:
    closer = {"annual.md": [1.0], "far.md": [1.0, 0.0, 0.1], "monthly.md": [1.0, 0.5]}
    questions = [asking("phone?", "annual.md"), asking("mail?", "monthly.md")]
    asked = {"phone?": [1.0, 0.5], "mail?": [1.0, 0.6]}
    found = Confusable(ground_of(TEXTS, questions, about=PLANS, vectors=closer, asked=asked))
    pairs = found.pairs

    first = pairs.iloc[0]
    assert (first["doc_id"], first["other_doc_id"]) == ("annual.md", "monthly.md")
    assert first["query_ids"] == ("phone?",)
    assert pairs["cosine"].iloc[1:].max() > first["cosine"]


def test_a_question_that_either_chunk_answers_is_not_misled(ground_of: GroundOf) -> None:
    spans = [(EvidenceSpan(doc_id=d, start=0, end=1),) for d in ("annual.md", "monthly.md")]
    both = Question(query=Query(query_id="phone?", text="phone?"), evidence=tuple(spans))
    found = Confusable(
        ground_of(TEXTS, [both], about=PLANS, vectors=APART, asked={"phone?": [1.0, 0.5]})
    )

    assert found.pairs["n_questions"].tolist() == [0]


def test_what_the_asker_may_not_see_misleads_nobody(ground_of: GroundOf, asking: Asking) -> None:
    hidden: dict[str, Any] = {**PLANS, "monthly.md": {**PLANS["monthly.md"], "allowed": ["staff"]}}
    asked = {"phone?": [1.0, 0.5]}
    found = Confusable(
        ground_of(TEXTS, [asking("phone?", "annual.md")], about=hidden, vectors=APART, asked=asked)
    )

    assert found.pairs["n_questions"].tolist() == [0]


def test_how_close_is_close_is_told_by_the_questions(ground_of: GroundOf, asking: Asking) -> None:
    questions = [asking(f"q{i}", "annual.md") for i in range(20)]
    asked = {f"q{i}": [0.6, 0.0, 0.0, 0.8] for i in range(20)}
    found = Confusable(ground_of(TEXTS, questions, about=PLANS, vectors=APART, asked=asked))

    assert found.cosine == pytest.approx(0.6)
