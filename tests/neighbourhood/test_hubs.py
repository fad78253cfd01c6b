"""k-occurrence, what stands out, and what goes right without it: worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation.labels import Question
from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.hubs import HUBS, OCCURRENCES, Hubs
from whymiss.neighbourhood.occurrence import NEAREST, occurrences, skewness, unusual
from whymiss.neighbourhood.sentinels import PER_DOCUMENT, sentinels

GroundOf = Callable[..., Ground]
Asking = Callable[..., Question]

N = 24


HUB = [1.0]
SECOND = [0.0] * (N + 1) + [1.0]


def about(i: int) -> list[float]:
    """Where document i stands; hubs are on the first axis."""
    return [0.0] * (i + 1) + [1.0]


def leaning(i: int, *, hub: float = 0.5, second: float = 0.0) -> list[float]:
    """A question about document i: the nine after it follow, each a little farther away."""
    made = [hub, *[0.0] * N, second]
    for step in range(10):
        made[1 + (i + step) % N] = 0.3 - 0.02 * step
    return made


def crowded(
    ground_of: GroundOf, asking: Asking, *, n_hubs: int = 1, n: int = N, second: float = 0.0,
    answered_by_hub: bool = False, own: bool = False, **more: Any,
) -> Ground:  # fmt: skip
    """Questions with a document each, and closer to them a page that answers none."""
    texts = {f"d{i:02}": f"Matter {i} is told here." for i in range(N)}
    vectors = {f"d{i:02}": about(i) for i in range(N)}
    for j in range(n_hubs):
        texts[f"hub{j}"] = f"Welcome to everything, page {j}."
        vectors[f"hub{j}"] = [1.0, 0.01 * j]
    if second:
        texts["second"], vectors["second"] = "Also in the way.", SECOND
    asked = {f"q{i:02}": leaning(i, second=second) for i in range(n)} | {"own": HUB}
    gold = "hub0" if answered_by_hub else ""
    questions = [asking(f"q{i:02}", gold or f"d{i:02}") for i in range(n)]
    if own:
        questions.append(asking("own", "hub0"))
    return ground_of(texts, questions, vectors=vectors, asked=asked, **more)


def test_a_page_before_every_answer_is_a_hub_and_its_removal_brings_them_in(
    ground_of: GroundOf, asking: Asking
) -> None:
    found = Hubs(crowded(ground_of, asking))
    (row,) = found.hubs.to_dict("records")

    assert (row["doc_id"], row["n"], row["n_queries"], row["share"]) == ("hub0", 1, N, 1.0)
    assert row["in_front"] == row["entered"] == tuple(f"q{i:02}" for i in range(N))
    assert row["displaced"] == ()
    assert row["harmful"] is True
    assert "24 lost questions" in row["effect"]
    assert tuple(found.hubs.columns) == HUBS


def test_copies_of_a_hub_are_taken_out_together(ground_of: GroundOf, asking: Asking) -> None:
    (row,) = Hubs(crowded(ground_of, asking, n_hubs=3)).hubs.to_dict("records")

    assert row["n"] == 3
    assert len(row["entered"]) == N


def test_a_removal_that_changes_nothing_is_told_as_such(
    ground_of: GroundOf, asking: Asking
) -> None:
    # Behind the hub another page, no copy of it, stands in front of every answer.
    both = Hubs(crowded(ground_of, asking, second=0.45))
    rows = {row["doc_id"]: row for row in both.hubs.to_dict("records")}

    assert rows["hub0"]["entered"] == ()
    assert rows["hub0"]["harmful"] is False
    assert rows["hub0"]["effect"] == "its removal changes nothing for 24 lost questions"
    assert rows["second"]["effect"] == "it stands in front of no lost question"


def test_a_page_that_answers_all_that_it_is_close_to_is_no_hub(
    ground_of: GroundOf, asking: Asking
) -> None:
    found = Hubs(crowded(ground_of, asking, answered_by_hub=True))
    row = found.table.set_index("doc_id").loc["hub0"]

    assert (row["n_questions"], row["n_bad"], row["stands_out"]) == (N, 0, False)
    assert len(found.hubs) == 0


def test_questions_that_lose_by_a_removal_are_named(ground_of: GroundOf, asking: Asking) -> None:
    (row,) = Hubs(crowded(ground_of, asking, own=True)).hubs.to_dict("records")

    assert row["displaced"] == ("own",)
    assert row["n_evidence"] == 1
    assert (len(row["entered"]), row["harmful"]) == (N, True)


def test_a_hub_that_the_asker_may_not_see_stands_in_nobodys_way(
    ground_of: GroundOf, asking: Asking
) -> None:
    hidden = crowded(ground_of, asking, about={"hub0": {"allowed": ["staff"]}})

    assert len(Hubs(hidden).hubs) == 0


def test_too_few_questions_and_sentences_tell_nothing_and_say_so(
    ground_of: GroundOf, asking: Asking
) -> None:
    found = Hubs(crowded(ground_of, asking, n=5))

    assert len(found.hubs) == 0
    assert found.undefined_because.startswith("0 sentinels and 5 questions are too few")
    assert np.isnan(found.skewness)


def test_without_questions_sentences_of_the_documents_are_asked(ground_of: GroundOf) -> None:
    said = "This is what there is to tell of matter {} today."
    texts = {f"d{i:02}": said.format(i) for i in range(N)} | {"hub": "Welcome to everything."}
    vectors = {f"d{i:02}": about(i) for i in range(N)} | {"hub": HUB}
    asked = {text: leaning(i) for i, text in enumerate(texts.values()) if i < N}
    found = Hubs(ground_of(texts, vectors=vectors, asked=asked))
    (row,) = found.hubs.to_dict("records")

    assert (found.told_by, found.n_queries) == ("sentinels", N)
    assert (row["doc_id"], row["told_by"], row["n_queries"]) == ("hub", "sentinels", N)
    assert row["effect"] == "not tested: no labelled question can be judged"


def test_sentinels_are_sentences_of_the_document_and_the_same_each_time(
    ground_of: GroundOf,
) -> None:
    lines = [f"This is sentence number {word} of a page about nothing at all."
             for word in ("one", "two", "three", "four", "five", "six", "seven")]  # fmt: skip
    ground = ground_of({"a": "Title.\n\n" + " ".join(lines), "b": "Too short."}, size=13)
    made = sentinels(ground)

    assert [s.text for s in made] == [lines[1], lines[3], lines[5]]
    assert len(made) == PER_DOCUMENT
    for sentinel in made:
        held = " ".join(ground.chunks[row].text for row in sentinel.rows)
        assert all(word in held for word in sentinel.text.split())
    assert made == sentinels(ground)


def test_sentences_do_not_count_against_their_own_document(ground_of: GroundOf) -> None:
    lines = [f"Matter {i} of this page is told here in a few words." for i in range(12)]
    alone = Hubs(ground_of({"a": "\n\n".join(lines)}, size=12))

    assert len(alone.table) == 12
    assert alone.table["n_sentinels"].sum() == 0
    both = Hubs(ground_of({"a": "\n\n".join(lines), "b": lines[0]}, size=12)).table
    # The one sentence of b has its ten nearest in a.
    assert both.groupby("doc_id")["n_sentinels"].sum().to_dict() == {"a": 10, "b": 0}


def test_the_table_counts_every_chunk(ground_of: GroundOf, asking: Asking) -> None:
    ground = crowded(ground_of, asking)
    table = Hubs(ground).table

    assert tuple(table.columns) == OCCURRENCES
    assert sorted(table["chunk_id"]) == sorted(c.chunk_id for c in ground.chunks)
    assert table["n_questions"].sum() == N * NEAREST
    assert (table["n_bad"] <= table["n_questions"]).all()


@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 99))
def test_every_query_has_its_ten_nearest(n_queries: int, n_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n_queries + n_rows, 5)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    found = occurrences(made[:n_queries], made[n_queries:])

    cosines = made[:n_queries] @ made[n_queries:].T
    assert (found.sum(axis=1) == min(NEAREST, n_rows)).all()
    for near, row in zip(found, cosines, strict=True):
        assert near.all() or row[near].min() >= row[~near].max() - 1e-5


def test_skewness_is_the_third_standardised_moment() -> None:
    # Mean 2, deviations -1, -1, -1, 3, variance 3; (27 - 3) / 4 / 3 ** 1.5.
    assert skewness(np.array([1, 1, 1, 5])) == pytest.approx(6 / 3**1.5)
    assert np.isnan(skewness(np.array([4, 4])))
    assert np.isnan(skewness(np.array([])))


def test_what_stands_out_is_above_two_deviations_and_a_share_of_the_queries() -> None:
    counts = np.array([1, 1, 1, 5])

    assert unusual(counts, 10) == pytest.approx(2 + 2 * 3**0.5)
    assert unusual(counts, 1000) == 20
    assert unusual(np.zeros(9), 0) == 1
