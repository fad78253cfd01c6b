"""Which pipeline is the default: dense, BM25, both, and late interaction (MaxSim), set by set.

Every pipeline searches the same chunks of the same documents; the winner's difference to each other
one is tested question by question. Figures are of the first 50 chunks handed on. Then the bars of
late interaction: its gain over dense retrieval on 200-token chunks, what the default pipeline
reaches on claude_docs (P/R/MRR at 3), what reranking costs, and late chunking beside exact vectors.

Sets: those of `labelled_sets.py` (of python_faq the pages with answers and 60 others, drawn once)
and the questions of the split "tune" of data/helpdesk. Encoding the tokens of all sets takes a
quarter of an hour; `--store-folder` keeps the stores, and `--sets` takes fewer.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import whymiss
from labelled_sets import read
from reporting import report
from whymiss import Document, PipelineConfig, Workbench
from whymiss.evaluation import EvaluationRun, Question, compare_runs, evaluate, read_questions
from whymiss.pipeline import Pipeline
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Query
from whymiss.retrieval import BM25Retriever, DenseRetriever, SearchSpace
from whymiss.retrieval.fusion import rrf_gains

HELPDESK: Final = Path(__file__).parents[1] / "data" / "helpdesk"
SPANS: Final = ("recall@5", "success@5", "ndcg@10")
SETS: Final[dict[str, tuple[str, dict[str, Any], tuple[str, ...]]]] = {
    "chroma, fixed 200": ("chroma", {"chunking.strategy": "fixed"}, SPANS),
    "chroma, fixed 128": (
        "chroma", {"chunking.strategy": "fixed", "chunking.size": 128}, SPANS,
    ),
    "chroma": ("chroma", {}, SPANS),
    "claude_docs": (
        "claude_docs", {}, ("doc_ndcg@10", "doc_precision@3", "doc_recall@3", "doc_mrr@3"),
    ),
    "claude_docs, sections": (
        "claude_docs", {"chunking.strategy": "document"},
        ("doc_ndcg@10", "doc_precision@3", "doc_recall@3", "doc_mrr@3"),
    ),
    "git_docs": ("git_docs", {}, (*SPANS, "doc_ndcg@10")),
    "python_faq": ("python_faq", {}, SPANS),
    "helpdesk": ("helpdesk", {}, SPANS),
}  # fmt: skip
"""A set's name, its knobs, and its measures; the first one decides."""

OFF: Final = {"rerank.model": ""}
MAXSIM: Final = {"rerank.model": "maxsim", "rerank.blend": "replace"}
PIPELINES: Final[dict[str, dict[str, Any]]] = {
    "dense": {**OFF, "retrieval.mode": "dense"},
    "bm25": {**OFF, "retrieval.mode": "bm25"},
    "hybrid, rrf": {**OFF, "retrieval.fusion": "rrf"},
    "hybrid, weighted": {**OFF, "retrieval.fusion": "weighted"},
    "dense, maxsim": {**MAXSIM, "retrieval.mode": "dense"},
    "hybrid, maxsim": {**MAXSIM, "retrieval.fusion": "rrf"},
    "rrf, maxsim by rrf": {
        "rerank.model": "maxsim", "retrieval.fusion": "rrf", "rerank.blend": "rrf"
    },
    "weighted, maxsim by weighted": {
        "rerank.model": "maxsim", "retrieval.fusion": "weighted", "rerank.blend": "weighted"
    },
}  # fmt: skip
THREE: Final = "rrf of dense, bm25, maxsim"
DEEP: Final = {"retrieval.k": 50}
EVERY: Final = 10**6
SAMPLE: Final = 60
TIMED: Final = 200
BARS: Final = {"doc_precision@3": 0.45, "doc_recall@3": 0.72, "doc_mrr@3": 0.855}
MAXSIM_BAR: Final = 0.865
RERANK_BAR_MS: Final = 15.0


class ThreeLists:
    """RRF of the dense, the BM25 and the MaxSim ranking, in the shape of a reranker."""

    def __init__(self, config: PipelineConfig, space: SearchSpace, pipeline: Pipeline) -> None:
        assert pipeline.reranker is not None
        self._maxsim = pipeline.reranker
        knobs = config.retrieval
        self._depth = knobs.candidate_depth
        self._constant = knobs.rank_constant
        self._branches = [
            DenseRetriever(space, pipeline.encoder, retrieval=knobs, index=config.index),
            BM25Retriever(space, retrieval=knobs),
        ]

    @property
    def model_version(self) -> str:
        return f"three lists, {self._maxsim.model_version}"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        rankings = [branch.search([query], depth=self._depth)[0].chunk_ids
                    for branch in self._branches]  # fmt: skip
        scores = self._maxsim.scores(query, chunks)
        order = sorted(range(len(chunks)), key=lambda i: -scores[i])
        rankings.append(tuple(chunks[i].chunk_id for i in order))
        added: dict[str, float] = {}
        for ids in rankings:
            gains = rrf_gains(len(ids), rank_constant=self._constant, weight=1.0)
            for chunk_id, gain in zip(ids, gains.tolist(), strict=True):
                added[chunk_id] = added.get(chunk_id, 0.0) + gain
        return [added[chunk.chunk_id] for chunk in chunks]


def labelled(name: str, data: Path) -> tuple[list[Document] | Path, list[Question]]:
    """Documents (or their folder) and questions of a set."""
    if name == "helpdesk":
        asked = read_questions(HELPDESK / "questions.jsonl")
        return HELPDESK / "docs", [question for question in asked if question.split == "tune"]
    documents, questions = read(name, data)
    if name == "python_faq":
        documents = sampled(documents, questions)
    return documents, questions


def sampled(documents: Sequence[Document], questions: Sequence[Question]) -> list[Document]:
    """The documents that answer, and some others."""
    needed = {span.doc_id for q in questions for spans in q.evidence for span in spans}
    others = sorted(document.doc_id for document in documents if document.doc_id not in needed)
    kept = needed | set(random.Random(0).sample(others, SAMPLE))
    return [document for document in documents if document.doc_id in kept]


def measured(
    workbench: Workbench, base: PipelineConfig, questions: Sequence[Question], names: Sequence[str]
) -> dict[str, EvaluationRun]:
    """Every pipeline over one index, and three lists fused."""
    space = workbench.space(base)
    pipelines = {
        name: workbench.pipeline(base.replace(knobs), answer=False)
        for name, knobs in PIPELINES.items()
    }
    config = base.replace({**MAXSIM, "rerank.depth": EVERY, "retrieval.fusion": "rrf"})
    plain = workbench.pipeline(config, answer=False)
    three: Reranker = ThreeLists(config, space, plain)
    pipelines[THREE] = Pipeline(
        config=config,
        space=plain.space,
        encoder=plain.encoder,
        read_documents=plain.read_documents,
        query_hash=plain.query_hash,
        reranker=three,
    )
    return evaluate(pipelines, questions, measures=list(names))


def means(runs: Mapping[str, EvaluationRun]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """By pipeline and measure: mean, low and high."""
    return {
        name: {
            row["measure"]: (row["value"], row["low"], row["high"])
            for row in run.summary.to_dict(orient="records")
        }
        for name, run in runs.items()
    }


def lines(name: str, runs: Mapping[str, EvaluationRun], default: str) -> list[dict[str, Any]]:
    """One line per pipeline and measure, with the paired test against the default."""
    measures = SETS[name][2]
    verdicts = compare_runs(runs, measures, baseline=default).table
    tested = {(row["config"], row["measure"]): row for row in verdicts.to_dict(orient="records")}
    rows = []
    for pipeline, values in means(runs).items():
        for measure in measures:
            mean, low, high = values[measure]
            found = tested.get((pipeline, measure))
            rows.append(
                {
                    "set": name,
                    "pipeline": pipeline,
                    "measure": measure,
                    "value": round(mean, 4),
                    "low": round(low, 4),
                    "high": round(high, 4),
                    "minus default": round(found["difference"], 4) if found else 0.0,
                    "verdict": found["verdict"] if found else "default",
                }
            )
    return rows


def rerank_ms(workbench: Workbench, base: PipelineConfig, texts: Sequence[str]) -> dict[str, float]:
    """Median milliseconds of encoding a question's tokens, and of reranking 50 candidates."""
    pipeline = workbench.pipeline(base.replace(MAXSIM), answer=False)
    assert pipeline.reranker is not None
    snapshot = pipeline.space.snapshot
    encoder = workbench.encoder(base).token_encoder
    assert encoder is not None
    encoding, reading = [], []
    for text in texts:
        query = Query(query_id="q", text=text)
        # From here on the question's tokens are at hand.
        fused = pipeline.retrieve(query)[2].chunk_ids[: base.rerank.depth]
        chunks = [snapshot.chunks[snapshot.row_of[chunk_id]] for chunk_id in fused]
        start = time.perf_counter()
        encoder.query_tokens([text])
        encoded = time.perf_counter()
        pipeline.reranker.scores(query, chunks)
        encoding.append(encoded - start)
        reading.append(time.perf_counter() - encoded)
    return {
        "tokens of the question, p50 ms": float(np.median(encoding)) * 1e3,
        "reranking 50 candidates beyond that, p50 ms": float(np.median(reading)) * 1e3,
    }


def late(
    workbench: Workbench, base: PipelineConfig, questions: Sequence[Question], measure: str
) -> dict[str, float]:
    """The deciding measure with late chunking in place of exact vectors."""
    config = base.replace({"embedding.late_chunking": True, "index.name": "late"})
    workbench.build(config, rebuild=workbench.store.has_index("late"))
    pipelines = {
        name: workbench.pipeline(config.replace(PIPELINES[name]), answer=False)
        for name in ("dense", "hybrid, weighted", "weighted, maxsim by weighted")
    }
    runs = evaluate(pipelines, questions, measures=[measure])
    return {name: values[measure][0] for name, values in means(runs).items()}


def default_name() -> str:
    """Which of the pipelines the product's defaults are."""
    for name, knobs in PIPELINES.items():
        if PipelineConfig().replace(knobs) == PipelineConfig():
            return name
    raise SystemExit("the default pipeline is not among those measured; add it to PIPELINES")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store-folder", type=Path)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    options = parser.parse_args()
    default = default_name()
    table: list[dict[str, Any]] = []
    bars: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            corpus, knobs, measures = SETS[name]
            source, questions = labelled(corpus, options.data)
            place = (options.store_folder or Path(folder)) / corpus
            base = PipelineConfig().replace(
                {**knobs, **DEEP, "index.name": name.replace(", ", "-").replace(" ", "-")}
            )
            with whymiss.open(place, config=base) as workbench:
                workbench.ingest(source)
                runs = measured(workbench, base, questions, measures)
                table += lines(name, runs, default)
                found = means(runs)
                exact = {n: values[measures[0]][0] for n, values in found.items()}
                for pipeline, value in late(workbench, base, questions, measures[0]).items():
                    bars.append(
                        _bar(f"{name}: {pipeline}, late chunking", measures[0], value)
                        | {"exact vectors": round(exact[pipeline], 4)}
                    )
                if name == "chroma, fixed 200":
                    bars.append(
                        _bar(f"{name}: dense, maxsim", "recall@5", exact["dense, maxsim"],
                             at_least=MAXSIM_BAR)
                    )  # fmt: skip
                    texts = [question.query.text for question in questions[:TIMED]]
                    for what, ms in rerank_ms(workbench, base, texts).items():
                        most = RERANK_BAR_MS if what.startswith("reranking") else None
                        bars.append(_bar(f"{name}: {what}", "ms", ms, at_most=most))
                if name == "claude_docs":
                    bars += [
                        _bar(f"{name}: {default}", m, found[default][m][0], at_least=bar)
                        for m, bar in BARS.items()
                    ]
    report("default_pipeline", table, line_per_row=True)
    report("default_pipeline_bars", bars, line_per_row=True)


def _bar(
    what: str,
    measure: str,
    value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> dict[str, Any]:
    asked, met = "", ""
    if at_least is not None:
        asked, met = f"at least {at_least}", str(value >= at_least)
    if at_most is not None:
        asked, met = f"at most {at_most}", str(value <= at_most)
    return {
        "what": what,
        "measure": measure,
        "value": round(value, 4),
        "exact vectors": "",
        "asked": asked,
        "met": met,
    }


if __name__ == "__main__":
    main()
