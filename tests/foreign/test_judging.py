"""A foreign trace is judged as whymiss judges itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import EvidenceSpan, Question
from whymiss.evaluation.statistics import compare
from whymiss.foreign import (
    ForeignPassage,
    ForeignTrace,
    ask_retriever,
    judge_traces,
    read_traces,
    write_traces,
)
from whymiss.records import Chunk, Document, Query
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

TOPICS = ["refund", "phone", "seat", "credit", "mail", "export", "invoice", "trial"]
DOCUMENTS = [
    Document(
        doc_id=f"{topic}.md",
        text="\n\n".join(
            f"The {topic} rule {n} concerns {TOPICS[(i + n) % 8]} and {TOPICS[(i * n) % 8]} cases."
            for n in range(6)
        ),
        allowed=["*"],
    )
    for i, topic in enumerate(TOPICS)
]
QUESTIONS = [
    Question(
        query=Query(query_id=f"{topic}-{n}", text=f"{TOPICS[(i + n) % 8]} concerns rule {n}"),
        evidence=(
            (EvidenceSpan(doc_id=f"{topic}.md", quote=f"The {topic} rule {n} concerns"),),
            (EvidenceSpan(doc_id=f"{topic}.md", quote=f"The {topic} rule {n - 1} concerns"),
             EvidenceSpan(doc_id=f"{TOPICS[i - 1]}.md", quote=f"{TOPICS[i - 1]} rule 2 concerns")),
        ),
        split="tune" if n % 2 else "holdout",
    )
    for i, topic in enumerate(TOPICS)
    for n in (1, 3, 5)
]  # fmt: skip
BASE = PipelineConfig().replace({"chunking.size": 16, "retrieval.k": 2, "rerank.depth": 3})
CONFIGS = {
    "default": BASE,
    "dense": BASE.replace(retrieval__mode="dense", rerank__model=""),
    "bm25, small budget": BASE.replace(
        {"retrieval.mode": "bm25", "rerank.model": "", "context.token_budget": 40}
    ),
    "no reranker": BASE.replace({"rerank.model": "", "retrieval.candidate_depth": 8}),
    "varied": BASE.replace({"retrieval.mmr_lambda": 0.8}),
}
MEASURES = [
    "recall@5", "recall@2", "precision@3", "success@1", "mrr", "map@5", "ndcg@10", "span_recall@3",
    "span_iou@3", "doc_recall@3", "doc_mrr", "delivered_evidence",
]  # fmt: skip


@pytest.fixture(scope="module")
def wb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    place = tmp_path_factory.mktemp("foreign") / "store"
    with whymiss.open(place, encoder=HashingEncoder(), config=BASE) as workbench:
        workbench.ingest(DOCUMENTS)
        yield workbench


@pytest.mark.parametrize("by_words", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_traces_of_whymiss_judged_as_foreign_ones_equal_its_own_evaluation(
    wb: Workbench, tmp_path: Path, name: str, *, by_words: bool
) -> None:
    config = CONFIGS[name]
    traces = [exported(wb, question, config, by_words=by_words) for question in QUESTIONS]
    write_traces(tmp_path / "log.jsonl", traces)
    run = judge_traces(read_traces(tmp_path / "log.jsonl"), QUESTIONS, DOCUMENTS, measures=MEASURES)
    own = wb.evaluate(QUESTIONS, config=config, measures=MEASURES).table
    known = ["query_id", "text", "split", "n_hits", *MEASURES]
    pd.testing.assert_frame_equal(run.table[known], own[known])
    assert run.table["lost_at"].str.replace("context", "pack").tolist() == own["lost_at"].tolist()
    assert run.unjudged.empty
    assert run.undefined.empty
    # The same outcome on every question would prove nothing.
    assert own["mrr"].nunique() > 1
    assert own["lost_at"].nunique() > 1


def exported(
    wb: Workbench, question: Question, config: PipelineConfig, *, by_words: bool
) -> ForeignTrace:
    """A request of whymiss as another system would have logged it."""
    trace = wb.run(question.query, config=config, answer=False)
    chunks = {chunk.chunk_id: chunk for chunk in wb.space(config).snapshot.chunks}
    reads = max(config.retrieval.k, config.rerank.depth)
    stages = {
        ranking.stage: tuple(
            passage(chunks[hit.chunk_id], by_words=by_words)
            for hit in ranking.hits[: reads if ranking.stage == "rerank" else None]
        )
        for ranking in trace.rankings
    }
    assert trace.context is not None
    packed = tuple(
        ForeignPassage(doc_id=p.doc_id, start=p.start, end=p.end) for p in trace.context.passages
    )
    return ForeignTrace(query_id=question.query_id, stages={**stages, "context": packed})


def passage(chunk: Chunk, *, by_words: bool) -> ForeignPassage:
    if by_words:
        return ForeignPassage(doc_id=chunk.doc_id, text=chunk.text)
    return ForeignPassage(doc_id=chunk.doc_id, start=chunk.start, end=chunk.end)


FAQ = Document(doc_id="faq", text="Refunds take ten days. Cards are quicker. Mail is slow.")
ONE = Question(
    query=Query(query_id="q1", text="Refund?"),
    evidence=((EvidenceSpan(doc_id="faq", quote="ten days"),),),
)
OTHER = replace(ONE, query=Query(query_id="q2", text="And cards?"))


def found(query_id: str, *passages: str, **fields: str) -> ForeignTrace:
    stages = {"search": tuple(ForeignPassage(text=text) for text in passages)}
    return ForeignTrace(query_id=query_id, stages=stages, **fields)


def test_ranks_say_where_the_evidence_stands_in_every_stage() -> None:
    spans = [("faq", 42, 55), ("faq", 0, 17), ("faq", 13, 22)]
    search = tuple(ForeignPassage(doc_id=d, start=s, end=e) for d, s, e in spans)
    trace = ForeignTrace(query_id="q1", stages={"search": search, "context": search[:1]})
    run = judge_traces([trace], [ONE], [FAQ])
    assert run.ranks.astype(object).where(run.ranks.notna(), None).values.tolist() == [
        ["q1", "search", 3, 2, 3, ""], ["q1", "context", 1, None, None, ""],
    ]  # fmt: skip
    assert run.table["lost_at"].tolist() == ["context"]
    assert run.table["delivered_evidence"].tolist() == [0.0]
    assert run.failures.values.tolist() == [["context", 1, 1.0, ("q1",)]]


def test_a_question_without_a_trace_and_a_trace_without_a_question_are_listed() -> None:
    run = judge_traces([found("q1", "ten days"), found("q9", "ten days")], [ONE, OTHER], [FAQ])
    assert run.table["query_id"].tolist() == ["q1", "q2"]
    assert run.table["recall@5"].isna().tolist() == [False, True]
    assert run.table["lost_at"].isna().tolist() == [False, True]
    assert run.unjudged.values.tolist() == [
        ["q2", "And cards?", "there is no trace of it"],
        ["", "q9", "the trace is of no labelled question"],
    ]


def test_a_passage_that_stands_nowhere_is_never_taken_for_a_miss() -> None:
    run = judge_traces([found("q1", "Cards are quicker.", "Cash is best.")], [ONE], [FAQ])
    assert run.table[["recall@5", "mrr", "delivered_evidence"]].isna().all(axis=None)
    assert run.table["lost_at"].isna().all()
    assert run.unjudged["reason"].tolist() == ["passage 2 of 'search' stands in no document"]
    assert set(run.undefined["reason"]) == set(run.unjudged["reason"])


def test_documents_are_not_ranked_where_a_passage_may_be_of_several() -> None:
    copy = Document(doc_id="copy", text="Mail is slow. Nobody knows why.")
    traces = [found("q1", "Mail is slow.", "Refunds take ten days.")]
    run = judge_traces(traces, [ONE], [FAQ, copy], measures=["mrr", "doc_mrr"])
    assert run.table["mrr"].tolist() == [0.5]
    assert run.table["doc_mrr"].isna().all()
    assert run.undefined["reason"].str.contains("'search' stands at 2 places").all()
    assert run.unjudged.empty


def test_a_trace_is_found_by_the_text_of_its_question_where_one_has_it() -> None:
    def by_text(text: str) -> ForeignTrace:
        return replace(found("x", "ten days"), query_id="", question=text)

    assert judge_traces([by_text(" And\ncards? ")], [OTHER], [FAQ]).table["mrr"].tolist() == [1.0]
    same = replace(OTHER, query=replace(ONE.query, query_id="q2"))
    run = judge_traces([by_text("Refund?")], [ONE, same], [FAQ])
    assert run.unjudged["reason"].tolist()[-1].startswith("2 labelled questions have this text")
    assert run.table["mrr"].isna().all()


def test_two_traces_of_a_question_are_refused() -> None:
    with pytest.raises(InvalidRecordError, match="'q1' has two"):
        judge_traces([found("q1", "a"), found("q1", "b")], [ONE], [FAQ])


@pytest.mark.parametrize(
    "measure", ["context_tokens", "latency_p95", "citation_recall", "precision_omega"]
)
def test_what_cannot_be_told_from_outside_is_not_measured(measure: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot measure {measure}"):
        judge_traces([found("q1", "ten days")], [ONE], [FAQ], measures=[measure])


def test_answers_are_measured_where_they_are_known() -> None:
    asked = [replace(q, query=replace(q.query, expected_answer="ten days")) for q in (ONE, OTHER)]
    traces = [found("q1", "ten days", answer="ten days"), found("q2", "ten days")]
    run = judge_traces(traces, asked, [FAQ], measures=["answer_match"])
    assert run.table["answer_match"].tolist()[0] == 1.0
    assert run.undefined["query_id"].tolist() == ["q2"]


def test_documents_alone_can_be_labelled() -> None:
    asked = Question(query=ONE.query, documents=["faq"])
    other = Document(doc_id="other", text="Nothing of it.")
    run = judge_traces([found("q1", "Nothing of it.", "Mail is slow.")], [asked], [FAQ, other])
    assert run.measures[1] == "doc_success@5"
    assert run.table["doc_mrr"].tolist() == [0.5]
    assert run.table["lost_at"].tolist() == [""]


def test_labels_that_do_not_fit_are_listed_and_left_out() -> None:
    wrong = replace(OTHER, evidence=((EvidenceSpan(doc_id="faq", quote="eleven days"),),))
    run = judge_traces([found("q1", "ten days")], [ONE, wrong], [FAQ])
    assert [problem.query_id for problem in run.problems] == ["q2"]
    assert run.table["query_id"].tolist() == ["q1"]


def test_it_compares_with_a_run_of_whymiss_question_by_question(wb: Workbench) -> None:
    first = ask_retriever(lambda _: [DOCUMENTS[0].text], QUESTIONS)
    theirs = judge_traces(first, QUESTIONS, DOCUMENTS, measures=["recall@5"])
    own = wb.evaluate(QUESTIONS, measures=["recall@5"])
    made = compare({"a": theirs.table, "b": own.table}, baseline="a", measures=["recall@5"])
    assert made.table["n"].tolist() == [len(QUESTIONS)]
    assert theirs.scores["recall@5"].estimate == made.table["mean_baseline"].iloc[0]
    assert theirs.summary["value"].tolist() == [theirs.scores["recall@5"].estimate]
    assert "recall@5" in repr(theirs)
    assert "recall@5" in theirs._repr_html_()
