"""What the explanations' tests share: small pipelines over chunks with prefixes, and rerankers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from whymiss.pipeline import Pipeline
from whymiss.records import Chunk, Document, Query
from whymiss.reranking import EncodedTokens, LateInteractionReranker
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder()


class LongestFirst:
    """A reranker that nothing takes apart: half the share of question words, a bit for length."""

    model_version = "longest-first"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        asked = set(query.text.split())
        return [
            len(asked & set(chunk.text.split())) / (2 * len(asked)) + len(chunk.text.split()) / 1000
            for chunk in chunks
        ]


def prefixed(space: SearchSpace, prefix: str) -> SearchSpace:
    """The same chunks, matched with a prefix before their text."""
    chunks = tuple(replace(chunk, prefix=prefix) for chunk in space.snapshot.chunks)
    vectors = ENCODER.encode_documents([chunk.indexed_text for chunk in chunks])
    return SearchSpace(replace(space.snapshot, chunks=chunks, vectors=vectors), space.catalogue)


@pytest.fixture(scope="session")
def pipe(
    space_of: Callable[..., SearchSpace], pipeline_of: Callable[..., Pipeline]
) -> Callable[..., Pipeline]:
    """`pipe(texts, knobs, prefix=, reranker=)`: documents d00, d01, ... readable by everybody.

    A text may be a document. `reranker` is "maxsim", "other" or "".
    """

    def make(
        texts: Sequence[str | Document],
        knobs: Mapping[str, Any] | None = None,
        *,
        size: int = 1000,
        prefix: str = "",
        reranker: str = "",
    ) -> Pipeline:
        documents = [
            text
            if isinstance(text, Document)
            else Document(doc_id=f"d{i:02d}", text=text, allowed=["*"])
            for i, text in enumerate(texts)
        ]
        space = space_of(documents, size=size)
        rerankers = {
            "maxsim": LateInteractionReranker(ENCODER, EncodedTokens(ENCODER)),
            "other": LongestFirst(),
            "": None,
        }
        return pipeline_of(
            documents,
            dict(knobs or {}),
            space=prefixed(space, prefix) if prefix else space,
            reranker=rerankers[reranker],
        )

    return make


@pytest.fixture
def query() -> Callable[..., Query]:
    """`query(text, principals=...)`."""

    def make(text: str, **more: Any) -> Query:
        return Query(query_id="q", text=text, **more)

    return make
