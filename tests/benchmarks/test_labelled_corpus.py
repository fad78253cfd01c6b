"""What the benchmarks share: the corpus that a command line names, and how long work takes."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarking import benchmark

from whymiss.evaluation import Question
from whymiss.records import Document, Query

SCRIPTS = Path(__file__).parents[2] / "benchmarks"

shared = benchmark("labelled_corpus")
timing = benchmark("timing")

ASKED: list[dict[str, Any]] = [
    {"query_id": "fits", "text": "How long do refunds take?",
     "evidence": [[{"doc_id": "refunds.md", "quote": "take ten days"}]]},
    {"query_id": "broken", "text": "How long do refunds take?",
     "evidence": [[{"doc_id": "refunds.md", "quote": "take eleven days"}]]},
    {"query_id": "missing", "text": "Who may sit?",
     "evidence": [[{"doc_id": "seats.md", "quote": "one person"}]]},
    {"query_id": "documents alone", "text": "Refunds?", "documents": ["refunds.md"]},
    {"query_id": "unanswerable", "text": "Who is the king?", "tags": ["unanswerable"]},
]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The options that name a folder of one document, and questions about it."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "refunds.md").write_text("Refunds take ten days.")
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(line) + "\n" for line in ASKED))
    return ["--corpus", str(docs), "--questions", str(questions)]


def given(*options: str) -> Any:
    parser = argparse.ArgumentParser()
    shared.add_options(parser)
    return shared.LabelledCorpus.of(parser.parse_args(options))


def test_a_corpus_is_called_by_its_folder_unless_it_is_named(files: list[str]) -> None:
    assert given(*files).name == "docs"
    assert given(*files, "--name", "ours").name == "ours"
    assert [q.query_id for q in given(*files).questions] == [line["query_id"] for line in ASKED]


def test_a_labelled_set_takes_the_place_of_files(
    monkeypatch: pytest.MonkeyPatch, files: list[str]
) -> None:
    asked = [Question(query=Query(query_id="q", text="Refunds?"), documents={"faq": 1.0})]
    documents = [Document(doc_id="faq", text="Refunds take ten days.")]
    monkeypatch.setattr(shared, "read", lambda *named: (documents, asked) if named else None)
    corpus = given(*files, "--set", "chroma", "--data", "/sets")
    assert (corpus.name, corpus.source, corpus.questions) == ("chroma", documents, asked)
    assert given("--set", "chroma", "--name", "ours").name == "ours"


def test_the_store_is_forgotten_unless_it_is_named(
    hashing: None, files: list[str], tmp_path: Path
) -> None:
    with given(*files).opened() as workbench:
        place = workbench.store.local
        # Nobody is named in the folder: everybody may read it.
        assert workbench.ask("How long do refunds take?").rankings[-1].hits
    assert place is not None
    assert not place.exists()
    kept = tmp_path / "kept"
    for n_embedded in (1, 0):
        with given(*files, "--store", str(kept)).opened() as workbench:
            assert workbench.encoder().n_encoded == n_embedded
    assert kept.is_dir()


def test_only_questions_whose_evidence_stands_in_the_store_are_judged(
    hashing: None, files: list[str]
) -> None:
    corpus = given(*files)
    with corpus.opened() as workbench:
        (judged,) = corpus.judged(workbench)
    assert judged.query_id == "fits"
    # "Refunds " is 8 characters, "take ten days" 13.
    assert judged.evidence[0][0].interval == (8, 21)


@pytest.mark.parametrize("name", [path.stem for path in sorted(SCRIPTS.glob("*.py"))])
def test_every_script_finds_what_it_imports(name: str) -> None:
    assert benchmark(name).__doc__


def test_work_is_timed_and_gives_what_it_gives() -> None:
    found, seconds = timing.timed(lambda: time.sleep(0.05) or "done")
    assert found == "done"
    assert 0.05 <= seconds < 5
    wall, used = timing.seconds(lambda: time.sleep(0.05))
    assert wall >= 0.05 > used


def test_percentiles_are_interpolated_and_undefined_of_nothing() -> None:
    # Of 0 to 100 the 95th percentile is 95; of two values it lies 95 % of the way.
    assert timing.percentiles(list(range(101))) == {"p50": 50.0, "p95": 95.0}
    assert timing.percentiles([0.0, 1.0]) == {"p50": 0.5, "p95": pytest.approx(0.95)}
    assert timing.percentiles([]) is None
