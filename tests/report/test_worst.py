"""Which questions are worst, and where their evidence stood at every stage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from whymiss.errors import MixedQueriesError
from whymiss.evaluation import EvidenceSpan, Question, judge
from whymiss.evaluation.run import EvaluationRun
from whymiss.pipeline import Pipeline
from whymiss.records import Chunk, Context, Document, Passage, Query, Ranking, Trace
from whymiss.report import Place, expected_evidence, make_report
from whymiss.report.worst import worst_rows
from whymiss.workbench import Workbench

# Order


def rows_of(run: EvaluationRun, *rows: dict[str, Any]) -> EvaluationRun:
    """The run with other rows, each given by what differs from a question gone well."""
    well = {**run.table.iloc[0].to_dict(), "lost_at": "", "abstained": False, "recall@5": 1.0}
    table = pd.DataFrame([{**well, "query_id": f"q{at}", **row} for at, row in enumerate(rows)])
    return replace(run, table=table)


def test_lost_evidence_comes_first_then_wrong_answers_then_low_scores(run: EvaluationRun) -> None:
    given = rows_of(
        run,
        {"recall@5": 0.5},
        {"lost_at": "answer", "abstained": True},
        {"lost_at": pd.NA, "answerable": False, "recall@5": math.nan},
        {"lost_at": "select", "recall@5": 0.5},
        {"lost_at": "dense, bm25", "recall@5": 0.0},
        {"recall@5": 0.25},
        {},
        {"lost_at": pd.NA, "answerable": False, "abstained": True, "recall@5": math.nan},
    )
    assert [(row["query_id"], complaint) for row, complaint in worst_rows(given, 10)] == [
        ("q4", "evidence lost at dense, bm25"),
        ("q3", "evidence lost at select"),
        ("q1", "abstained, though the evidence was delivered"),
        ("q2", "answered, though nothing the asker may read answers it"),
        ("q5", "recall@5 is 0.250"),
        ("q0", "recall@5 is 0.500"),
    ]
    assert [row["query_id"] for row, _ in worst_rows(given, 2)] == ["q4", "q3"]


def test_the_order_of_the_table_changes_nothing(run: EvaluationRun) -> None:
    given = rows_of(run, *({"lost_at": "pack", "recall@5": s} for s in (0.0, 0.5, 0.0, 0.5)))
    backwards = replace(given, table=given.table.iloc[::-1])
    expected = ["q0", "q2", "q1", "q3"]
    for one in (given, backwards):
        assert [row["query_id"] for row, _ in worst_rows(one, 10)] == expected


def test_a_run_without_answers_and_without_labels_has_no_worst_question(
    run: EvaluationRun,
) -> None:
    unjudged = {"lost_at": pd.NA, "abstained": None, "recall@5": math.nan}
    assert worst_rows(rows_of(run, unjudged, {"abstained": None}), 10) == []


# Asked again


def test_every_worst_question_leaves_its_trace_in_the_log(
    wb: Workbench, run: EvaluationRun, questions: tuple[Question, ...]
) -> None:
    report = make_report(wb, run, questions)
    assert [q.query_id for q in report.worst] == ["credit", "phone", "refund"][: len(report.worst)]
    for worst in report.worst:
        kept = wb.log.read(worst.trace.trace_id[:12])
        assert kept.rankings == worst.trace.rankings
        assert worst.trace.answer is not None
        assert worst.changed == ""
    credit = report.worst[0]
    assert credit.complaint == "evidence lost at filter"
    assert [(p.stage, p.rank) for p in credit.expected[0].places] == [
        ("dense", None), ("bm25", None), ("fuse", None), ("rerank", None), ("select", None),
        ("pack", None),
    ]  # fmt: skip
    assert credit.expected[0].text == "forty euros"


def test_a_run_without_answers_is_asked_again_without_answers(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], questions: Any
) -> None:
    report = make_report(wb, evaluated(wb, answer=False), questions)
    assert report.worst
    assert all(worst.trace.answer is None for worst in report.worst)


def test_with_traces_off_nothing_is_logged(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], questions: Any
) -> None:
    run = evaluated(wb, config=wb.config.replace(trace__keep=False))
    assert make_report(wb, run, questions).worst
    assert len(wb.trace) == 0


def test_a_store_that_changed_since_the_run_is_told(
    wb: Workbench, run: EvaluationRun, questions: Any
) -> None:
    wb.ingest([Document(doc_id="later", text="Something new.", allowed=["*"])])
    worst = make_report(wb, run, questions).worst[0]
    assert f"the run saw index version {run.index_version}, this trace" in worst.changed


def test_a_run_of_other_questions_is_refused(
    wb: Workbench, run: EvaluationRun, questions: tuple[Question, ...]
) -> None:
    rest = [q for q in questions if q.query_id != "credit"]
    with pytest.raises(MixedQueriesError, match="'credit' is not among the 3 given"):
        make_report(wb, run, rest)


# Places


def chunk(chunk_id: str, doc_id: str, start: int, end: int) -> Chunk:
    return Chunk(
        chunk_id=chunk_id, doc_id=doc_id, start=start, end=end, text="x" * (end - start),
        n_tokens=1, parent_start=start, parent_end=end,
    )  # fmt: skip


CHUNKS = {
    c.chunk_id: c
    for c in (chunk("a0", "a", 0, 14), chunk("a1", "a", 14, 40), chunk("b0", "b", 0, 30))
}


@pytest.fixture(scope="module")
def trace(pipeline_of: Callable[..., Pipeline]) -> Trace:
    """dense: b0, a0, a1; select: b0, a0; the context holds characters [0, 14) of a."""
    made = pipeline_of([Document(doc_id="a", text="x", allowed=["*"])]).run(
        Query(query_id="q", text="x")
    )

    def ranking(stage: str, *ids: str) -> Ranking:
        return Ranking.of("q", stage, [(CHUNKS[i], -n, {}) for n, i in enumerate(ids)])

    passage = Passage(number=1, chunk_ids=("a0",), doc_id="a", start=0, end=14, text="x" * 14)
    context = Context(passages=(passage,), dropped=(), text="", n_tokens=0, budget=9)
    rankings = (ranking("dense", "b0", "a0", "a1"), ranking("select", "b0", "a0"))
    return replace(made, rankings=rankings, context=context)


def asking(*alternatives: Any, **fields: Any) -> Question:
    return Question(query=Query(query_id="q", text="Ten?"), evidence=alternatives, **fields)


def span(start: int, end: int, doc_id: str = "a") -> EvidenceSpan:
    return EvidenceSpan(doc_id=doc_id, start=start, end=end)


def places(question: Question, trace: Trace) -> list[tuple[Place, ...]]:
    return [p.places for p in expected_evidence(question, trace, lambda i: CHUNKS[i].end)]


def test_a_span_cut_in_two_is_told_by_first_rank_and_share(trace: Trace) -> None:
    # Characters [10, 20): a0 brings 4 of 10 at rank 2, a1 the others at rank 3 of dense alone.
    assert places(asking((span(10, 20),)), trace) == [
        (
            Place(stage="dense", rank=2, share=1.0),
            Place(stage="select", rank=2, share=0.4),
            Place(stage="pack", rank=1, share=0.4),
        )
    ]


def test_absent_evidence_has_no_rank(trace: Trace) -> None:
    (found,) = places(asking((span(50, 60),)), trace)
    assert {(place.rank, place.share) for place in found} == {(None, 0.0)}


def test_every_piece_names_its_alternative(trace: Trace) -> None:
    question = asking((span(0, 5), span(0, 9, "b")), (span(20, 25),))
    found = expected_evidence(question, trace, lambda i: CHUNKS[i].end)
    assert [(e.alternative, e.doc_id, e.start, e.end) for e in found] == [
        (1, "a", 0, 5), (1, "b", 0, 9), (2, "a", 20, 25),
    ]  # fmt: skip


def test_shares_are_those_of_the_measures(trace: Trace) -> None:
    question = asking((span(3, 27),))
    hits = [(c.doc_id, c.start, c.end) for c in (CHUNKS["b0"], CHUNKS["a0"], CHUNKS["a1"])]
    (found,) = places(question, trace)
    assert found[0].share == judge(hits, question).best().coverage


def test_a_quote_that_was_not_located_has_no_places(trace: Trace) -> None:
    question = asking((EvidenceSpan(doc_id="a", quote="not there"),))
    assert places(question, trace) == [()]


def test_where_only_documents_are_labelled_they_are_the_evidence(trace: Trace) -> None:
    (found,) = places(asking(documents={"a": 1, "b": 0}), trace)
    assert [(place.stage, place.rank) for place in found] == [
        ("dense", 2), ("select", 2), ("pack", 1),
    ]  # fmt: skip


def test_without_labels_nothing_is_expected(trace: Trace) -> None:
    assert places(asking(), trace) == []
