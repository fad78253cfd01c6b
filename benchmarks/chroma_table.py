"""The figures of Chroma's report on chunking, measured again with our encoder and our measures.

Smith and Troynikov (2024), "Evaluating Chunking Strategies for Retrieval", Chroma Technical Report:
the tables for all-MiniLM-L6-v2, all corpora (retrieval, and precision omega of the recursive
chunkers), and for text-embedding-3-large (precision omega of TokenText, which depends on no
encoder). The data is the folder general_evaluation_data of brandonstarxel/chunking_evaluation.

Two habits of the report's code are repeated, or its figures would not come out:

- A chunk counts where its text first occurs in the corpus, even if it was cut from a repetition.
- A chunk that ends where a reference begins, or begins where it ends, touches it, though they
  share no character. Precision omega takes such chunks, and "min" counts them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from chroma_chunkers import RecursiveText, TokenText
from labelled_sets import chroma
from reporting import report
from whymiss.chunking import ChunkFunction, from_callable
from whymiss.config import EmbeddingConfig
from whymiss.embedding import CachedEncoder, SentenceTransformersEncoder, VectorCache
from whymiss.evaluation import Question
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.measures import (
    precision_omega,
    span_iou,
    span_precision,
    span_recall,
)
from whymiss.protocols import Encoder, Tokenizer
from whymiss.records import Document
from whymiss.text import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Order = NDArray[np.intp]

Figure = tuple[float, float]
"""Mean and population standard deviation over all questions, in percent."""

MIN: Final = "min"
"""Retrieve, for each question, as many chunks as touch its references."""

MEASURES: Final = {"recall": span_recall, "precision": span_precision, "iou": span_iou}
ALLOWED: Final = {"recall": 1.0, "precision": 0.1, "iou": 0.1, "omega": 0.1}
"""Percentage points from a published figure that still count as repeating it. We search exactly;
the report's code searched an approximate index (HNSW), which may miss a chunk."""

RETRIEVAL: Final[Mapping[tuple[int, int, int | str], tuple[Figure, Figure, Figure]]] = {
    (250, 125, MIN): ((60.7, 47.4), (10.6, 14.1), (10.6, 14.0)),
    (250, 125, 5): ((78.7, 39.2), (4.9, 4.5), (4.9, 4.4)),
    (250, 125, 10): ((87.2, 32.3), (2.8, 2.3), (2.8, 2.3)),
    (250, 0, MIN): ((54.1, 47.9), (14.6, 19.1), (14.4, 19.1)),
    (250, 0, 5): ((78.5, 39.5), (5.4, 4.9), (5.4, 4.9)),
    (250, 0, 10): ((84.7, 34.5), (2.9, 2.5), (2.9, 2.5)),
    (200, 0, MIN): ((48.5, 47.3), (14.5, 19.1), (14.3, 19.0)),
    (200, 0, 5): ((75.7, 40.7), (6.5, 6.2), (6.5, 6.1)),
    (200, 0, 10): ((83.7, 35.0), (3.7, 3.0), (3.7, 3.0)),
}
"""Published by size, overlap and chunks retrieved: recall, precision, IoU of Recursive."""

OMEGA_RECURSIVE: Final[Mapping[tuple[int, int], Figure]] = {
    (250, 125): (21.9, 14.9),
    (250, 0): (26.7, 18.3),
    (200, 0): (31.2, 18.4),
}
OMEGA_TOKENS: Final[Mapping[int, Figure]] = {400: (12.5, 8.1), 200: (21.0, 11.9)}
"""Published by size: precision omega of TokenText without overlap."""


@dataclass(frozen=True, slots=True)
class Chunking:
    """The chunks of all corpora, in one order: their texts, and where each is said to be."""

    texts: list[str]
    places: list[Retrieved]

    def omega(self, question: Question) -> float:
        """Precision omega of the chunking for a question."""
        spans: dict[str, list[Interval]] = {}
        for doc_id, start, end in self.places:
            spans.setdefault(doc_id, []).append((start, end))
        return precision_omega(spans, question).value

    def touching(self, question: Question) -> list[Interval]:
        """The chunks that share a character or an end with a reference."""
        (spans,) = question.evidence
        return [
            (start, end)
            for doc_id, start, end in self.places
            if any(
                doc_id == span.doc_id and start <= span.interval[1] and span.interval[0] <= end
                for span in spans
            )
        ]


def chunked(documents: Sequence[Document], function: ChunkFunction) -> Chunking:
    """Chunk all corpora; each chunk is placed where its text occurs first."""
    texts: list[str] = []
    places: list[Retrieved] = []
    for document in documents:
        for span in from_callable(function, "chroma").spans(document):
            text = document.text[span.start : span.end]
            first = document.text.index(text)
            texts.append(text)
            places.append((document.doc_id, first, first + len(text)))
    return Chunking(texts, places)


def nearest(chunking: Chunking, questions: Sequence[Question], encoder: Encoder) -> Order:
    """Numbers of all chunks by cosine, nearest first, one row per question; exact."""
    vectors = encoder.encode_documents(chunking.texts)
    asked = encoder.encode_queries([question.query.text for question in questions])
    return np.argsort(-(asked @ vectors.T), axis=1, kind="stable")


def with_special(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Tokens of each text as the encoder sees it alone, [CLS] and [SEP] included."""
    return [count + tokenizer.n_special for count in tokenizer.count(texts)]


def line(
    chunking: str, retrieved: str, figure: str, values: Sequence[float], published: Figure
) -> dict[str, Any]:
    """One figure beside the published one, compared at the one decimal that the report gives."""
    mean = 100 * float(np.mean(values))
    # Adding zero turns -0.0 into 0.0.
    difference = round(mean - published[0], 1) + 0.0
    return {
        "chunking": chunking,
        "retrieved": retrieved,
        "figure": figure,
        "ours": round(mean, 2),
        "sd": round(100 * float(np.std(values)), 2),
        "published": published[0],
        "published sd": published[1],
        "difference": difference,
        "allowed": ALLOWED[figure],
        "verdict": "within" if abs(difference) <= ALLOWED[figure] else "OUTSIDE",
    }


def token_lines(documents: list[Document], questions: list[Question]) -> list[dict[str, Any]]:
    """Precision omega of TokenText."""
    rows = []
    for size, published in OMEGA_TOKENS.items():
        chunking = chunked(documents, TokenText(size=size))
        values = [chunking.omega(question) for question in questions]
        rows.append(line(f"TokenText {size}/0", "-", "omega", values, published))
    return rows


def recursive_lines(
    documents: list[Document], questions: list[Question], encoder: Encoder
) -> list[dict[str, Any]]:
    """Precision omega and retrieval of Recursive."""
    rows = []
    for (size, overlap), published in OMEGA_RECURSIVE.items():
        name = f"Recursive {size}/{overlap}"
        lengths = partial(with_special, encoder.tokenizer)
        chunking = chunked(documents, RecursiveText(size=size, overlap=overlap, lengths=lengths))
        order = nearest(chunking, questions, encoder)
        values = [chunking.omega(question) for question in questions]
        rows.append(line(name, "-", "omega", values, published))
        for n in (MIN, 5, 10):
            scores = retrieval(chunking, questions, order, n)
            for figure, of in zip(MEASURES, RETRIEVAL[size, overlap, n], strict=True):
                rows.append(line(name, str(n), figure, scores[figure], of))
    return rows


def retrieval(
    chunking: Chunking, questions: Sequence[Question], order: Order, n: int | str
) -> dict[str, list[float]]:
    """Recall, precision and IoU of each question with its first n chunks."""
    scores: dict[str, list[float]] = {figure: [] for figure in MEASURES}
    for question, ranked in zip(questions, order, strict=True):
        k = len(chunking.touching(question)) if isinstance(n, str) else n
        hits = [chunking.places[i] for i in ranked[:k]]
        for figure, measure in MEASURES.items():
            scores[figure].append(measure(hits, question, k).value)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="corpora/ and questions_df.csv")
    parser.add_argument("--cache", type=Path, help="keep vectors here; otherwise forgotten")
    given = parser.parse_args()
    documents, questions = chroma(given.data)
    rows = token_lines(documents, questions)
    with tempfile.TemporaryDirectory() as scratch:
        cache = VectorCache((given.cache or Path(scratch)) / "vectors.sqlite")
        encoder = CachedEncoder(SentenceTransformersEncoder(EmbeddingConfig()), cache)
        rows += recursive_lines(documents, questions, encoder)
        cache.close()
    report("chroma_table", rows, line_per_row=True)


if __name__ == "__main__":
    main()
