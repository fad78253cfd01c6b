"""Grounds made by hand: short documents, vectors and questions written in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.neighbourhood.ground import Ground
from whymiss.records import Document, Query
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder

Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class TableEncoder(HashingEncoder):
    """The hashing double, but for questions whose vector is written down."""

    written: Mapping[str, Vector] = field(default_factory=dict)

    def encode_queries(self, texts: Sequence[str]) -> Any:
        made = self.encode_documents(texts)
        for row, text in enumerate(texts):
            if text in self.written:
                made[row] = _unit(self.written[text])
        return made


def _unit(values: Vector) -> Any:
    padded = np.zeros(HashingEncoder().dimension, np.float32)
    padded[: len(values)] = values
    return padded / np.linalg.norm(padded)


@pytest.fixture(scope="session")
def asking() -> Callable[..., Question]:
    """`asking(text, doc_id, tags=...)`: a question, its evidence the first letter of a document."""

    def make(text: str, doc_id: str = "", **more: Any) -> Question:
        spans = (EvidenceSpan(doc_id=doc_id, start=0, end=1),) if doc_id else ()
        query = Query(query_id=text, text=text, **more)
        return Question(query=query, evidence=(spans,) if spans else ())

    return make


@pytest.fixture(scope="session")
def ground_of(space_of: Callable[..., SearchSpace]) -> Callable[..., Ground]:
    """`ground_of(texts, questions, about=..., vectors={doc_id: vector}, asked={text: vector})`.

    Documents are read by everybody and have one chunk, or chunks of `size` words.
    """

    def make(
        texts: Mapping[str, str],
        questions: Sequence[Question] = (),
        *,
        about: Mapping[str, Mapping[str, Any]] | None = None,
        vectors: Mapping[str, Vector] | None = None,
        asked: Mapping[str, Vector] | None = None,
        size: int = 1000,
        knobs: Mapping[str, Any] | None = None,
    ) -> Ground:
        documents = {
            doc_id: Document(
                doc_id=doc_id, text=text, **{"allowed": ["*"], **(about or {}).get(doc_id, {})}
            )
            for doc_id, text in texts.items()
        }
        encoder = TableEncoder(written=asked or {})
        space = space_of(list(documents.values()), size=size, encoder=encoder)
        if vectors is not None:
            rows = np.stack([_unit(vectors[chunk.doc_id]) for chunk in space.snapshot.chunks])
            space = replace(space, snapshot=replace(space.snapshot, vectors=rows))
        usual = {"retrieval.mode": "dense", "retrieval.k": 1, "rerank.model": ""}
        return Ground(
            space=space,
            config=PipelineConfig().replace({**usual, **(knobs or {})}),
            encoder=encoder,
            reranker_over=lambda _: None,
            read_documents=lambda ids: {i: documents[i] for i in ids if i in documents},
            questions=tuple(questions),
        )

    return make
