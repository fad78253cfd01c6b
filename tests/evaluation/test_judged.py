"""Judgements are made once and are the same as made anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.evaluation import (
    EvidenceSpan,
    Judgement,
    Outcome,
    Question,
    Retrieved,
    judge,
    judge_documents,
    parse_measure,
)
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.judging import SpanJudge, delivered
from whymiss.records import Context, Passage, Query

DOCUMENTS = "abcd"
MEASURES = [
    parse_measure(name)
    for name in (
        *("recall@1", "recall@3", "precision@3", "success@2", "mrr", "map@3", "ndcg@3"),
        *("doc_recall@1", "doc_precision@3", "doc_mrr", "doc_ndcg@3", "span_recall@3"),
        *("span_precision@3", "span_iou@2", "delivered_evidence", "context_tokens"),
    )
]


def span(doc_id: str, start: int, length: int) -> EvidenceSpan:
    return EvidenceSpan(doc_id=doc_id, start=start, end=start + length)


labels = st.builds(span, st.sampled_from(DOCUMENTS), st.integers(0, 20), st.integers(1, 15))
questions = st.builds(
    lambda evidence, documents, tags: Question(
        query=Query(query_id="q", text="Refund?", tags=tags if not evidence and not documents
                    else ()),
        evidence=evidence,
        documents=documents,
    ),
    st.lists(st.lists(labels, min_size=1, max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(DOCUMENTS), st.sampled_from([0.0, 1.0, 2.0]), max_size=2),
    st.sampled_from([(), ("unanswerable",)]),
)  # fmt: skip
hits = st.lists(
    st.tuples(st.sampled_from(DOCUMENTS), st.integers(0, 20), st.integers(1, 20)).map(
        lambda hit: (hit[0], hit[1], hit[1] + hit[2])
    ),
    max_size=5,
)


def context(spans: Sequence[Retrieved], n_tokens: int = 7) -> Context:
    passages = tuple(
        Passage(number=i, chunk_ids=(str(i),), doc_id=d, start=s, end=e, text="x" * (e - s))
        for i, (d, s, e) in enumerate(spans, start=1)
    )
    return Context(passages=passages, dropped=(), text="", n_tokens=n_tokens, budget=99)


def outcome(judged: JudgedQuestion, spans: Sequence[Retrieved], packed: Context) -> Outcome:
    return Outcome(
        question=judged.question,
        retrieved=tuple(spans),
        context=packed,
        theta=judged.theta,
        spans=judged.spans(spans),
        documents=judged.documents(doc_id for doc_id, _, _ in spans),
    )


@given(
    question=questions,
    rankings=st.lists(st.tuples(hits, hits, st.integers(0, 9)), min_size=1, max_size=8),
    theta=st.sampled_from([None, 0.5, 1.0]),
)
def test_a_memory_changes_no_judgement_and_no_score(
    question: Question, rankings: list[Any], theta: float | None
) -> None:
    judged = JudgedQuestion(question, theta)
    for retrieved, packed, n_tokens in rankings * 2:
        assert judged.spans(retrieved) == judge(retrieved, question, theta=theta)
        doc_ids = [doc_id for doc_id, _, _ in retrieved]
        assert judged.documents(doc_ids) == judge_documents(doc_ids, question)
        if judged.judgeable and question.evidence:
            assert judged.holds(packed) == delivered(packed, question, theta=theta)
        if judged.judgeable:
            assert judged.holds(judged.telling(packed)) == judged.holds(packed)
        full = context(packed, n_tokens)
        remembered = outcome(judged, retrieved, full)
        anew = Outcome(question=question, retrieved=tuple(retrieved), context=full, theta=theta)
        for measure in MEASURES:
            found, wanted = judged.score(measure, remembered), measure.score(anew)
            assert found.undefined_because == wanted.undefined_because
            if not wanted.undefined_because:
                assert found.value == wanted.value


def test_hits_that_cannot_matter_are_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    judge_spans = SpanJudge.judge

    def counted(self: SpanJudge, retrieved: Any) -> Judgement:
        calls.append(retrieved)
        return judge_spans(self, retrieved)

    monkeypatch.setattr(SpanJudge, "judge", counted)
    question = Question(query=Query(query_id="q", text="?"), evidence=((span("a", 0, 5),),))
    judged = JudgedQuestion(question)
    for other in ("b", "c", "d"):
        judged.spans([("a", 0, 9), (other, 0, 9)])
    assert len(calls) == 1
    # At another rank, or in a longer list, it is another judgement.
    judged.spans([("b", 0, 9), ("a", 0, 9)])
    judged.spans([("a", 0, 9), ("b", 0, 9), ("c", 0, 9)])
    assert len(calls) == 3


def test_the_labelled_documents_are_those_of_spans_and_of_documents() -> None:
    question = Question(
        query=Query(query_id="q", text="?"), evidence=((span("a", 0, 5),),), documents=["b"]
    )
    judged = JudgedQuestion(question)
    assert judged.doc_ids == {"a", "b"}
    assert judged.spans([("a", 0, 9)]).best().complete
    assert not judged.spans([("c", 0, 9)]).best().complete
    assert judged.holds([("a", 0, 9)])
    assert not judged.holds([("c", 0, 9)])


def test_outcomes_that_come_and_go_do_not_take_each_others_scores() -> None:
    question = Question(query=Query(query_id="q", text="?"), evidence=((span("a", 0, 5),),))
    judged = JudgedQuestion(question)
    recall = parse_measure("recall@5")
    for start in range(200):
        # Judgements made outside: those of one loop are gone in the next, their ids used again.
        found = judged.score(recall, Outcome(question=question, retrieved=(("a", start, 300),)))
        assert found.value == max(0, 5 - start) / 5


def test_a_quote_that_is_not_pinned_cannot_be_judged() -> None:
    quoted = EvidenceSpan(doc_id="a", quote="ten days")
    question = Question(query=Query(query_id="q", text="?"), evidence=((quoted,),))
    judged = JudgedQuestion(question)
    assert not judged.judgeable
    assert not judged.holds([("a", 0, 99)])
    assert "not pinned" in judged.spans([("a", 0, 99)]).undefined_because
    with pytest.raises(InvalidRecordError, match="not pinned"):
        delivered([("a", 0, 99)], question)
