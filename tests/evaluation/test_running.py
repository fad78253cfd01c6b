"""An evaluation gives the numbers of asking one by one, and does no work twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.embedding import CachedEncoder, VectorCache
from whymiss.errors import ConfigError, GenerationError, InvalidRecordError
from whymiss.evaluation import MEASURES as KNOWN
from whymiss.evaluation import (
    EvaluationRun,
    EvidenceSpan,
    Measure,
    Outcome,
    Question,
    default_measures,
    evaluate,
    parse_measure,
    pin,
    running,
    write_questions,
)
from whymiss.evaluation.log import EvaluationLog
from whymiss.evaluation.losses import holds_evidence
from whymiss.pipeline import Pipeline
from whymiss.records import Answer, Clause, Context, Document, Query, Trace
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

RANKED = ("recall", "precision", "success", "mrr", "map", "ndcg")
MEASURES = (
    *(f"{name}@{k}" for name in RANKED for k in (1, 3, 10)),
    *(f"doc_{name}@{k}" for name in RANKED for k in (1, 3)),
    *(f"span_{name}@3" for name in ("recall", "precision", "iou")),
    *("mrr", "doc_mrr", "precision_omega", "delivered_evidence", "context_tokens"),
)
ANSWERS = (
    "lexical_faithfulness", "citation_precision", "citation_recall", "answer_f1", "answer_match",
    "abstention", "wrong_abstention",
)  # fmt: skip


# The same numbers as one by one


def outcome_of(pipeline: Pipeline, question: Question, theta: float | None = None) -> Outcome:
    """What asking one question by itself leads to, seen from its trace alone."""
    trace = pipeline.run(question.query)
    chunks = {chunk.chunk_id: chunk for chunk in pipeline.space.snapshot.chunks}
    hits = [chunks[hit.chunk_id] for hit in trace.rankings[-1].hits]
    index: dict[str, list[tuple[int, int]]] = {}
    for chunk in chunks.values():
        index.setdefault(chunk.doc_id, []).append((chunk.start, chunk.end))
    return Outcome(
        question=question,
        retrieved=tuple((c.doc_id, c.start, c.end) for c in hits),
        context=trace.context,
        answer=trace.answer,
        seconds=trace.seconds,
        chunks=index,
        theta=theta,
    )


def pinned(pipeline: Pipeline, questions: Sequence[Question]) -> tuple[Question, ...]:
    documents = pipeline.read_documents(sorted(pipeline.space.catalogue.documents))
    report = pin(questions, documents.values())
    assert not report.problems
    return report.questions


def assert_same_scores(
    run: EvaluationRun, pipeline: Pipeline, questions: Sequence[Question], theta: float | None
) -> None:
    reasons = run.undefined.set_index(["query_id", "measure"])["reason"].to_dict()
    table = run.table.set_index("query_id")
    for question in pinned(pipeline, questions):
        outcome = outcome_of(pipeline, question, theta)
        row = table.loc[question.query_id]
        assert row["n_hits"] == len(outcome.retrieved)
        for name in run.measures:
            score = parse_measure(name).score(outcome)
            where = (question.query_id, name)
            if score.undefined_because:
                assert pd.isna(row[name]), where
                assert reasons.pop(where) == score.undefined_because
            else:
                assert row[name] == score.value, where
        assert outcome.context is not None
        assert row["n_context_tokens"] == outcome.context.n_tokens
        assert row["n_dropped"] == len(outcome.context.dropped)
        assert row["answer"] == (outcome.answer.text if outcome.answer else None)
    assert not reasons


KNOBS: dict[str, dict[str, Any]] = {
    "hybrid": {},
    "dense": {"retrieval.mode": "dense"},
    "bm25": {"retrieval.mode": "bm25"},
    "weighted": {"retrieval.fusion": "weighted", "retrieval.dense_weight": 0.3},
    "mmr": {"retrieval.mmr_lambda": 0.5},
    "post filter": {"retrieval.filter_mode": "post", "retrieval.candidate_depth": 4},
    "small budget": {"context.token_budget": 25, "retrieval.k": 5},
    "no budget": {"context.token_budget": 1},
    "strict cosine": {"retrieval.mode": "dense", "retrieval.min_score": 0.6},
}


@pytest.mark.parametrize("answers", [False, True], ids=["no answers", "answers"])
@pytest.mark.parametrize("knobs", KNOBS.values(), ids=list(KNOBS))
def test_every_score_is_the_one_of_asking_that_question_alone(
    stored: Path,
    config: PipelineConfig,
    questions: list[Question],
    knobs: dict[str, Any],
    answers: bool,
) -> None:
    chosen = config.replace({**knobs, "answer.min_support": 0.2})
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen) as wb:
        measures = MEASURES + (ANSWERS if answers else ())
        run = wb.evaluate(questions, measures=measures, answers=answers, resume=False)
        assert run.table["query_id"].tolist() == [q.query_id for q in questions]
        assert_same_scores(run, wb.pipeline(answer=answers), questions, None)


@pytest.mark.parametrize("theta", [0.3, 1.0])
@pytest.mark.parametrize("depth", [1, 5, 50])
def test_so_it_is_behind_a_reranker_and_for_any_theta(
    stored: Path,
    config: PipelineConfig,
    questions: list[Question],
    by_length: type,
    depth: int,
    theta: float,
) -> None:
    chosen = config.replace({"rerank.depth": depth})
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen, reranker=by_length()) as wb:
        pipeline = wb.pipeline(answer=False)
        run = evaluate({"one": pipeline}, questions, measures=MEASURES, theta=theta)["one"]
        assert_same_scores(run, pipeline, questions, theta)


def test_configurations_run_together_have_the_numbers_of_each_alone(
    stored: Path, config: PipelineConfig, questions: list[Question]
) -> None:
    with whymiss.open(stored, encoder=HashingEncoder(), config=config) as wb:
        pipelines = {
            name: wb.pipeline(config.replace(knobs), answer=False) for name, knobs in KNOBS.items()
        }
        together = evaluate(pipelines, questions, measures=MEASURES)
        assert list(together) == list(KNOBS)
        for name, pipeline in pipelines.items():
            alone = evaluate({name: pipeline}, questions, measures=MEASURES)[name]
            pd.testing.assert_frame_equal(together[name].table, alone.table)
            pd.testing.assert_frame_equal(together[name].undefined, alone.undefined)


def test_blocks_do_not_show(
    stored: Path, config: PipelineConfig, questions: list[Question], monkeypatch: Any
) -> None:
    with whymiss.open(stored, encoder=HashingEncoder(), config=config) as wb:
        whole = wb.evaluate(questions, measures=MEASURES)
        monkeypatch.setattr(running, "_BLOCK", 7)
        pd.testing.assert_frame_equal(wb.evaluate(questions, measures=MEASURES).table, whole.table)


def test_a_span_in_a_document_that_the_document_labels_do_not_name_still_counts(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    texts = {"a": "refund ten days", "b": "phone seat", "c": "refund plan"}
    pipeline = pipeline_of(
        [Document(doc_id=name, text=text, allowed=["*"]) for name, text in texts.items()],
        {"retrieval.k": 1},
    )
    question = Question(
        query=Query(query_id="q", text="refund ten days"),
        evidence=((EvidenceSpan(doc_id="a", start=0, end=15),),),
        documents=["b"],
    )
    both = evaluate(
        {"one": pipeline, "three": replace(pipeline, config=pipeline.config.replace(
            {"retrieval.mode": "bm25", "retrieval.k": 3}))},
        [question, replace(question, query=Query(query_id="r", text="phone seat"))],
        measures=["recall@5", "doc_recall@5", "delivered_evidence"],
    )  # fmt: skip
    assert both["one"].table["recall@5"].tolist() == [1.0, 0.0]
    assert both["one"].table["doc_recall@5"].tolist() == [0.0, 1.0]
    assert both["one"].table["lost_at"].tolist() == ["", "select"]


# What is asked


def asked(text: str = "refund ten days", query_id: str = "q", **fields: Any) -> Question:
    return Question(query=Query(query_id=query_id, text=text), **fields)


@pytest.mark.parametrize(
    ("given", "what"),
    [([], "got none"), ([asked(), asked("phone"), asked("mail", "r")], "got 'q' twice")],
)
def test_questions_that_cannot_be_told_apart_are_refused(
    pipeline_of: Callable[..., Pipeline], given: list[Question], what: str
) -> None:
    with pytest.raises(InvalidRecordError, match=f"each id once; {what}"):
        evaluate({"main": pipeline_of([])}, given)


def test_pipelines_must_search_one_space_and_encode_alike(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    one, other = pipeline_of([]), pipeline_of([])
    with pytest.raises(ConfigError, match="over one space; got 2"):
        evaluate({"one": one, "other": other}, [asked()])
    with pytest.raises(ConfigError, match="over one space; got 0"):
        evaluate({}, [asked()])
    prefixed = replace(one, config=one.config.replace({"embedding.query_prefix": "query: "}))
    with pytest.raises(ConfigError, match="encode queries alike; got 2"):
        evaluate({"one": one, "other": prefixed}, [asked()])


def test_a_measure_or_theta_that_does_not_exist_is_told_before_anything_runs(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = replace(pipeline_of([]), read_documents=lambda _: pytest.fail("it ran"))
    with pytest.raises(ConfigError, match="did you mean recall@5"):
        evaluate({"main": pipeline}, [asked()], measures=["recal@5"])
    with pytest.raises(ConfigError, match="theta is a share"):
        evaluate({"main": pipeline}, [asked()], theta=0.0)


def test_a_question_whose_label_does_not_fit_is_listed_and_not_asked(
    pipeline_of: Callable[..., Pipeline], echo: type
) -> None:
    generator = echo()
    pipeline = pipeline_of(
        [Document(doc_id="a", text="refund ten days", allowed=["*"])], generator=generator
    )
    sound = asked(query_id="sound", evidence=((EvidenceSpan(doc_id="a", quote="ten days"),),))
    broken = asked(query_id="broken", evidence=((EvidenceSpan(doc_id="a", quote="nine"),),))
    gone = asked(query_id="gone", documents=["b"])
    run = evaluate({"main": pipeline}, [broken, sound, gone])["main"]
    assert run.table["query_id"].tolist() == ["sound"]
    assert generator.asked == ["sound"]
    assert [(p.query_id, p.what) for p in run.problems] == [
        ("broken", "the quote is not in the document"),
        ("gone", "the document is missing"),
    ]
    assert "2 more left out" in repr(run)


def test_when_no_question_can_be_asked_everything_is_undefined(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    broken = asked(evidence=((EvidenceSpan(doc_id="a", quote="nine"),),))
    run = evaluate({"main": pipeline_of([])}, [broken])["main"]
    assert run.n_questions == 0
    # Spans are labelled, so measures of spans are what cannot be told.
    assert run.measures == running.SPAN_MEASURES
    assert run.summary["value"].isna().all()
    assert (run.summary["note"] != "").all()
    assert len(run.failures) == 0
    assert run.seconds == {}


def test_default_measures_fit_the_labels() -> None:
    spans = asked(evidence=((EvidenceSpan(doc_id="a", start=0, end=1),),))
    documents = asked(documents=["a"])
    assert default_measures([documents, spans], answers=False) == running.SPAN_MEASURES
    assert default_measures([documents], answers=False) == running.DOCUMENT_MEASURES
    assert default_measures([spans], answers=True)[-7:] == running.ANSWER_MEASURES


def test_latency_holds_the_time_of_encoding_the_question(
    pipeline_of: Callable[..., Pipeline], tmp_path: Path
) -> None:
    class Slow(HashingEncoder):
        """Says which questions are encoded one by one."""

        single: ClassVar[list[str]] = []

        def encode_queries(self, texts: Sequence[str]) -> Any:
            if len(texts) == 1:
                self.single.extend(texts)
            return super().encode_queries(texts)

    encoder = CachedEncoder(Slow(), VectorCache(tmp_path / "vectors.sqlite"))
    pipeline = replace(
        pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])]),
        encoder=encoder,
    )
    given = [asked(f"refund {i}", str(i)) for i in range(3)]
    run = evaluate({"main": pipeline}, given, measures=["latency_p50:embed", "latency_p95"])["main"]
    # One more for the first: what is made once for an index is no latency of a question.
    assert Slow.single == ["refund 0", "refund 0", "refund 1", "refund 2"]
    assert (run.table["latency_p50:embed"] > 0).all()
    assert (run.table["latency_p95"] > run.table["latency_p50:embed"]).all()
    assert run.summary["unit"].tolist() == ["ms", "ms"]
    Slow.single.clear()
    evaluate({"main": pipeline}, given, measures=["mrr"])
    assert Slow.single == []


def test_progress_runs_to_the_number_of_questions_and_configurations(
    pipeline_of: Callable[..., Pipeline], monkeypatch: Any
) -> None:
    monkeypatch.setattr(running, "_BLOCK", 2)
    pipeline = pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])])
    other = replace(pipeline, config=pipeline.config.replace({"retrieval.k": 1}))
    told: list[tuple[str, int, int]] = []
    given = [asked(query_id=str(i)) for i in range(3)]
    evaluate({"a": pipeline, "b": other}, given, progress=lambda *step: told.append(step))
    assert told == [("evaluate", done, 6) for done in (2, 4, 5, 6)]


# Interrupted and resumed


def table_of(run: EvaluationRun) -> pd.DataFrame:
    return run.table.drop(columns=[name for name in run.table if str(name).startswith("latency")])


ERRORS = {"failed": GenerationError("the endpoint is gone"), "stopped": KeyboardInterrupt()}


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_finished_blocks_survive_an_interruption_and_only_the_rest_is_done_again(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    echo: type,
    error: BaseException,
) -> None:
    first = echo(fail_after=20, error=error)
    with pytest.raises(type(error)):
        open_lab(generator=first).evaluate(questions, answers=True)
    second, whole = echo(), echo()
    wb = open_lab(generator=second)
    resumed = wb.evaluate(questions, answers=True)
    ids = [question.query_id for question in questions]
    assert first.asked == ids[:20]
    # Answers are kept in blocks of 16.
    assert second.asked == ids[16:]
    assert resumed.n_reused == 16
    fresh = open_lab(generator=whole).evaluate(questions, answers=True)
    assert whole.asked == ids
    assert fresh.n_reused == 0
    pd.testing.assert_frame_equal(resumed.table, fresh.table)
    pd.testing.assert_frame_equal(resumed.undefined, fresh.undefined)
    assert resumed.fingerprint == fresh.fingerprint


def test_of_several_configurations_only_what_each_has_not_done_is_done(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    def pipelines(wb: Workbench) -> dict[str, Pipeline]:
        configs = (wb.config.replace({"retrieval.k": k}) for k in (1, 3))
        return {str(c.retrieval.k): wb.pipeline(c) for c in configs}

    # Two blocks of 16 and 14 for each of two configurations: 16 + 16 + 14 is two and a half.
    first = echo(fail_after=16 + 16 + 10)
    wb = open_lab(generator=first)
    with pytest.raises(GenerationError, match="gone"):
        evaluate(pipelines(wb), questions, log=wb._evaluator.log)
    second = echo()
    wb = open_lab(generator=second)
    # A question more at the front must not shift the blocks of the others.
    more = [asked("export audit", "new"), *questions]
    runs = evaluate(pipelines(wb), more, log=wb._evaluator.log)
    assert [runs[name].n_reused for name in ("1", "3")] == [16, 16]
    assert len(second.asked) == 2 * (31 - 16)
    assert second.asked.count("q00") == 0
    assert second.asked.count("new") == second.asked.count("q20") == 2


def test_a_finished_run_leaves_the_log_and_the_next_one_asks_anew(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    generator = echo()
    wb = open_lab(generator=generator)
    for n_asked in (30, 60):
        assert wb.evaluate(questions, answers=True).n_reused == 0
        assert len(generator.asked) == n_asked


def test_without_resume_everything_is_computed_anew(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    with pytest.raises(GenerationError, match="gone"):
        open_lab(generator=echo(fail_after=20)).evaluate(questions, answers=True)
    generator = echo()
    run = open_lab(generator=generator).evaluate(questions, answers=True, resume=False)
    assert run.n_reused == 0
    assert len(generator.asked) == 30


def permission(wb: Workbench, documents: list[Document]) -> None:
    wb.ingest([replace(documents[0], allowed=("staff",)), *documents[1:]])


def text(wb: Workbench, documents: list[Document]) -> None:
    wb.ingest([replace(documents[0], text=documents[0].text + " More.", content_hash="")])


def metadata(wb: Workbench, documents: list[Document]) -> None:
    wb.ingest([replace(documents[0], metadata={"plan": "never"}), *documents[1:]])


CHANGES: dict[str, Any] = {"permission": permission, "text": text, "metadata": metadata}


def interrupted(open_lab: Callable[..., Workbench], questions: list[Question], echo: type) -> None:
    """An evaluation whose first 16 rows are in the log."""
    with pytest.raises(GenerationError, match="gone"):
        open_lab(generator=echo(fail_after=20)).evaluate(questions, answers=True)


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_rows_of_other_documents_are_not_taken(
    open_lab: Callable[..., Workbench],
    documents: list[Document],
    questions: list[Question],
    echo: type,
    change: Callable[[Workbench, list[Document]], None],
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    change(wb, documents)
    assert wb.evaluate(questions, answers=True).n_reused == 0


@pytest.mark.parametrize(
    "knobs",
    [
        {"retrieval.k": 2},
        {"retrieval.bm25_b": 0.5},
        {"context.token_budget": 99},
        {"answer.min_support": 0.1},
        {"trace.low_score": 0.9},
    ],
)
def test_rows_of_another_configuration_are_not_taken(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type, knobs: dict[str, Any]
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    run = wb.evaluate(questions, answers=True, config=wb.config.replace(knobs))
    assert run.n_reused == 0


def test_a_knob_that_changes_no_row_does_not_matter(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    run = wb.evaluate(questions, answers=True, config=wb.config.replace({"trace.keep": True}))
    assert run.n_reused == 16


def test_rows_of_other_measures_models_or_generators_are_not_taken(
    open_lab: Callable[..., Workbench], questions: list[Question], echo: type, by_length: type
) -> None:
    interrupted(open_lab, questions, echo)
    wb = open_lab(generator=echo())
    assert wb.evaluate(questions, answers=True, measures=["mrr"]).n_reused == 0
    assert wb.evaluate(questions, measures=running.SPAN_MEASURES).n_reused == 0
    named = echo()
    named.name = "another"
    assert open_lab(generator=named).evaluate(questions, answers=True).n_reused == 0
    reranked = open_lab(generator=echo(), reranker=by_length())
    assert reranked.evaluate(questions, answers=True).n_reused == 0
    # All that time the rows were there.
    assert wb.evaluate(questions, answers=True).n_reused == 16


def other_text(question: Question) -> Question:
    return replace(question, query=replace(question.query, text="other words"))


def other_principal(question: Question) -> Question:
    return replace(question, query=replace(question.query, principals=("nobody",)))


def other_clause(question: Question) -> Question:
    clause = Clause(field="plan", op="ne", value="annual")
    return replace(question, query=replace(question.query, where=(clause,)))


def other_answer(question: Question) -> Question:
    return replace(question, query=replace(question.query, expected_answer="something else"))


def other_label(question: Question) -> Question:
    return replace(question, evidence=((EvidenceSpan(doc_id="d01", start=0, end=5),),))


EDITS = [other_text, other_principal, other_clause, other_answer, other_label]


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_question_is_asked_again_and_the_others_are_not(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    echo: type,
    edit: Callable[[Question], Question],
) -> None:
    interrupted(open_lab, questions, echo)
    generator = echo()
    changed = [edit(questions[0]), *questions[1:]]
    run = open_lab(generator=generator).evaluate(changed, answers=True)
    assert run.n_reused == 15
    assert generator.asked == ["q00", *(q.query_id for q in questions[16:])]


KILLED = """
import sys
import whymiss
from conftest import Echo, small
from whymiss.testing import HashingEncoder

class Dying(Echo):
    def generate(self, query, context):
        if len(self.asked) == 20:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(query, context)

wb = whymiss.open(sys.argv[1], encoder=HashingEncoder(), generator=Dying(), config=small())
wb.evaluate(sys.argv[2], answers=True)
"""


def test_a_killed_process_leaves_its_finished_blocks(
    open_lab: Callable[..., Workbench],
    questions: list[Question],
    documents: list[Document],
    echo: type,
    tmp_path: Path,
) -> None:
    file = tmp_path / "questions.jsonl"
    write_questions(file, questions)
    store = open_lab().store.uri
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(store), str(file)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    generator = echo()
    wb = open_lab(generator=generator)
    resumed = wb.evaluate(file, answers=True)
    assert resumed.n_reused == 16
    assert len(generator.asked) == 14
    pd.testing.assert_frame_equal(resumed.table, wb.evaluate(file, answers=True).table)


AT_ONCE = """
import json, sys
import whymiss
from conftest import small
from whymiss.testing import HashingEncoder

with whymiss.open(sys.argv[1], encoder=HashingEncoder(), config=small()) as wb:
    for _ in range(5):
        run = wb.evaluate(sys.argv[2], answers=True)
        print(json.dumps(run.table.astype(str).to_dict("records")))
"""


def test_two_processes_at_once_do_not_disturb_each_other(
    open_lab: Callable[..., Workbench], questions: list[Question], tmp_path: Path
) -> None:
    file = tmp_path / "questions.jsonl"
    write_questions(file, questions)
    # LanceDB runs threads of its own, so the children are new processes, not forks of this one.
    children = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, str(open_lab().store.uri), str(file)],
            cwd=Path(__file__).parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    tables = [line for child in children for line in child.communicate(timeout=120)[0].splitlines()]
    assert [child.returncode for child in children] == [0, 0]
    assert len(tables) == 10
    assert len(set(tables)) == 1


# Losing stages, seen from the trace


def given_to(trace: Trace, pipeline: Pipeline, stage: str) -> list[list[tuple[str, int, int]]]:
    """What a stage was given, seen from a trace: one list of spans, or one for each branch."""
    chunks = {chunk.chunk_id: chunk for chunk in pipeline.space.snapshot.chunks}
    spans = {
        ranking.stage: [
            (chunks[i].doc_id, chunks[i].start, chunks[i].end) for i in ranking.chunk_ids
        ]
        for ranking in trace.rankings
    }
    every = [(c.doc_id, c.start, c.end) for c in chunks.values()]
    mask = pipeline.space.visible(
        Query(query_id="x", text="x", principals=trace.principals, where=trace.where)
    )
    visible = [span for span, seen in zip(every, mask, strict=True) if seen]
    branches = [spans[name] for name in ("dense", "bm25") if name in spans]
    found = [span for branch in branches for span in branch]
    assert trace.context is not None
    packed = [(p.doc_id, p.start, p.end) for p in trace.context.passages]
    return {
        "filter": [every],
        "dense": [visible],
        "fuse": [found],
        "rerank": [spans.get("fuse", found)],
        "select": [spans.get("rerank", spans.get("fuse", found))],
        "pack": [spans["select"]],
        "answer": [packed],
    }[stage]


@pytest.mark.parametrize("reranked", [False, True])
@pytest.mark.parametrize("knobs", KNOBS.values(), ids=list(KNOBS))
def test_the_stage_that_is_named_was_given_the_evidence_and_what_follows_lacks_it(
    stored: Path,
    config: PipelineConfig,
    questions: list[Question],
    by_length: type,
    knobs: dict[str, Any],
    reranked: bool,
) -> None:
    chosen = config.replace({**knobs, "rerank.depth": 5})
    parts = {"reranker": by_length()} if reranked else {}
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen, **parts) as wb:
        pipeline = wb.pipeline(answer=False)
        table = wb.evaluate(questions).table.set_index("query_id")
        for question in pinned(pipeline, questions):
            lost_at = table.loc[question.query_id, "lost_at"]
            holds = holds_evidence(question)
            if holds is None:
                assert lost_at is pd.NA
                continue
            trace = pipeline.run(question.query)
            assert trace.context is not None
            delivered = holds(given_to(trace, pipeline, "answer")[0])
            assert (lost_at == "") == delivered
            if lost_at:
                first = lost_at.partition(",")[0].replace("bm25", "dense")
                assert all(holds(spans) for spans in given_to(trace, pipeline, first))


def test_the_library_loses_evidence_in_many_ways(
    stored: Path, config: PipelineConfig, questions: list[Question]
) -> None:
    chosen = config.replace({"context.token_budget": 25, "retrieval.k": 6})
    with whymiss.open(stored, encoder=HashingEncoder(), config=chosen) as wb:
        lost = set(wb.evaluate(questions).failures["stage"])
    assert lost == {"filter", "dense, bm25", "select", "pack"}


def test_abstaining_on_delivered_evidence_is_lost_by_the_answer(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])])

    class Shy:
        name = "shy"

        def generate(self, query: Query, context: Context) -> Answer:
            return Answer(text="", abstained=True, generator=self.name)

    question = asked(evidence=((EvidenceSpan(doc_id="a", start=0, end=6),),))
    never = asked("who?", "never")
    run = evaluate({"main": replace(pipeline, generator=Shy())}, [question, never])["main"]
    assert run.table["lost_at"].tolist()[0] == "answer"
    assert run.table["lost_at"].isna().tolist() == [False, True]
    assert run.table["flags"].tolist()[0] == ("abstained",)
    assert evaluate({"main": pipeline}, [question])["main"].table["lost_at"].tolist() == [""]


def test_a_parent_that_does_not_fit_is_lost_by_packing(
    open_lab: Callable[..., Workbench],
) -> None:
    wb = open_lab()
    text = "Alpha beta gamma delta epsilon zeta eta theta. Refund words stand here at last today."
    wb.ingest([Document(doc_id="p", text=text, allowed=["*"])])
    config = wb.config.replace(
        {"chunking.strategy": "parent_child", "chunking.size": 10, "chunking.parent_size": 60,
         "index.name": "parents", "retrieval.k": 1, "retrieval.mode": "bm25"}
    )  # fmt: skip
    wb.build(config)
    question = Question(
        query=Query(query_id="q", text="alpha beta gamma delta"),
        evidence=((EvidenceSpan(doc_id="p", start=0, end=len(text)),),),
    )
    # The child that was selected holds half of the evidence, and stands for a parent with all.
    wide = wb.evaluate([question], config=config)
    tight = wb.evaluate([question], config=config.replace({"context.token_budget": 20}))
    assert wide.table["lost_at"].tolist() == [""]
    assert tight.table["lost_at"].tolist() == ["pack"]


def test_measures_may_be_repeated_and_are_computed_once(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    run = evaluate({"main": pipeline_of([])}, [asked()], measures=["mrr", "recall@5", "mrr"])
    assert run["main"].measures == ("mrr", "recall@5")


def test_a_log_is_optional(pipeline_of: Callable[..., Pipeline], tmp_path: Path) -> None:
    log = EvaluationLog(tmp_path / "log.sqlite")
    pipeline = pipeline_of([Document(doc_id="a", text="refund ten days", allowed=["*"])])
    with_log = evaluate({"main": pipeline}, [asked()], log=log)["main"]
    without = evaluate({"main": pipeline}, [asked()])["main"]
    pd.testing.assert_frame_equal(with_log.table, without.table)


def test_every_measure_that_needs_no_clock_is_tested_here() -> None:
    tested = {name.partition("@")[0] for name in (*MEASURES, *ANSWERS)}
    assert {name.partition("@")[0] for name in KNOWN} - tested == {
        "latency_pN",
        "latency_pN:stage",
    }
    assert isinstance(parse_measure(MEASURES[0]), Measure)
