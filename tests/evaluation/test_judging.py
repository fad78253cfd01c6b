"""Retrieved spans judged against evidence: worked by hand, and against plain sets of characters."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import EvidenceSpan, Question, Retrieved, delivered, judge, judge_documents
from whymiss.records import Query


def span(start: int, end: int, doc_id: str = "a", quote: str | None = None) -> EvidenceSpan:
    return EvidenceSpan(doc_id=doc_id, start=start, end=end, quote=quote)


def question(*alternatives: tuple[EvidenceSpan, ...], **more: object) -> Question:
    query = Query(query_id="q1", text="How long?", tags=more.pop("tags", ()))  # type: ignore[arg-type]
    return Question(query=query, evidence=alternatives, **more)  # type: ignore[arg-type]


def test_repeats_and_overlaps_add_nothing_the_second_time() -> None:
    # Of [10, 20) the hits bring 6, then nothing, then the 4 that are left.
    hits = [("a", 0, 16), ("a", 0, 16), ("a", 14, 30), ("a", 0, 99)]
    best = judge(hits, question((span(10, 20),))).best()
    assert [(f.rank, f.gained) for f in best.finds] == [(1, 6), (3, 4)]
    assert best.found == ((3, 0),)


def test_a_hit_of_another_document_covers_nothing() -> None:
    judged = judge([("b", 0, 100)], question((span(10, 20),)))
    assert judged.best().coverage == 0
    assert judged.first_found() is None


def test_every_span_of_an_alternative_weighs_the_same() -> None:
    # All of 5 characters and none of 100: one half.
    asked = question((span(0, 5), span(100, 200)))
    assert judge([("a", 0, 50)], asked).best().coverage == 0.5


def test_white_space_needs_no_covering_where_the_text_is_known() -> None:
    # "ten days" cut at its space: both chunks leave the space out.
    hits = [("a", 0, 3), ("a", 4, 8)]
    known, unknown = span(0, 8, quote="ten days"), span(0, 8)
    assert delivered(hits, question((known,)))
    assert not delivered(hits, question((unknown,)))
    assert judge(hits, question((unknown,))).best().coverage == 7 / 8


def test_the_alternative_of_greatest_coverage_at_the_cutoff_counts() -> None:
    # At 1 the second is covered by half, at 2 the first is covered whole.
    asked = question((span(0, 10),), (span(100, 120),))
    judged = judge([("a", 100, 110), ("a", 0, 10)], asked)
    assert judged.best(1).required[0].size == 20
    assert judged.best(2).required[0].size == 10


def test_of_equally_covered_alternatives_the_earlier_counts_then_the_one_of_fewer_spans() -> None:
    pair, single = (span(0, 10), span(20, 30)), (span(100, 110),)
    late = judge([("a", 0, 10), ("a", 20, 30), ("a", 100, 110)], question(single, pair))
    assert len(late.best().required) == 2  # complete at rank 2, the other at rank 3
    same = judge([("a", 0, 10), ("a", 20, 30), ("a", 100, 110)], question(single, pair))
    assert len(same.best(2).required) == 2  # only the pair is covered within 2
    together = judge([("a", 0, 110)], question(pair, single))
    assert len(together.best().required) == 1  # both complete at rank 1
    assert len(judge([], question(pair, single)).best().required) == 1


def test_delivered_needs_every_span_of_one_alternative() -> None:
    pair, single = (span(0, 10), span(20, 30)), (span(100, 110),)
    asked = question(pair, single)
    assert not delivered([("a", 0, 10), ("a", 100, 105)], asked)
    assert delivered([("a", 20, 30), ("a", 0, 10)], asked)
    assert delivered([("a", 90, 120)], asked)


def test_a_fact_is_delivered_whole_a_passage_by_four_fifths() -> None:
    fact, passage = question((span(0, 200),)), question((span(0, 201),))
    # 0.8 * 201 = 160.8, so 161 characters are enough.
    assert not delivered([("a", 0, 199)], fact)
    assert not delivered([("a", 0, 160)], passage)
    assert delivered([("a", 0, 161)], passage)


def test_theta_can_be_set() -> None:
    asked = question((span(0, 5),))
    assert delivered([("a", 0, 4)], asked, theta=0.8)  # 0.8 * 5 is 4, not a hair more
    assert not delivered([("a", 0, 3)], asked, theta=0.8)
    for wrong in (0.0, 1.1):
        with pytest.raises(ConfigError, match="above 0 and at most 1"):
            judge([], asked, theta=wrong)


def test_what_cannot_be_judged_says_why() -> None:
    quote = EvidenceSpan(doc_id="a", quote="ten days")
    assert judge([], question(tags=("unanswerable",))).undefined_because == (
        "the question is unanswerable"
    )
    assert judge([], question()).undefined_because == "nothing is judged"
    assert "only documents" in judge([], question(documents=["a"])).undefined_because
    assert "not pinned" in judge([], question((span(0, 5),), (quote,))).undefined_because
    with pytest.raises(InvalidRecordError, match="'q1' cannot be judged: nothing is judged"):
        delivered([], question())
    with pytest.raises(InvalidRecordError, match="no alternative to choose"):
        judge([], question()).best()


def test_a_document_counts_at_its_best_rank_among_different_documents() -> None:
    judged = judge_documents(["x", "x", "x", "a", "b", "a"], question(documents={"a": 2, "b": 1}))
    assert judged.n_retrieved == 3
    assert [(f.rank, f.item) for f in judged.best().finds] == [(2, 0), (3, 1)]


def test_documents_graded_zero_are_not_relevant() -> None:
    assert judge_documents(["a"], question(documents={"a": 0})).undefined_because == (
        "no judged document is relevant"
    )
    assert judge_documents(["a"], question(documents={"a": -2, "b": 1})).best().coverage == 0


def test_documents_of_alternatives_stay_alternatives() -> None:
    asked = question((span(0, 5, "a"), span(0, 5, "b")), (span(0, 5, "c"),))
    assert judge_documents(["c"], asked).best().coverage == 1
    assert judge_documents(["a"], asked).best().coverage == 0.5


def test_a_cutoff_is_at_least_one() -> None:
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        judge([], question((span(0, 5),))).best(0)


intervals = st.tuples(st.integers(0, 30), st.integers(1, 12)).map(lambda p: (p[0], p[0] + p[1]))
hits = st.lists(st.tuples(st.sampled_from("ab"), intervals).map(lambda p: (p[0], *p[1])))


@given(hits, st.lists(intervals, min_size=1, max_size=3), st.floats(0.1, 1))
def test_judging_agrees_with_sets_of_characters(
    retrieved: list[Retrieved], wanted: list[tuple[int, int]], theta: float
) -> None:
    asked = question(tuple(span(*w) for w in wanted))
    judged = judge(retrieved, asked, theta=theta).best()
    seen: set[int] = set()
    shares = []
    for rank, (doc_id, start, end) in enumerate(retrieved, start=1):
        new = (set(range(start, end)) if doc_id == "a" else set()) - seen
        for item, (first, last) in enumerate(wanted):
            gained = len(new & set(range(first, last)))
            assert sum(f.gained for f in judged.finds if f[:2] == (rank, item)) == gained
        seen |= new
    for first, last in wanted:
        shares.append(len(seen & set(range(first, last))) / (last - first))
    assert judged.coverage == pytest.approx(sum(shares) / len(shares))
    enough = all(share >= theta - 1e-9 for share in shares)
    assert delivered(retrieved, asked, theta=theta) == enough


@given(hits, st.lists(intervals, min_size=1, max_size=3))
def test_order_does_not_change_what_all_hits_deliver(
    retrieved: list[Retrieved], wanted: list[tuple[int, int]]
) -> None:
    asked = question(tuple(span(*w) for w in wanted))
    turned = retrieved[::-1]
    assert judge(retrieved, asked).best().coverage == judge(turned, asked).best().coverage
    assert delivered(retrieved, asked) == delivered(turned, asked)


def test_a_thousand_questions_of_fifty_hits_take_well_under_a_second() -> None:
    rng = random.Random(1)
    asked = [
        question((span(s, s + 150, f"d{s % 40}", quote="word " * 30), span(s + 500, s + 600)))
        for s in (rng.randrange(10_000) for _ in range(1000))
    ]
    rankings = [
        [(f"d{rng.randrange(40)}", s, s + 800) for s in (rng.randrange(10_000) for _ in range(50))]
        for _ in asked
    ]
    began = time.perf_counter()
    for ranking, one in zip(rankings, asked, strict=True):
        judge(ranking, one)
    assert time.perf_counter() - began < 0.8  # 0.04 s on an idle core
