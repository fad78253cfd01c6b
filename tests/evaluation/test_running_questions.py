"""What an evaluation asks, refuses, leaves out, times and tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from running_evaluations import asked

from whymiss.embedding import CachedEncoder, VectorCache
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import EvidenceSpan, Question, default_measures, evaluate, running
from whymiss.pipeline import Pipeline
from whymiss.records import Document
from whymiss.testing import HashingEncoder


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


def test_measures_may_be_repeated_and_are_computed_once(
    pipeline_of: Callable[..., Pipeline],
) -> None:
    run = evaluate({"main": pipeline_of([])}, [asked()], measures=["mrr", "recall@5", "mrr"])
    assert run["main"].measures == ("mrr", "recall@5")
