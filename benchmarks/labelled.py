"""One labelled set, dense against BM25 against both: the figures beside those measured by others.

`--set claude_docs`: 232 sections of documentation, 100 questions with the sections that answer.
`--set git_docs`: 196 manual pages, 266 tasks with their page, 139 of them with the spans of the
options they use.

Whole documents as chunks, as the other figures were measured, and whymiss's own chunks. Documents
are ranked by their best chunk. Published: Anthropic's cookbook (retrieval_augmented_generation,
voyage-2) for claude_docs. The others were measured beside the data sets with bm25s 0.3.16 and
sentence-transformers, whole documents, on all 536 questions of git_docs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final

import whymiss
from labelled_sets import read
from reporting import report
from whymiss import PipelineConfig
from whymiss.evaluation import Sweep

MEASURES: Final = {
    "claude_docs": ("doc_precision@3", "doc_recall@3", "doc_mrr@3", "doc_ndcg@10"),
    "git_docs": ("doc_ndcg@10", "doc_success@5", "recall@5", "success@5", "delivered_evidence"),
}
OTHERS: Final[dict[str, dict[tuple[str, str], str]]] = {
    "claude_docs": {
        ("dense", "doc_precision@3"): "0.397; voyage-2 0.428",
        ("dense", "doc_recall@3"): "0.631; voyage-2 0.659",
        ("dense", "doc_mrr@3"): "0.722; voyage-2 0.737",
        ("dense", "doc_ndcg@10"): "0.683",
        ("bm25", "doc_precision@3"): "0.393",
        ("bm25", "doc_recall@3"): "0.633",
        ("bm25", "doc_mrr@3"): "0.773",
        ("bm25", "doc_ndcg@10"): "0.714",
        ("hybrid", "doc_precision@3"): "0.447",
        ("hybrid", "doc_recall@3"): "0.718",
        ("hybrid", "doc_mrr@3"): "0.845",
        ("hybrid", "doc_ndcg@10"): "0.784",
    },
    "git_docs": {("bm25", "doc_ndcg@10"): "0.624", ("bm25", "doc_success@5"): "0.726"},
}
KNOBS: Final = {
    "chunking.strategy": ["document", "heading"],
    "retrieval.mode": ["dense", "bm25", "hybrid"],
}
# As the other figures were measured: hybrid is reciprocal rank fusion, and nothing is reranked.
PLAIN: Final = PipelineConfig().replace({"retrieval.fusion": "rrf", "rerank.model": ""})
# Deep enough that ten different documents are among the chunks handed on.
DEEP: Final = {"retrieval.k": 50, "retrieval.candidate_depth": 100}
# What is delivered is measured as the product delivers it.
AS_SHIPPED: Final = ("recall@5", "success@5", "delivered_evidence")


def lines(name: str, deep: Sweep, shipped: Sweep | None) -> list[dict[str, Any]]:
    """One line per configuration and measure, with the figures of others beside whole documents."""
    rows = []
    for row in deep.table.itertuples():
        if row.measure not in MEASURES[name] or row.measure in AS_SHIPPED:
            continue
        rows.append(_line(name, row))
    if shipped is not None:
        rows += [_line(name, row) for row in shipped.table.itertuples()
                 if row.measure in AS_SHIPPED]  # fmt: skip
    return rows


def _line(name: str, row: Any) -> dict[str, Any]:
    # The columns of knobs have dots in their names, which itertuples turns into positions.
    strategy, mode = row.config.split()[0].split("=")[1], row.config.split()[1].split("=")[1]
    others = OTHERS[name].get((mode, row.measure), "") if strategy == "document" else ""
    return {
        "chunks": strategy,
        "mode": mode,
        "measure": row.measure,
        "value": round(row.value, 4),
        "low": round(row.low, 4),
        "high": round(row.high, 4),
        "questions": row.n,
        "others": others,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=sorted(MEASURES), required=True)
    parser.add_argument("--store", help="keep the store here; by default it is forgotten")
    options = parser.parse_args()
    name: str = options.set
    documents, questions = read(name, options.data)
    measures = MEASURES[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        whymiss.open(options.store or folder, config=PLAIN) as workbench,
    ):
        workbench.ingest(documents)
        deep = workbench.sweep(questions, KNOBS, config=PLAIN.replace(DEEP), measures=measures)
        shipped = None
        if any(measure in AS_SHIPPED for measure in measures):
            own = {**KNOBS, "chunking.strategy": ["heading"]}
            shipped = workbench.sweep(questions, own, measures=measures)
        report(f"labelled_{name}", lines(name, deep, shipped), line_per_row=True)
        decisive = measures[0] if name == "git_docs" else "doc_ndcg@10"
        baseline = "strategy=heading mode=dense"
        for sentence in deep.compare([decisive], baseline=baseline).sentences():
            print(sentence)
        if shipped is not None:
            for sentence in shipped.compare(["recall@5"], baseline=baseline).sentences():
                print(sentence)


if __name__ == "__main__":
    main()
