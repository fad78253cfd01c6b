"""What every reranker promises, whatever it reads with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from whymiss.config import RerankConfig
from whymiss.embedding import TokenStore
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Document, Query, Ranking
from whymiss.reranking import (
    CrossEncoderReranker,
    EncodedTokens,
    LateInteractionReranker,
    StoredTokens,
    rerank,
)
from whymiss.testing import HashingEncoder

QUERY = Query(query_id="q", text="How long do refunds take?")
TEXTS = [
    "Refunds take ten days.",
    "Phone support is annual.",
    "Refunds take ten days.",
    "x " * 900,
    "?",
]
STARTS = [2000 * i for i in range(len(TEXTS))]
DOCUMENT = Document(doc_id="d", text="".join(text.ljust(2000) for text in TEXTS))


class ByCosine:
    """A reranker of somebody's own: nothing inherited, three lines."""

    model_version = "cosine-1"

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        encoder = HashingEncoder()
        asked = encoder.encode_queries([query.text])[0]
        return [float(v @ asked) for v in encoder.encode_documents([c.text for c in chunks])]


@pytest.fixture(
    scope="module",
    params=[
        "own",
        "late interaction, encoded",
        "late interaction, stored",
        pytest.param("cross-encoder", marks=pytest.mark.model),
    ],
)
def reranker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    encoder = HashingEncoder()
    if request.param == "own":
        return ByCosine()
    if request.param == "late interaction, encoded":
        return LateInteractionReranker(encoder, EncodedTokens(encoder))
    if request.param == "late interaction, stored":
        store = TokenStore(tmp_path_factory.mktemp("tokens"), encoder.model_version)
        store.build([DOCUMENT], encoder)
        tokens_of = StoredTokens(store, lambda _: DOCUMENT.content_hash, EncodedTokens(encoder))
        return LateInteractionReranker(encoder, tokens_of)
    return CrossEncoderReranker(request.getfixturevalue("cross_encoder_config"))


def chunks() -> list[Chunk]:
    return [
        Chunk(
            chunk_id=f"c{i}", doc_id="d", start=start, end=start + len(text), text=text,
            n_tokens=9, parent_start=start, parent_end=start + len(text),
        )
        for i, (start, text) in enumerate(zip(STARTS, TEXTS, strict=True))
    ]  # fmt: skip


def test_it_is_a_reranker_with_a_version(reranker: Reranker) -> None:
    assert isinstance(reranker, Reranker)
    assert reranker.model_version


def test_it_gives_one_finite_score_per_chunk(reranker: Reranker) -> None:
    scores = reranker.scores(QUERY, chunks())
    assert len(scores) == len(TEXTS)
    assert all(isinstance(s, float) and math.isfinite(s) for s in scores)


def test_the_same_pair_gets_the_same_score_in_any_company(reranker: Reranker) -> None:
    together = reranker.scores(QUERY, chunks())
    alone = [reranker.scores(QUERY, [chunk])[0] for chunk in chunks()]
    assert together == pytest.approx(alone, abs=1e-5)
    assert reranker.scores(QUERY, chunks()[::-1]) == pytest.approx(together[::-1], abs=1e-5)
    assert together[0] == pytest.approx(together[2], abs=1e-6)


def test_a_ranking_follows_it(reranker: Reranker) -> None:
    made: dict[str, Any] = {c.chunk_id: c for c in chunks()}
    before = Ranking.of("q", "fuse", [(c, 1.0, {}) for c in chunks()])
    after = rerank(QUERY, before, made, reranker, config=RerankConfig(blend="replace"))
    scores = dict(zip(made, reranker.scores(QUERY, chunks()), strict=True))
    assert [scores[c] for c in after.chunk_ids] == pytest.approx(
        sorted(scores.values(), reverse=True), abs=1e-5
    )
