"""The packaged model: its own pooled tokens make up its vectors, cut, prefixed and late."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import whymiss
from whymiss.config import EmbeddingConfig, PipelineConfig
from whymiss.embedding import SentenceTransformersEncoder
from whymiss.explain import Explanation, asked_query, explain
from whymiss.records import Document
from whymiss.retrieval import SearchSpace

ALIKE = 1e-5
pytestmark = pytest.mark.model

TEXTS = [
    "Annual plans renew by themselves. Unbelievably long-winded paragraphs are summarised.",
    "  Refunds take 10 days (café, 東京): don't ask?",
    "Phone support is for annual plans; all others write a mail and wait for two days. " * 20,
    "",
]
DOCUMENTS = [
    Document(
        doc_id=f"d{i}", text=f"# Plans of kind {i}\n\n{text}", allowed=["*"], syntax="markdown"
    )
    for i, text in enumerate(TEXTS[:3])
]


@pytest.mark.parametrize("settings", [
    EmbeddingConfig(),
    EmbeddingConfig(document_prefix="passage: ", query_prefix="query: ", max_tokens=20),
])  # fmt: skip
def test_pooled_tokens_sum_to_the_vectors_and_say_what_is_not_read(
    settings: EmbeddingConfig,
) -> None:
    encoder = SentenceTransformersEncoder(settings)
    pairs = (
        (encoder.pooled_documents(TEXTS), encoder.encode_documents(TEXTS)),
        (encoder.pooled_queries(TEXTS), encoder.encode_queries(TEXTS)),
    )
    for pooled, vectors in pairs:
        for text, tokens, vector in zip(TEXTS, pooled, vectors, strict=True):
            total = tokens.vectors.astype(float).sum(axis=0)
            assert total / np.linalg.norm(total) == pytest.approx(vector, abs=2e-6)
            starts, ends = tokens.offsets.starts, tokens.offsets.ends
            written = [name for name, start in zip(tokens.names, starts, strict=True) if start >= 0]
            assert written == [text[a:b] for a, b in zip(starts, ends, strict=True) if a >= 0]
            # Read and unread tokens together are all there are.
            whole = encoder.tokenizer.offsets([text])[0].starts.tolist()
            unread = tokens.unread.starts.tolist()
            assert [start for start in starts.tolist() if start >= 0] + unread == whole
            assert bool(unread) == (len(whole) + 2 + bool(settings.max_tokens) * 3 >
                                    encoder.max_tokens)  # fmt: skip


def explained(folder: Path, **knobs: object) -> list[Explanation]:
    config = PipelineConfig().replace({"chunking.size": 40, **dict(knobs)})
    with whymiss.open(folder, config=config) as workbench:
        workbench.ingest(DOCUMENTS)
        pipeline = workbench.pipeline(answer=False)
        query = asked_query("How long do refunds of annual plans take?")
        last = len(pipeline.space.snapshot) - 1
        chunks = pipeline.space.snapshot.chunks
        return [explain(query, chunks[row], chunks[last], pipeline=pipeline) for row in range(3)]


@pytest.mark.parametrize("knobs", [
    {},
    {"embedding.max_tokens": 24, "embedding.document_prefix": "passage: "},
    {"embedding.late_chunking": True},
])  # fmt: skip
def test_every_score_of_the_default_pipeline_is_the_sum_of_its_parts(
    tmp_path: Path, knobs: dict[str, object]
) -> None:
    for found in explained(tmp_path, **knobs):
        assert {contrast.stage for contrast in found.contrasts} == {
            "dense", "bm25", "fuse", "reranker", "rerank",
        }  # fmt: skip
        for contrast in found.contrasts:
            assert contrast.exact
            for ledger in (contrast.chunk, contrast.against):
                assert abs(ledger.residual) < ALIKE, (contrast.stage, contrast.view)
            differences = math.fsum(row.difference for row in contrast.rows)
            assert abs(contrast.margin - differences) < ALIKE


def test_what_the_encoder_does_not_read_adds_nothing_and_is_told(tmp_path: Path) -> None:
    found = explained(tmp_path, **{"embedding.max_tokens": 24, "chunking.heading_prefix": False})
    cut = [e for e in found if e.chunk.n_truncated]
    assert cut
    for explanation in cut:
        ledger = explanation.contrast("dense", "passage tokens").chunk
        unread = [part for part in ledger.parts if part.note == "not read"]
        assert unread
        assert all(part.value == 0.0 and part.effect == 0.0 for part in unread)
        assert f"{explanation.chunk.n_truncated} token" in ledger.note
        assert "beyond the encoder's limit not read: " in ledger.note


def test_word_pieces_are_put_together_to_words(tmp_path: Path) -> None:
    (found, *_) = explained(tmp_path)
    parts = {p.name: p for p in found.contrast("dense", "passage tokens").chunk.parts}

    assert parts["long-winded"].numbers["n_tokens"] > 1
    assert parts["[special]"].numbers["n_tokens"] == 2
    assert parts["Plans"].passage == ((2, 7),)


def test_a_document_changed_since_late_chunking_is_not_taken_apart_by_other_tokens(
    tmp_path: Path,
) -> None:
    config = PipelineConfig().replace({"embedding.late_chunking": True})
    with whymiss.open(tmp_path, config=config) as workbench:
        workbench.ingest(DOCUMENTS)
        pipeline = workbench.pipeline(answer=False)
        space = pipeline.space
        states = {**space.catalogue.states, "d0": "another"}
        stale = SearchSpace(space.snapshot, replace(space.catalogue, states=states))
        found = explain(
            asked_query("annual refunds"), "Annual plans renew", "Refunds take 10",
            pipeline=replace(pipeline, space=stale),
        )  # fmt: skip

    contrast = found.contrast("dense", "passage tokens")
    assert (contrast.chunk.exact, contrast.against.exact) == (False, True)
    assert "a document that has changed since" in contrast.chunk.note
