"""Questions far from everything, documents nobody asks about, and when neither can be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from whymiss.evaluation.labels import Question
from whymiss.neighbourhood.gaps import GAPS, UNCOVERED, Gaps
from whymiss.neighbourhood.ground import Ground

GroundOf = Callable[..., Ground]
Asking = Callable[..., Question]

N = 24


def asked_of(
    ground_of: GroundOf, asking: Asking, *extra: Question, n: int = N, **more: Any
) -> Gaps:
    """Questions in the words of their documents, each a little farther, and some others."""
    texts = {f"d{i:02}": f"The invoice of shop{i} is sent by mail." for i in range(N)}
    vectors = {f"d{i:02}": [0.0] * i + [1.0] for i in range(N)}
    questions = [asking(f"invoice of shop{i}", f"d{i:02}") for i in range(n)]
    asked = {q.query.text: [0.0] * i + [1.0] + [0.0] * (N - i) + [0.1 + i / 100]
             for i, q in enumerate(questions)}  # fmt: skip
    asked |= {q.query.text: [*[0.0] * (N - 1), 0.3, 1.0] for q in extra}
    return Gaps(ground_of(texts, [*questions, *extra], vectors=vectors, asked=asked, **more))


def test_a_question_in_other_words_and_far_from_all_is_a_gap(
    ground_of: GroundOf, asking: Asking
) -> None:
    odd = asking("carbon certificates of Java", tags=("unanswerable",))
    found = asked_of(ground_of, asking, odd).questions
    first = found.iloc[0]

    assert first["query_id"] == odd.query_id
    assert (first["percentile"], first["far"]) == (1.0, True)
    assert first["missing"] == ("carbon", "certif", "java")
    assert first["lacking"] == 1.0
    assert tuple(found.columns) == GAPS


def test_of_the_answerable_questions_at_most_one_in_twenty_and_one_is_far(
    ground_of: GroundOf, asking: Asking
) -> None:
    found = asked_of(ground_of, asking).questions

    # 24 questions, each against 23 others: only above 22 of them, 0.957, is one far.
    assert found["far"].sum() <= 2
    assert found["far"].iloc[0]
    assert not found["far"].iloc[2:].any()


def test_farness_is_the_mean_of_two_shares_and_equals_count_half(
    ground_of: GroundOf, asking: Asking
) -> None:
    found = asked_of(ground_of, asking).questions.set_index("query_id")["farness"]

    # No question lacks a word. All 23 others are nearer than the last, and 11 than the twelfth.
    assert found["invoice of shop23"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["invoice of shop11"] == pytest.approx((11 / 23 + 1 / 2) / 2)


def test_farther_is_never_nearer_in_percent(ground_of: GroundOf, asking: Asking) -> None:
    found = asked_of(ground_of, asking).questions.sort_values("best_cosine")
    alone = found[found["lacking"] == found["lacking"].iloc[0]]

    assert (np.diff(alone["percentile"].to_numpy()) <= 1e-9).all()


def test_a_word_that_only_others_may_read_is_missing(ground_of: GroundOf, asking: Asking) -> None:
    hidden = {"d03": {"allowed": ["staff"]}}
    found = asked_of(ground_of, asking, about=hidden).questions.set_index("query_id")

    assert found.loc["invoice of shop3", "missing"] == ("shop3",)
    assert found.loc["invoice of shop4", "missing"] == ()


@pytest.mark.parametrize("n", [0, 5, 20])
def test_too_few_answerable_questions_leave_it_undefined(
    ground_of: GroundOf, asking: Asking, n: int
) -> None:
    odd = asking("carbon certificates")
    gaps = asked_of(ground_of, asking, odd, n=n)
    row = gaps.questions.set_index("query_id").loc["carbon certificates"]

    assert np.isnan(row["percentile"])
    assert row["far"] is None or row["far"] is not True
    assert f"{n} answerable questions" in row["undefined_because"] == gaps.undefined_because


def test_no_question_at_all_is_said(ground_of: GroundOf) -> None:
    gaps = Gaps(ground_of({"a": "Some text."}))

    assert gaps.undefined_because == "there are no questions"
    assert len(gaps.questions) == len(gaps.uncovered) == 0


def test_one_whose_asker_may_see_nothing_is_undefined_by_itself(
    ground_of: GroundOf, asking: Asking
) -> None:
    nothing = {f"d{i:02}": {"allowed": ["staff"]} for i in range(N)}
    texts = asked_of(ground_of, asking, about=nothing)
    assert texts.undefined_because.startswith("0 answerable questions")

    # Those of staff are answerable, and somebody from outside sees nothing.
    staff = [asking(f"shop{i}", f"d{i:02}", principals=("staff",)) for i in range(N)]
    pages = {f"d{i:02}": f"The invoice of shop{i}" for i in range(N)}
    found = Gaps(ground_of(pages, [*staff, asking("shop1?")], about=nothing)).questions
    row = found.set_index("query_id").loc["shop1?"]
    assert row["undefined_because"] == "its asker may see no chunk"
    assert row["nearest_doc_id"] == ""


def test_documents_far_from_every_question_are_uncovered(
    ground_of: GroundOf, asking: Asking
) -> None:
    texts = {f"d{i:02}": f"Matter {i}." for i in range(12)} | {"lost": "Nobody asks.", "gold": "G"}
    vectors = {name: [1.0, 0.01 * i] for i, name in enumerate(texts)}
    vectors |= {"lost": [-1.0, 0.1], "gold": [-1.0]}
    found = Gaps(
        ground_of(texts, [asking("q", "gold")], vectors=vectors, asked={"q": [1.0]})
    ).uncovered

    # Ten of the twelve are among the nearest, and the evidence counts wherever it stands.
    assert found["doc_id"].tolist() == ["lost", "d11", "d10"]
    assert tuple(found.columns) == UNCOVERED
    assert found["best_cosine"].iloc[0] == pytest.approx(-1 / 1.01**0.5)
