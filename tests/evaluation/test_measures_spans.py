"""Measures over spans: worked by hand, and what must always hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation import EvidenceSpan, Outcome, Question, Retrieved, parse_measure
from whymiss.evaluation.judging import judge
from whymiss.evaluation.measures import (
    map_at_k,
    mrr,
    ndcg_at_k,
    precision_at_k,
    precision_omega,
    recall_at_k,
    span_iou,
    span_precision,
    span_recall,
    success_at_k,
)
from whymiss.records import Query


def span(start: int, end: int, doc_id: str = "a", grade: float = 1.0) -> EvidenceSpan:
    return EvidenceSpan(doc_id=doc_id, start=start, end=end, grade=grade)


def question(*alternatives: tuple[EvidenceSpan, ...]) -> Question:
    return Question(query=Query(query_id="q1", text="How long?"), evidence=alternatives)


# Two spans of 10 characters, needed together, and a ranking that brings: at 1 nothing, at 2 the
# first 4 of the first span, at 3 its other 6 (and 2 again), at 4 the whole of the second.
PAIR = question((span(10, 20), span(50, 60)))
HITS: list[Retrieved] = [("b", 0, 40), ("a", 0, 14), ("a", 12, 30), ("a", 50, 60)]


@pytest.mark.parametrize(("k", "value"), [(1, 0), (2, 0.2), (3, 0.5), (4, 1), (9, 1)])
def test_recall_is_the_mean_share_of_the_required_spans(k: int, value: float) -> None:
    # at 2: (4/10 + 0) / 2; at 3: (10/10 + 0) / 2
    assert recall_at_k(judge(HITS, PAIR), k).value == pytest.approx(value)


@pytest.mark.parametrize(("k", "value"), [(1, 0), (2, 0.4 / 2), (3, 1 / 3), (4, 2 / 4), (8, 2 / 8)])
def test_precision_divides_the_credit_of_the_hits_by_k(k: int, value: float) -> None:
    # credits: 0, 0.4, 0.6, 1
    assert precision_at_k(judge(HITS, PAIR), k).value == pytest.approx(value)


def test_a_hit_that_holds_two_spans_is_one_relevant_hit() -> None:
    assert precision_at_k(judge([("a", 0, 99)], PAIR), 1).value == 1


def test_success_and_reciprocal_rank_wait_until_a_span_is_whole() -> None:
    judged = judge(HITS, PAIR)
    assert [success_at_k(judged, k).value for k in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert mrr(judged).value == pytest.approx(1 / 3)
    assert mrr(judged, 2).value == 0
    assert mrr(judge(HITS, PAIR, theta=0.4)).value == pytest.approx(1 / 2)


def test_success_looks_at_every_alternative() -> None:
    # The pair is covered by 0.9 without a whole span; of the triple one span is whole.
    pair, triple = (span(0, 10), span(20, 30)), (span(100, 110), span(120, 130), span(140, 150))
    judged = judge([("a", 0, 9), ("a", 20, 29), ("a", 100, 110)], question(pair, triple))
    assert recall_at_k(judged, 3).value == pytest.approx(0.9)
    assert success_at_k(judged, 3).value == 1
    assert mrr(judged).value == pytest.approx(1 / 3)


def test_average_precision_counts_whole_spans_over_all_required() -> None:
    # whole at ranks 3 and 4: (1/3 + 2/4) / 2
    assert map_at_k(judge(HITS, PAIR), 4).value == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert map_at_k(judge(HITS, PAIR), 3).value == pytest.approx((1 / 3) / 2)
    # both whole at rank 2: (1/2 + 2/2) / 2
    assert map_at_k(judge([("b", 0, 9), ("a", 0, 99)], PAIR), 2).value == pytest.approx(0.75)


def test_ndcg_discounts_shares_against_whole_spans_in_front() -> None:
    # gains 0, 0.4, 0.6, 1 at ranks 1 to 4; ideal 1 and 1 at ranks 1 and 2
    reached = 0.4 / math.log2(3) + 0.6 / 2 + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3)
    assert ndcg_at_k(judge(HITS, PAIR), 4).value == pytest.approx(reached / ideal)
    # cut at 2, the ideal keeps both spans
    assert ndcg_at_k(judge(HITS, PAIR), 2).value == pytest.approx(0.4 / math.log2(3) / ideal)
    assert ndcg_at_k(judge(HITS, PAIR), 1).value == 0


def test_ndcg_weighs_spans_by_their_grade() -> None:
    graded = question((span(10, 20, grade=1), span(50, 60, grade=3)))
    # gains 1 then 3; ideal 3 then 1
    judged = judge([("a", 10, 20), ("a", 50, 60)], graded)
    expected = (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))
    assert ndcg_at_k(judged, 2).value == pytest.approx(expected)


def test_what_a_hit_holds_beyond_the_ideal_is_carried_to_the_next_rank() -> None:
    # one hit with both spans is as good as the ideal: 1 now, 1 carried to rank 2
    assert ndcg_at_k(judge([("a", 0, 99)], PAIR), 5).value == 1
    assert ndcg_at_k(judge([("a", 0, 99)], PAIR), 1).value == 1
    # the same hit at rank 2: both are credited there, for the ideal has 2 by then
    late = judge([("b", 0, 9), ("a", 0, 99)], PAIR)
    ideal = 1 + 1 / math.log2(3)
    assert ndcg_at_k(late, 2).value == pytest.approx(2 / math.log2(3) / ideal)


# Chroma's measures. References [10, 20) and [30, 50) of document a: 30 characters. Retrieved
# [0, 15), [12, 35), [40, 60) of a and [0, 17) of b: 15 + 23 + 20 + 17 = 75 characters, overlap
# counted twice. Their union in a is [0, 35) and [40, 60): hit 10 + 5 + 10 = 25, missed 5.
REFERENCES = question((span(10, 20), span(30, 50)))
CHUNKS: list[Retrieved] = [("a", 0, 15), ("b", 0, 17), ("a", 12, 35), ("a", 40, 60)]


def test_chromas_measures_worked_by_hand() -> None:
    assert span_recall(CHUNKS, REFERENCES, 4).value == pytest.approx(25 / 30)
    assert span_precision(CHUNKS, REFERENCES, 4).value == pytest.approx(25 / 75)
    assert span_iou(CHUNKS, REFERENCES, 4).value == pytest.approx(25 / (75 + 5))


def test_chromas_measures_see_only_the_first_k_hits() -> None:
    # [0, 15) of a and [0, 17) of b: 5 of 30 hit, 32 retrieved, 25 missed
    assert span_recall(CHUNKS, REFERENCES, 2).value == pytest.approx(5 / 30)
    assert span_precision(CHUNKS, REFERENCES, 2).value == pytest.approx(5 / 32)
    assert span_iou(CHUNKS, REFERENCES, 2).value == pytest.approx(5 / (32 + 25))


def test_overlapping_references_sum_up_in_recall_as_in_chromas_code() -> None:
    # [0, 10) and [5, 15): lengths sum to 20, their union is 15
    overlapping = question((span(0, 10), span(5, 15)))
    assert span_recall([("a", 0, 15)], overlapping, 1).value == pytest.approx(15 / 20)


def test_precision_omega_takes_every_chunk_that_touches_a_reference() -> None:
    # [0, 15), [15, 28), [45, 70) overlap a reference, [28, 30) abuts one and touches too; [70, 90)
    # does not. Hit: [10, 20) and [45, 50): 15. Union of these chunks and of the missed [30, 45):
    # 30 + 25 + 15 = 70.
    chunks = {"a": [(0, 15), (15, 28), (28, 30), (45, 70), (70, 90)], "b": [(0, 60)]}
    assert precision_omega(chunks, REFERENCES).value == pytest.approx(15 / 70)
    assert precision_omega({"b": [(0, 60)]}, REFERENCES).value == 0
    assert precision_omega({"a": [(10, 20), (30, 50)]}, REFERENCES).value == 1


def test_overlapping_chunks_count_once_in_precision_omega() -> None:
    # chunks [0, 20) and [10, 30) around [12, 18): 6 of 30
    chunks = {"a": [(0, 20), (10, 30)]}
    assert precision_omega(chunks, question((span(12, 18),))).value == pytest.approx(6 / 30)


def test_of_several_alternatives_the_best_value_counts() -> None:
    asked = question((span(0, 10), span(20, 30)), (span(100, 110),))
    assert span_recall([("a", 0, 15), ("a", 100, 108)], asked, 2).value == pytest.approx(0.8)


intervals = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda p: (p[0], p[0] + p[1]))
rankings = st.lists(
    st.tuples(st.sampled_from("ab"), intervals).map(lambda p: (p[0], *p[1])), max_size=8
)
evidence = st.lists(
    st.lists(intervals, min_size=1, max_size=3, unique=True), min_size=1, max_size=3
).map(lambda found: question(*(tuple(span(*i) for i in spans) for spans in found)))
BOUNDED = [
    *(f"{name}@{k}" for name in ("recall", "precision", "success", "map", "ndcg") for k in (1, 3)),
    *(f"doc_{name}@2" for name in ("recall", "precision", "success", "map", "ndcg", "mrr")),
    *("mrr", "mrr@2", "span_recall@3", "span_precision@3", "span_iou@3", "precision_omega"),
]


@given(rankings, evidence)
def test_every_measure_of_retrieval_lies_between_zero_and_one(
    hits: list[Retrieved], asked: Question
) -> None:
    chunks = {"a": [(start, end) for doc_id, start, end in hits if doc_id == "a"]}
    outcome = Outcome(question=asked, retrieved=tuple(hits), chunks=chunks)
    for name in BOUNDED:
        assert 0 <= parse_measure(name).score(outcome).value <= 1


@given(rankings, evidence)
def test_recall_and_success_grow_with_k(hits: list[Retrieved], asked: Question) -> None:
    judged = judge(hits, asked)
    for measure in (recall_at_k, success_at_k):
        values = [measure(judged, k).value for k in range(1, 10)]
        assert values == sorted(values)
    recalls = [span_recall(hits, asked, k).value for k in range(1, 10)]
    assert recalls == sorted(recalls)


@given(evidence, st.integers(1, 4))
def test_a_perfect_ranking_scores_one(asked: Question, k: int) -> None:
    asked = question(asked.evidence[0])
    perfect: list[Retrieved] = [("a", *s.interval) for s in asked.evidence[0]]
    judged = judge(perfect, asked)
    assert recall_at_k(judged, len(perfect)).value == 1
    assert success_at_k(judged, 1).value == 1
    assert mrr(judged).value == 1
    assert ndcg_at_k(judge([("a", 0, 60)], asked), k).value == 1
    assert map_at_k(judge([("a", 0, 60)], asked), k).value == 1
    if len({place for s in asked.evidence[0] for place in range(*s.interval)}) == sum(
        s.interval[1] - s.interval[0] for s in asked.evidence[0]
    ):  # spans that overlap cannot each bring something of their own
        assert ndcg_at_k(judged, k).value == 1
        assert map_at_k(judged, k).value == min(1, k / len(perfect))
        assert precision_at_k(judged, len(perfect)).value == 1
        assert span_iou(perfect, asked, len(perfect)).value == 1


@given(rankings, evidence, st.integers(0, 7))
def test_a_repeated_hit_adds_nothing(hits: list[Retrieved], asked: Question, which: int) -> None:
    if not hits:
        return
    copy = hits[which % len(hits)]
    k = len(hits)
    before, after = judge(hits, asked), judge([*hits, copy], asked)
    for measure in (recall_at_k, success_at_k, map_at_k, ndcg_at_k):
        assert measure(after, k + 1).value == measure(before, k + 1).value
    assert precision_at_k(after, k + 1).value <= precision_at_k(before, k).value
    assert span_precision([*hits, copy], asked, k + 1).value <= span_precision(hits, asked, k).value
    assert span_recall([*hits, copy], asked, k + 1) == span_recall(hits, asked, k + 1)
