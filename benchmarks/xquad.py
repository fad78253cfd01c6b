"""nDCG@10 on XQuAD English, whole paragraphs: the fastest check against a published figure.

Published (MTEB, XQuADRetrieval en): all-MiniLM-L6-v2 0.94357, bm25s 0.96494.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import ir_measures

import whymiss
from reporting import report
from whymiss import Document, PipelineConfig, Query
from whymiss.retrieval import BM25Retriever, DenseRetriever

PUBLISHED = {"dense": 0.94357, "bm25": 0.96494}


def read(path: Path) -> tuple[list[Document], list[Query], dict[str, dict[str, int]]]:
    """Paragraphs as documents, questions, and which paragraph each was asked about."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    documents, queries, qrels = [], [], {}
    for a, article in enumerate(articles):
        for p, paragraph in enumerate(article["paragraphs"]):
            doc_id = f"{a:02d}-{p:02d}"
            documents.append(
                Document(doc_id=doc_id, text=paragraph["context"], syntax="plain", allowed=("*",))
            )
            for qa in paragraph["qas"]:
                queries.append(Query(query_id=qa["id"], text=qa["question"]))
                qrels[qa["id"]] = {doc_id: 1}
    return documents, queries, qrels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    documents, queries, qrels = read(parser.parse_args().data / "xquad.en.json")
    config = PipelineConfig().replace({"chunking.strategy": "document", "rerank.model": ""})
    with tempfile.TemporaryDirectory() as folder, whymiss.open(folder, config=config) as workbench:
        workbench.ingest(documents)
        space, encoder = workbench.space(), workbench.encoder()
        retrievers = {
            "dense": DenseRetriever(space, encoder, retrieval=config.retrieval, index=config.index),
            "bm25": BM25Retriever(space, retrieval=config.retrieval),
        }
        rows = []
        for name, retriever in retrievers.items():
            rankings = retriever.search(queries, depth=100)
            # Integers derived from ranks: measures would otherwise order ties their own way.
            run = {r.query_id: {h.doc_id: 1000 - h.rank for h in r.hits} for r in rankings}
            measured = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)
            value = measured[ir_measures.nDCG @ 10]
            rows.append(
                {
                    "retriever": name,
                    "documents": len(documents),
                    "questions": len(queries),
                    "nDCG@10": value,
                    "published": PUBLISHED[name],
                    "difference": value - PUBLISHED[name],
                }
            )
    report("xquad", rows)


if __name__ == "__main__":
    main()
