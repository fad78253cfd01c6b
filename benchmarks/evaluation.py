"""What evaluating costs: a batch beside a loop of questions, and a sweep beside one configuration.

Documents and questions of several labelled sets in one store, about 20,000 chunks and 1,000
questions. Ingest first (`--store`, minutes); it is not part of any figure. Ratios are to the same
work done by `Workbench.ask` in this run. Every sixteenth question is asked in the loop, so that it
ends in a minute; `--every 1` asks all.

`cold` work encodes the questions, `warm` work finds their vectors in the cache, as every evaluation
of a set after the first does. The model is loaded before anything is timed.

The large store is searched without reranking: its token vectors would take gigabytes. What a sweep
of the default pipeline costs, late interaction included, is measured on the bundled corpus.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import whymiss
from labelled_sets import read
from reporting import report
from timing import timed
from whymiss import Document, PipelineConfig, Workbench
from whymiss.config import EmbeddingConfig
from whymiss.embedding import SentenceTransformersEncoder
from whymiss.evaluation import EvaluationRun, Outcome, Question, parse_measure, read_questions
from whymiss.protocols import Encoder
from whymiss.records import Trace

SETS: Final = ("python_faq", "git_docs", "chroma", "claude_docs")
MEASURES: Final = ("recall@5", "mrr", "doc_recall@5", "delivered_evidence", "context_tokens")
HELPDESK: Final = Path(__file__).parents[1] / "data" / "helpdesk"
PLAIN: Final = PipelineConfig().replace({"rerank.model": ""})
GRID: Final = {
    "retrieval.k": [3, 5, 10],
    "retrieval.fusion": ["rrf", "weighted"],
    "retrieval.dense_weight": [0.2, 0.4, 0.6, 0.8],
}


def everything(data: Path) -> tuple[list[Document], list[Question]]:
    """All sets in one; ids are told apart by the name of the set."""
    documents: list[Document] = []
    questions: list[Question] = []
    for name in SETS:
        some, asked = read(name, data)
        documents += [replace(d, doc_id=f"{name}/{d.doc_id}") for d in some]
        questions += [_renamed(name, question) for question in asked]
    return documents, questions


def _renamed(name: str, question: Question) -> Question:
    return replace(
        question,
        query=replace(question.query, query_id=f"{name}/{question.query_id}"),
        evidence=tuple(
            tuple(replace(span, doc_id=f"{name}/{span.doc_id}") for span in spans)
            for spans in question.evidence
        ),
        documents={f"{name}/{doc_id}": grade for doc_id, grade in question.documents.items()},
    )


def looped(workbench: Workbench, questions: Sequence[Question], *, answer: bool) -> list[Trace]:
    """The questions asked one by one."""
    return [workbench.ask(question.query.text, answer=answer) for question in questions]


def differing(
    workbench: Workbench, run: EvaluationRun, questions: Sequence[Question], traces: list[Trace]
) -> int:
    """How many scores of the batch are not those of the traces."""
    chunk_of = {chunk.chunk_id: chunk for chunk in workbench.space().snapshot.chunks}
    rows = run.table.set_index("query_id")
    measures = [parse_measure(name) for name in MEASURES]
    count = 0
    for question, trace in zip(questions, traces, strict=True):
        chunks = [chunk_of[chunk_id] for chunk_id in trace.rankings[-1].chunk_ids]
        outcome = Outcome(
            question=question,
            retrieved=tuple((c.doc_id, c.start, c.end) for c in chunks),
            context=trace.context,
        )
        for measure in measures:
            there, here = measure.score(outcome).value, rows.loc[question.query_id, measure.name]
            count += not (there == here or (there != there and here != here))
    return count


def forget_questions(workbench: Workbench) -> None:
    """Drop the cached vectors of questions, as if they had never been evaluated."""
    with sqlite3.connect(workbench.store.state / "vectors.sqlite") as cache:
        cache.execute("DELETE FROM vectors WHERE model LIKE 'query %'")


def asked_beside_evaluated(
    workbench: Workbench, questions: Sequence[Question], every: int
) -> dict[str, Any]:
    """A loop of `ask`, with and without answers, beside a batch."""
    some = questions[::every]
    looped(workbench, some[:3], answer=True)
    forget_questions(workbench)
    run, cold = timed(lambda: workbench.evaluate(questions, measures=MEASURES))
    _, warm = timed(lambda: workbench.evaluate(questions, measures=MEASURES).summary)
    traces, plain = timed(lambda: looped(workbench, some, answer=False))
    _, answered = timed(lambda: looped(workbench, some, answer=True))
    scale = len(questions) / len(some)
    return {
        "chunks": len(workbench.space().snapshot),
        "questions": len(questions),
        "asked in the loop": len(some),
        "ms a question, ask": 1000 * answered / len(some),
        "ms a question, ask without answer": 1000 * plain / len(some),
        "ms a question, batch, cold": 1000 * cold / len(questions),
        "ms a question, batch, warm": 1000 * warm / len(questions),
        "ask / batch cold": scale * answered / cold,
        "ask / batch warm": scale * answered / warm,
        "ask without answer / batch cold": scale * plain / cold,
        "ask without answer / batch warm": scale * plain / warm,
        "scores that differ": differing(workbench, run, some, traces),
    }


def swept(
    store: str, config: PipelineConfig, encoder: Encoder, questions: Sequence[Question]
) -> dict[str, Any]:
    """A sweep of 24 configurations beside one, each from a store just opened."""
    seconds: dict[str, float] = {}
    for state in ("cold", "warm"):
        for name, grid in (("one", {"retrieval.k": [5]}), ("24", GRID)):
            with whymiss.open(store, config=config, encoder=encoder) as workbench:
                if state == "cold":
                    forget_questions(workbench)
                sweep = partial(workbench.sweep, questions, grid, measures=MEASURES, resume=False)
                _, seconds[f"{name} {state}"] = timed(lambda sweep=sweep: sweep().table)
    with whymiss.open(store, config=config, encoder=encoder) as workbench:
        n_chunks = len(workbench.space().snapshot)
        again, repeated = timed(lambda: workbench.sweep(questions, GRID, measures=MEASURES))
    return {
        "chunks": n_chunks,
        "questions": len(questions),
        "seconds, one configuration, cold": seconds["one cold"],
        "seconds, 24 configurations, cold": seconds["24 cold"],
        "seconds, one configuration, warm": seconds["one warm"],
        "seconds, 24 configurations, warm": seconds["24 warm"],
        "24 / one, cold": seconds["24 cold"] / seconds["one cold"],
        "24 / one, warm": seconds["24 warm"] / seconds["one warm"],
        "seconds, the same sweep again": repeated,
        "configurations it repeated": len(again.runs) - len(again.reused),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", required=True, help="kept; ingested where it is not yet")
    parser.add_argument("--every", type=int, default=16)
    options = parser.parse_args()
    documents, questions = everything(options.data)
    encoder = SentenceTransformersEncoder(EmbeddingConfig())
    encoder.warm_up()
    with whymiss.open(options.store, config=PLAIN, encoder=encoder) as workbench:
        _, seconds = timed(lambda: workbench.ingest(documents))
        print(f"ingested or found unchanged in {seconds:.0f} s")
        row = asked_beside_evaluated(workbench, questions, options.every)
    report("evaluation", [row])
    plain = swept(options.store, PLAIN, encoder, questions)
    with tempfile.TemporaryDirectory() as folder:
        with whymiss.open(folder, encoder=encoder) as workbench:
            workbench.ingest(HELPDESK / "docs")
        own = read_questions(HELPDESK / "questions.jsonl")
        default = swept(folder, PipelineConfig(), encoder, own)
    report(
        "sweep",
        [
            {"pipeline": "without reranking", **plain},
            {"pipeline": "default, bundled corpus", **default},
        ],
        line_per_row=True,
    )


if __name__ == "__main__":
    main()
