"""MaxSim from kept token vectors: the definition, its parts, and where its tokens come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import RerankConfig
from whymiss.embedding import TokenStore
from whymiss.protocols import Reranker
from whymiss.records import Chunk, Document, Query, Ranking
from whymiss.reranking import EncodedTokens, LateInteractionReranker, StoredTokens, rerank
from whymiss.reranking.late_interaction import max_similarities
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder()
DOCUMENTS = {
    d.doc_id: d
    for d in (
        Document(doc_id="billing", text="Refunds take ten days. Annual plans renew by themselves."),
        Document(doc_id="support", text="Phone support is for annual plans; mail is for all."),
    )
}
QUERY = Query(query_id="q", text="How do annual refunds work?")


def chunk(doc_id: str, words: str) -> Chunk:
    start = DOCUMENTS[doc_id].text.index(words)
    return Chunk(
        chunk_id=f"{doc_id}:{start}:{len(words)}", doc_id=doc_id, start=start,
        end=start + len(words), text=words, n_tokens=9, parent_start=start,
        parent_end=start + len(words),
    )  # fmt: skip


CHUNKS = [
    chunk("support", "Phone support is for annual plans;"),
    chunk("billing", "Annual plans renew by themselves."),
    chunk("billing", "Refunds take ten days."),
    chunk("billing", "Refunds take ten days. Annual plans renew by themselves."),
]


class _Unused(HashingEncoder):
    """Never asked for tokens of a document: all that is wanted is stored."""

    def document_tokens(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("the model was asked")


@pytest.fixture
def stored(tmp_path: Path) -> LateInteractionReranker:
    store = TokenStore(tmp_path, ENCODER.model_version)
    store.build(list(DOCUMENTS.values()), ENCODER)
    tokens_of = StoredTokens(
        store, lambda doc_id: DOCUMENTS[doc_id].content_hash, EncodedTokens(_Unused())
    )
    return LateInteractionReranker(ENCODER, tokens_of)


@pytest.fixture(params=["stored", "encoded"])
def reranker(request: pytest.FixtureRequest) -> LateInteractionReranker:
    if request.param == "stored":
        found: LateInteractionReranker = request.getfixturevalue("stored")
        return found
    return LateInteractionReranker(ENCODER, EncodedTokens(ENCODER))


def brute_force(query: Any, passage: Any) -> list[float]:
    """Khattab and Zaharia's inner maximum, one pair of tokens at a time, in double precision."""

    def cosine(a: Any, b: Any) -> float:
        a, b = a.astype(np.float64), b.astype(np.float64)
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    return [max((cosine(q, p) for p in passage), default=-1.0) for q in query]


@given(
    lengths=st.lists(st.integers(0, 6), max_size=6),
    n_query=st.integers(1, 5),
    seed=st.integers(0, 999),
)
def test_similarities_are_those_of_brute_force(lengths: list[int], n_query: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    query = (chance.normal(size=(n_query, 7)) * 3).astype(np.float16)
    passages = [chance.normal(size=(n, 7)).astype(np.float16) for n in lengths]
    found = max_similarities(query, passages)
    assert found.shape == (n_query, len(lengths))
    for column, passage in zip(found.T, passages, strict=True):
        assert column == pytest.approx(brute_force(query, passage), abs=1e-5)


def test_it_is_a_reranker_that_names_its_model(reranker: LateInteractionReranker) -> None:
    assert isinstance(reranker, Reranker)
    assert reranker.model_version == "maxsim:hashing-64"


def test_the_score_is_the_mean_over_the_tokens_of_the_question(
    reranker: LateInteractionReranker,
) -> None:
    (asked,) = ENCODER.query_tokens([QUERY.text])
    for score, one in zip(reranker.scores(QUERY, CHUNKS), CHUNKS, strict=True):
        (read,) = ENCODER.document_tokens([one.text])
        expected = np.mean(brute_force(asked.vectors, read.vectors))
        assert score == pytest.approx(expected, abs=1e-4)
        assert -1 <= score <= 1


def test_parts_sum_to_the_score_and_point_at_the_words(reranker: LateInteractionReranker) -> None:
    for one, score in zip(CHUNKS, reranker.scores(QUERY, CHUNKS), strict=True):
        parts = reranker.parts(QUERY, one)
        assert sum(part.contribution for part in parts) == pytest.approx(score, abs=1e-6)
        assert [part.token for part in parts] == ["How", "do", "annual", "refunds", "work", "?"]
        for part in parts:
            assert QUERY.text[part.query_start : part.query_end] == part.token
            assert one.start <= part.start < part.end <= one.end
            if part.similarity > 0.99 and part.token.isalpha():
                word = DOCUMENTS[one.doc_id].text[part.start : part.end]
                assert word.casefold() == part.token.casefold()
    best = {part.token: part for part in reranker.parts(QUERY, CHUNKS[3])}
    assert best["annual"].similarity == pytest.approx(1, abs=1e-3)
    assert (best["annual"].start, best["annual"].end) == (23, 29)


def test_the_same_pair_gets_the_same_score_in_any_company(
    reranker: LateInteractionReranker,
) -> None:
    together = reranker.scores(QUERY, CHUNKS)
    assert reranker.scores(QUERY, CHUNKS[::-1]) == pytest.approx(together[::-1], abs=1e-6)
    assert [reranker.scores(QUERY, [c])[0] for c in CHUNKS] == pytest.approx(together, abs=1e-6)
    assert reranker.scores(QUERY, []) == []


def test_more_text_never_lowers_a_score(reranker: LateInteractionReranker) -> None:
    _, renew, refunds, both = reranker.scores(QUERY, CHUNKS)
    assert both >= max(renew, refunds) - 1e-6


def test_a_ranking_follows_it(reranker: LateInteractionReranker) -> None:
    before = Ranking.of("q", "fuse", [(c, 1.0, {}) for c in CHUNKS])
    after = rerank(
        QUERY,
        before,
        {c.chunk_id: c for c in CHUNKS},
        reranker,
        config=RerankConfig(blend="replace"),
    )
    assert after.chunk_ids[0] == CHUNKS[3].chunk_id


def test_a_passage_without_tokens_comes_last_and_its_parts_still_sum(
    reranker: LateInteractionReranker,
) -> None:
    gap = chunk("billing", " ")
    scores = reranker.scores(QUERY, [CHUNKS[0], gap, CHUNKS[1]])
    assert scores[1] == -1
    assert scores[0] == pytest.approx(reranker.scores(QUERY, CHUNKS[:1])[0])
    parts = reranker.parts(QUERY, gap)
    assert sum(part.contribution for part in parts) == pytest.approx(-1)
    assert {(part.start, part.end) for part in parts} == {(gap.start, gap.start)}


def test_a_question_without_tokens_says_nothing_of_any_passage(
    reranker: LateInteractionReranker,
) -> None:
    query = Query(query_id="q", text="\u200b")
    silent = HashingEncoder(tokenizer=_NoTokens())
    without = LateInteractionReranker(silent, reranker._tokens_of)
    assert without.scores(query, CHUNKS) == [0.0] * 4
    assert without.parts(query, CHUNKS[0]) == ()


class _NoTokens:
    n_special = 2

    def offsets(self, texts: Any) -> Any:
        return [ENCODER.tokenizer.offsets([""])[0] for _ in texts]

    def count(self, texts: Any) -> list[int]:
        return [0 for _ in texts]


class _Counting(HashingEncoder):
    """Remembers the texts it was asked for; their tokens see what stands around them."""

    def document_tokens(self, texts: Any, **_: Any) -> Any:
        ASKED.extend(texts)
        found = super().document_tokens(texts)
        for tokens in found:
            tokens.vectors[:, 1] += len(tokens) / 10
        return found


ASKED: list[str] = []


def test_a_chunk_whose_document_is_not_stored_is_encoded_by_itself(tmp_path: Path) -> None:
    encoder = _Counting()
    store = TokenStore(tmp_path, encoder.model_version)
    store.build([DOCUMENTS["billing"]], encoder)
    ASKED.clear()
    tokens_of = StoredTokens(
        store, lambda doc_id: DOCUMENTS[doc_id].content_hash, EncodedTokens(encoder)
    )
    reranker = LateInteractionReranker(encoder, tokens_of)
    scores = reranker.scores(QUERY, CHUNKS)
    assert [text for text in ASKED if text != QUERY.text] == [CHUNKS[0].text]
    alone = LateInteractionReranker(encoder, EncodedTokens(encoder)).scores(QUERY, CHUNKS)
    assert scores[0] == alone[0]
    # Read in the whole document, the vectors of this encoder are others.
    assert scores[1] != pytest.approx(alone[1], abs=1e-4)
    assert reranker.lacks(CHUNKS)
    assert not reranker.lacks(CHUNKS[1:])
    assert not LateInteractionReranker(encoder, EncodedTokens(encoder)).lacks(CHUNKS)


def test_tokens_of_another_text_are_never_read(tmp_path: Path) -> None:
    store = TokenStore(tmp_path, ENCODER.model_version)
    edited = Document(doc_id="billing", text="Nothing of what was there before is left of it now.")
    store.build([edited], ENCODER)
    # The chunk was cut from an earlier text, whose hash nobody knows any more.
    stale = LateInteractionReranker(
        ENCODER, StoredTokens(store, lambda _: None, EncodedTokens(ENCODER))
    )
    alone = LateInteractionReranker(ENCODER, EncodedTokens(ENCODER))
    assert stale.scores(QUERY, CHUNKS) == alone.scores(QUERY, CHUNKS)
    assert stale.parts(QUERY, CHUNKS[2]) == alone.parts(QUERY, CHUNKS[2])
    assert stale.lacks(CHUNKS[2:3])


def test_a_damaged_store_costs_time_and_not_the_answer(
    stored: LateInteractionReranker, tmp_path: Path
) -> None:
    expected = stored.scores(QUERY, CHUNKS)
    for shard in tmp_path.glob("*.tokens"):
        shard.write_bytes(b"")
    store = TokenStore(tmp_path, ENCODER.model_version)
    tokens_of = StoredTokens(
        store, lambda doc_id: DOCUMENTS[doc_id].content_hash, EncodedTokens(ENCODER)
    )
    found = LateInteractionReranker(ENCODER, tokens_of).scores(QUERY, CHUNKS)
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.model
def test_with_the_packaged_model_the_right_answer_wins_by_its_words(tmp_path: Path) -> None:
    from whymiss.config import EmbeddingConfig
    from whymiss.embedding import SentenceTransformersEncoder

    encoder = SentenceTransformersEncoder(EmbeddingConfig())
    store = TokenStore(tmp_path, encoder.model_version)
    store.build(list(DOCUMENTS.values()), encoder)
    reranker = LateInteractionReranker(
        encoder,
        StoredTokens(store, lambda doc_id: DOCUMENTS[doc_id].content_hash, EncodedTokens(encoder)),
    )
    query = Query(query_id="q", text="How long until I get my money back?")
    scores = reranker.scores(query, CHUNKS[:3])
    assert int(np.argmax(scores)) == 2
    parts = reranker.parts(query, CHUNKS[2])
    assert sum(part.contribution for part in parts) == pytest.approx(scores[2], abs=1e-5)
    assert " ".join(part.token for part in parts) == "How long until I get my money back ?"
