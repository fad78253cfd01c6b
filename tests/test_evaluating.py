"""The facade: question files and lists through a store's configurations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.errors import (
    ConfigError,
    IndexMismatchError,
    IndexNotFoundError,
    InvalidRecordError,
    LabelError,
)
from whymiss.evaluating import chosen
from whymiss.evaluation import EvidenceSpan, Question, write_questions
from whymiss.records import Answer, Context, Document, Query
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

WORDS = ["refund", "phone", "seat", "credit", "mail", "export"]
DOCUMENTS = [
    Document(
        doc_id=f"{word}.md",
        text=f"The {word} rule is here.\n\nNobody knows the {word} limit, number {i}.",
        allowed=["*"] if i else ["staff"],
    )
    for i, word in enumerate(WORDS)
]
QUESTIONS = [
    Question(
        query=Query(query_id=word, text=f"Where is the {word} rule?", tags=("rules",)),
        evidence=((EvidenceSpan(doc_id=f"{word}.md", quote=f"The {word} rule is here."),),),
        split="holdout" if i % 3 == 2 else "tune",
    )
    for i, word in enumerate(WORDS)
]
CONFIG = PipelineConfig().replace({"retrieval.k": 2, "chunking.size": 16})


def opened(place: Path, **parts: Any) -> Workbench:
    return whymiss.open(place, encoder=HashingEncoder(), config=CONFIG, **parts)


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[Workbench]:
    with opened(tmp_path / "store") as workbench:
        workbench.ingest(DOCUMENTS)
        yield workbench


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    write_questions(path, QUESTIONS)
    return path


# Questions


def test_a_file_a_list_and_a_generator_are_the_same_questions(wb: Workbench, file: Path) -> None:
    tables = [
        wb.evaluate(given).table for given in (file, str(file), QUESTIONS, (q for q in QUESTIONS))
    ]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_a_split_is_a_part_of_the_set(file: Path) -> None:
    assert [q.query_id for q in chosen(file, "holdout")] == ["seat", "export"]
    assert [q.query_id for q in chosen(file, "")] == WORDS


def test_a_split_that_no_question_has_is_told_with_those_there_are(wb: Workbench) -> None:
    with pytest.raises(
        LabelError, match=r"no question is of split 'test'; there are 'holdout', 'tune'"
    ):
        wb.evaluate(QUESTIONS, split="test")
    with pytest.raises(LabelError, match="there are none"):
        wb.sweep([], {"retrieval.k": [1]}, split="test")


def test_no_question_at_all_and_a_missing_file_are_told(wb: Workbench, tmp_path: Path) -> None:
    with pytest.raises(InvalidRecordError, match="each id once; got none"):
        wb.evaluate([])
    with pytest.raises(LabelError, match=r"missing\.jsonl"):
        wb.evaluate(tmp_path / "missing.jsonl")


# A run


def test_a_run_says_what_it_measured_and_on_what(wb: Workbench) -> None:
    run = wb.evaluate(QUESTIONS)
    space = wb.space()
    assert (run.name, run.index_name) == ("main", "main")
    assert run.config == CONFIG
    assert run.fingerprint == CONFIG.fingerprint()
    assert run.index_version == f"{space.catalogue.version}.{space.snapshot.version}"
    assert run.model_version == "hashing-64"
    assert run.n_questions == 6
    assert set(run.seconds) == {"embed", "dense", "bm25", "fuse", "rerank", "select", "pack"}
    assert wb.evaluate(QUESTIONS, name="mine").name == "mine"
    # Hidden from one who goes by no name.
    assert run.failures[["stage", "query_ids"]].values.tolist() == [["filter", ("refund",)]]


def test_answers_are_written_on_request_alone(wb: Workbench) -> None:
    assert wb.evaluate(QUESTIONS).table["answer"].isna().all()
    answered = wb.evaluate(QUESTIONS, answers=True)
    assert answered.table["answer"].notna().all()
    assert "lexical_faithfulness" in answered.measures


def test_evaluating_keeps_no_trace(wb: Workbench) -> None:
    wb.evaluate(QUESTIONS, answers=True)
    assert len(wb.trace) == 0


def test_a_run_needs_a_stored_index_with_its_settings(wb: Workbench) -> None:
    with pytest.raises(IndexNotFoundError, match="other"):
        wb.evaluate(QUESTIONS, config=CONFIG.replace({"index.name": "other"}))
    with pytest.raises(IndexMismatchError, match=r"chunking\.size"):
        wb.evaluate(QUESTIONS, config=CONFIG.replace({"chunking.size": 99}))


def test_progress_is_told(wb: Workbench) -> None:
    told: list[tuple[str, int, int]] = []
    wb.evaluate(QUESTIONS, progress=lambda *step: told.append(step))
    assert told == [("evaluate", 6, 6)]


# Sweeps and comparisons


def test_a_sweep_starts_from_the_configuration_given(wb: Workbench) -> None:
    dense = CONFIG.replace({"retrieval.mode": "dense"})
    made = wb.sweep(QUESTIONS, {"retrieval.k": [1, 2]}, config=dense)
    assert {run.config.retrieval.mode for run in made.runs.values()} == {"dense"}
    assert made.knobs == ("retrieval.k",)


def test_finished_configurations_are_there_in_the_next_session(
    wb: Workbench, tmp_path: Path
) -> None:
    first = wb.sweep(QUESTIONS, {"retrieval.k": [1, 2]})
    with opened(tmp_path / "store") as later:
        made = later.sweep(QUESTIONS, {"retrieval.k": [1, 2]})
    assert made.reused == {"k=1", "k=2"}
    pd.testing.assert_frame_equal(
        made.table.drop(columns="reused"), first.table.drop(columns="reused")
    )


class Named:
    """A reranker, a generator or an encoder by another name."""

    def __init__(self, name: str) -> None:
        self.model_version = self.name = name

    def scores(self, query: Query, chunks: Any) -> list[float]:
        return [float(len(chunk.text)) for chunk in chunks]

    def generate(self, query: Query, context: Context) -> Answer:
        return Answer(text="", abstained=True, generator=self.name)


def test_finished_configurations_of_other_models_are_not_taken(
    wb: Workbench, tmp_path: Path
) -> None:
    knobs = {"retrieval.k": [1, 2]}

    def n_reused(**parts: Any) -> int:
        with opened(tmp_path / "store", **parts) as later:
            return len(later.sweep(QUESTIONS, knobs, answers=True).reused)

    assert n_reused() == 0
    assert n_reused(reranker=Named("one")) == 0
    assert n_reused(reranker=Named("other")) == 0
    assert n_reused(generator=Named("one")) == 0
    assert n_reused(generator=Named("other")) == 0
    assert [n_reused(), n_reused(reranker=Named("one")), n_reused(generator=Named("one"))] == [
        2
    ] * 3


def test_configurations_are_compared_pair_by_pair(wb: Workbench) -> None:
    configs = {"narrow": CONFIG.replace({"retrieval.k": 1}), "wide": CONFIG}
    made = wb.compare(QUESTIONS, configs, measures=["recall@2"])
    assert made.baseline == "narrow"
    assert wb.compare(QUESTIONS, configs, measures=["recall@2"], baseline="wide").baseline == "wide"
    with pytest.raises(ConfigError, match="baseline"):
        wb.compare(QUESTIONS, configs, baseline="middle")


def test_a_comparison_may_be_of_two_named_indexes(wb: Workbench) -> None:
    other = CONFIG.replace({"index.name": "other"})
    wb.build(other)
    runs = wb._evaluator.sweep(QUESTIONS, {"main": CONFIG, "other": other}).runs
    assert [run.index_name for run in runs.values()] == ["main", "other"]
    assert [run.name for run in runs.values()] == ["main", "other"]
    pd.testing.assert_frame_equal(runs["main"].table, runs["other"].table)


def test_approximate_search_is_taken_again_only_from_the_same_build(wb: Workbench) -> None:
    config = CONFIG.replace({"index.ann": "ivf_hnsw_sq"})
    knobs = {"retrieval.mode": ["bm25"]}
    assert wb.sweep(QUESTIONS, knobs, config=config).reused == frozenset()
    assert wb.sweep(QUESTIONS, knobs, config=config).reused == {"mode=bm25"}
    wb.build(config, rebuild=True)
    assert wb.sweep(QUESTIONS, knobs, config=config).reused == frozenset()


def test_labels_that_no_longer_fit_are_told_by_a_sweep_too(wb: Workbench) -> None:
    wb.ingest([replace(DOCUMENTS[1], text="Rewritten.", content_hash=""), *DOCUMENTS[2:]])
    made = wb.sweep(QUESTIONS, {"retrieval.k": [1, 2]})
    for run in made.runs.values():
        assert [problem.query_id for problem in run.problems] == ["phone"]
        assert run.n_questions == 5
