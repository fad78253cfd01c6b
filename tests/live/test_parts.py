from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.candidates import Candidates, best_first
from whymiss.chunking import build_chunks, make_chunker
from whymiss.config import ChunkingConfig
from whymiss.embedding import DocumentTokens, pool_chunks, sum_prefixes
from whymiss.live import movements
from whymiss.live.background import Check, Superseded, Worker
from whymiss.live.corpus_tokens import CorpusTokens
from whymiss.live.late_vectors import LateVectors, late_vectors
from whymiss.live.places import Places
from whymiss.live.quick_tokens import QuickTokens
from whymiss.live.residuals import Forecast, forecast
from whymiss.live.settling import Drawing, risk_of_newcomers
from whymiss.live.terms import CorpusTerms, Vocabulary
from whymiss.records import Chunk, Document
from whymiss.retrieval.bm25 import TermIndex
from whymiss.retrieval.terms import term_splitter
from whymiss.testing import HashingEncoder

# Residuals


def many_residuals(seed: int, n: int, scale: float) -> tuple[np.ndarray, ...]:
    """Chunks whose exact score is lower than their preview, with noise that grows with it."""
    rng = np.random.default_rng(seed)
    previews = np.sort(rng.uniform(0.0, 0.8, n))[::-1].copy()
    spreads = rng.uniform(0.3, 1.5, n)
    noise = scale * spreads * (0.3 + previews) * rng.standard_normal(n)
    return previews, spreads, previews - 0.1 * previews - 0.02 + noise


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.8])
def test_forecast_chances_are_how_often_scores_lie_above(scale: float) -> None:
    """The size of the residuals is learned; where it is small the prior errs on the safe side."""
    stated, seen = [], []
    for seed in range(300):
        previews, spreads, exact = many_residuals(seed, 200, scale)
        known = np.arange(40)
        bar = float(np.sort(exact[known])[-5])
        chances = forecast(previews, spreads, known, exact[known]).chances_above(bar)[40:]
        stated.append(chances.sum())
        seen.append((exact[40:] > bar).sum())
    assert np.sum(seen) <= 1.1 * np.sum(stated)
    if scale >= 0.2:
        assert np.sum(seen) >= 0.6 * np.sum(stated)


def test_more_known_residuals_make_a_forecast_surer() -> None:
    previews, spreads, exact = many_residuals(1, 400, 0.05)
    widths = [forecast(previews, spreads, np.arange(n), exact[:n]).scales[-1] for n in (0, 10, 100)]
    assert widths == sorted(widths, reverse=True)


def test_draws_lie_above_a_bar_as_often_as_stated() -> None:
    expected = Forecast(np.array([0.1, 0.4]), np.array([0.1, 0.2]), 8.0)
    drawn = expected.draws(np.array([0, 1]), 100_000, np.random.default_rng(3))
    assert (drawn > 0.3).mean(axis=0) == pytest.approx(expected.chances_above(0.3), abs=0.005)


# Settling


@given(st.lists(st.floats(0, 1), max_size=6))
def test_risk_is_that_of_at_least_one_newcomer(chances: list[float]) -> None:
    none = float(np.prod([1 - chance for chance in chances]))
    assert risk_of_newcomers(np.array(chances)) == pytest.approx(1 - none, abs=1e-9)


def other_first(k: int) -> Callable[[Candidates, Sequence[Candidates]], int]:
    """Counts those whose first k are others."""
    return lambda now, then: sum(
        not np.array_equal(now.top(k).rows, some.top(k).rows) for some in then
    )


@pytest.mark.parametrize("bar", [0.7, 0.82])
def test_drawing_agrees_with_the_formula_where_both_apply(bar: float) -> None:
    embedded = best_first(np.arange(5), np.array([0.95, 0.9, bar, 0.6, 0.5]))
    expected = Forecast(np.concatenate([np.zeros(5), np.full(4, 0.5)]), np.full(9, 0.1), 20.0)
    waiting = np.arange(5, 9)
    drawn = Drawing(embedded, expected, waiting, depth=5).risk(other_first(3))
    stated = risk_of_newcomers(expected.chances_above(bar)[waiting])
    # Of 51 draws where it is high, of 251 where it is low.
    assert drawn == pytest.approx(stated, abs=0.1 if stated > 0.1 else 0.02)


def test_nothing_is_risked_when_all_is_embedded() -> None:
    embedded = best_first([0], [0.5])
    expected = Forecast(np.array([0.5]), np.array([0.1]), 4.0)
    drawing = Drawing(embedded, expected, np.empty(0, np.int64), depth=1)
    assert drawing.risk(other_first(1)) == 0.0
    assert risk_of_newcomers(np.empty(0)) == 0.0


# Chunks: vectors and terms

TEXTS = st.text(alphabet="abc dé. \n'-_7漢字", min_size=1, max_size=300)


def cut(text: str, size: int) -> tuple[Document, tuple[Chunk, ...], HashingEncoder]:
    encoder = HashingEncoder()
    document = Document(doc_id="d", text=text, title="On plans")
    knobs = ChunkingConfig(strategy="fixed", size=size, overlap=size // 4)
    chunker = make_chunker(knobs, encoder.tokenizer)
    found = build_chunks(
        document, chunker.spans(document), config=knobs, tokenizer=encoder.tokenizer,
        max_tokens=256,
    )  # fmt: skip
    return document, tuple(sorted(found, key=lambda c: (c.start, c.chunk_id))), encoder


def places_of(*documents: Sequence[Chunk], bases: Sequence[int] = (0,)) -> Places:
    rows = [
        (number, base + chunk.start, base + chunk.end, chunk.prefix)
        for number, (some, base) in enumerate(zip(documents, bases, strict=True))
        for chunk in some
    ]
    numbers, starts, ends, told = list(zip(*rows, strict=True)) or [()] * 4
    prefixes = tuple(dict.fromkeys(told))
    return Places(
        *(np.array(column, dtype=np.int64) for column in (numbers, starts, ends)),
        prefixes,
        np.array([prefixes.index(prefix) for prefix in told], dtype=np.int64),
    )


@given(st.lists(TEXTS, min_size=1, max_size=3), st.integers(8, 40), st.integers(0, 3))
def test_terms_of_chunks_are_those_of_their_texts(texts: list[str], size: int, shift: int) -> None:
    parts = [cut(text, size) for text in texts]
    documents = [document for document, _, _ in parts]
    bases = np.cumsum([0, *(len(text) + 1 for text in texts)])[:-1]
    # Borders inside a word, as a chunker of one's own may set them.
    moved = [
        tuple(
            Chunk(chunk_id=f"{n}", doc_id="d", start=a, end=b, text=document.text[a:b], n_tokens=1,
                  parent_start=a, parent_end=b, prefix="On plans\n")
            for n, chunk in enumerate(chunks)
            for a, b in [(chunk.start + shift, chunk.end)] if a < b
        )
        for document, chunks, _ in parts
    ]  # fmt: skip
    split = term_splitter("english", True)
    terms = CorpusTerms.of(Vocabulary(split), documents, bases)
    for some in ([chunks for _, chunks, _ in parts], moved):
        found = terms.counted(places_of(*some, bases=bases.tolist()))
        every = [chunk.indexed_text for chunks in some for chunk in chunks]
        expected = TermIndex.of(every, split)
        assert np.array_equal(found.lengths, expected.lengths)
        for term in [*expected.vocabulary, "nowhere"]:
            assert counts(found, term) == counts(expected, term)


def counts(index: Any, term: str) -> dict[int, float]:
    return dict(zip(*(values.tolist() for values in index.postings(term)), strict=True))


WORDS = st.lists(
    st.sampled_from(["plan", "renews", "a", "yearly.", "\u200b"]), min_size=1, max_size=300
)


@given(st.lists(WORDS, min_size=1, max_size=3), st.integers(8, 40), st.booleans())
def test_late_vectors_are_those_of_late_chunking(
    several: list[list[str]], size: int, quick: bool
) -> None:
    parts = [cut(" ".join(words), size) for words in several]
    encoder = parts[0][2]
    texts = [document.text for document, _, _ in parts]
    found = [DocumentTokens.of(tokens) for tokens in encoder.document_tokens(texts)]
    bases = np.cumsum([0, *(len(text) + 1 for text in texts)])[:-1]
    tokens = CorpusTokens(found, bases, encoder.dimension)
    every = [chunks for _, chunks, _ in parts]
    late = late_of(every, QuickTokens.quickened(tokens) if quick else tokens, encoder)
    expected = [
        pool_chunks(chunks, lambda _, own=own: own, prefix_sums=sums_of(every, encoder))
        for chunks, own in zip(every, found, strict=True)
        if chunks
    ]
    if expected:
        assert late.vectors == pytest.approx(np.concatenate(expected), abs=1e-5)
    assert np.isfinite(late.spreads).all()
    assert (late.spreads > 0).all()


def sums_of(documents: Sequence[Sequence[Chunk]], encoder: HashingEncoder) -> dict[str, Any]:
    found = sum_prefixes([chunk.prefix for chunks in documents for chunk in chunks], encoder)
    return {"": np.zeros(encoder.dimension), **found}


def late_of(
    documents: Sequence[Sequence[Chunk]], tokens: CorpusTokens, encoder: HashingEncoder
) -> LateVectors:
    places = places_of(*documents, bases=tokens.bases.tolist())
    sums = sums_of(documents, encoder)
    known = np.array([sums[prefix] for prefix in places.prefixes], dtype=np.float32)
    return late_vectors(places, tokens, known.reshape(-1, encoder.dimension))


def tokens_of(text: str, encoder: HashingEncoder) -> CorpusTokens:
    (found,) = encoder.document_tokens([text])
    return CorpusTokens([DocumentTokens.of(found)], np.array([0]), encoder.dimension)


def test_spreads_are_wider_for_fewer_tokens() -> None:
    encoder = HashingEncoder()
    text = "Annual plans renew by themselves. " * 40
    chunks = tuple(
        Chunk(chunk_id=f"{end}", doc_id="d", start=0, end=end, text=text[:end], n_tokens=1,
              parent_start=0, parent_end=end)
        for end in (33, 34 * 4, 34 * 30)
    )  # fmt: skip
    spreads = late_of([chunks], tokens_of(text, encoder), encoder).spreads.tolist()
    assert spreads == sorted(spreads, reverse=True)


def test_a_chunk_without_tokens_has_no_preview_and_a_wide_spread() -> None:
    encoder = HashingEncoder()
    chunks = tuple(
        Chunk(chunk_id=f"{a}", doc_id="d", start=a, end=b, text="plan \u200b plan"[a:b],
              n_tokens=1, parent_start=a, parent_end=b)
        for a, b in [(0, 4), (4, 5), (7, 11)]
    )  # fmt: skip
    late = late_of([chunks], tokens_of("plan \u200b plan", encoder), encoder)
    assert not late.vectors[1].any()
    assert late.spreads[1] == late.spreads.max()


# Movements


def passage(start: int, end: int, doc_id: str = "d") -> Chunk:
    return Chunk(
        chunk_id=f"{doc_id}{start}", doc_id=doc_id, start=start, end=end, text="x" * (end - start),
        n_tokens=1, parent_start=start, parent_end=end,
    )  # fmt: skip


RANKINGS = st.lists(
    st.builds(
        lambda a, n, d: passage(a, a + n, d),
        st.integers(0, 30), st.integers(1, 20), st.sampled_from("de"),
    ),
    max_size=6, unique_by=lambda c: (c.doc_id, c.start),
)  # fmt: skip


@given(RANKINGS, RANKINGS)
def test_every_chunk_moves_exactly_once(before: list[Chunk], after: list[Chunk]) -> None:
    moved = movements(before, after)
    assert [m.after for m in moved if m.after is not None] == list(range(1, len(after) + 1))
    ranks = sorted(m.before for m in moved if m.before is not None)
    assert ranks == list(range(1, len(before) + 1))
    for m in moved:
        same_side = {"entered": m.before is None, "left": m.after is None}
        assert same_side.get(m.move, m.before is not None and m.after is not None)


@given(RANKINGS)
def test_nothing_moves_between_equal_rankings(ranking: list[Chunk]) -> None:
    assert {m.move for m in movements(ranking, ranking)} <= {"same"}


def test_passages_are_paired_by_shared_characters_and_never_across_documents() -> None:
    before = [passage(0, 100), passage(100, 200), passage(0, 100, "e")]
    after = [passage(90, 190), passage(0, 90), passage(0, 90, "f")]
    found = [(m.move, m.before, m.after) for m in movements(before, after)]
    assert found == [("up", 2, 1), ("down", 1, 2), ("entered", None, 3), ("left", 3, None)]


# The worker


def test_the_newest_job_runs_and_the_one_before_it_stops_at_its_next_check() -> None:
    worker, said, started = Worker(), [], threading.Event()

    def endless(check: Check) -> None:
        started.set()
        while True:
            check()
            time.sleep(0.001)

    worker.submit(endless)
    assert started.wait(10)
    worker.submit(lambda check: said.append("between"))
    worker.submit(lambda check: said.append("newest"))
    assert worker.flush(10)
    assert said[-1] == "newest"
    worker.close()


def test_cancelling_stops_what_runs_and_forgets_what_waits() -> None:
    worker, stopped = Worker(), threading.Event()

    def endless(check: Check) -> None:
        try:
            while True:
                check()
                time.sleep(0.001)
        except Superseded:
            stopped.set()
            raise

    worker.submit(endless)
    time.sleep(0.05)
    worker.cancel()
    assert worker.flush(10)
    assert stopped.is_set()
    worker.close()


def test_a_closed_worker_takes_no_job() -> None:
    worker = Worker()
    worker.close()
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(lambda check: None)


def test_flushing_gives_up_in_time() -> None:
    worker, gate = Worker(), threading.Event()
    worker.submit(lambda check: gate.wait(20) and None)
    assert not worker.flush(0.05)
    gate.set()
    assert worker.flush(10)
    worker.close()
