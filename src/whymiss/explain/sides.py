"""One of the two chunks: where it stands at every stage, and each of its scores taken apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from whymiss.embedding import CachedEncoder
from whymiss.explain.fusion import list_ledger
from whymiss.explain.late_interaction import MaxSimScore, match_ledger, matched_ledger
from whymiss.explain.leaving_out import left_out_ledgers
from whymiss.explain.ledger import Ledger, Part, Standing
from whymiss.explain.removal import Removal
from whymiss.explain.run import Run
from whymiss.explain.sentences import place_of
from whymiss.explain.terms import term_ledger, term_word_ledger
from whymiss.explain.tokens import (
    PooledScore,
    passage_ledger,
    pooled_chunk,
    question_ledger,
    question_tokens,
    why_no_tokens,
)
from whymiss.records import Chunk, Document, Query
from whymiss.reranking import LateInteractionReranker
from whymiss.reranking.rerank import checked_scores

if TYPE_CHECKING:
    from whymiss.protocols import PooledTokens

DocumentReader = Callable[[Sequence[str]], Mapping[str, Document]]


class Side:
    """A row of a run. `removals` has, by stage, what leaves words out of it."""

    def __init__(self, run: Run, row: int, read_documents: DocumentReader) -> None:
        self.run = run
        self.row = row
        self.chunk = run.chunk(row)
        self.removals: dict[str, Removal] = {}
        self._read_documents = read_documents

    @property
    def place(self) -> str:
        """Where the chunk stands."""
        return place_of(self.chunk)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """Where it stands at every stage that ran."""
        return self.run.standings(self.row)

    @property
    def notes(self) -> list[str]:
        """Why it is not among the candidates of a stage; a reason that holds for all, once."""
        if hidden := self.run.hidden(self.row):
            return [hidden]
        return [
            f"{standing.stage}: {standing.note}"
            for standing in self.standings
            if standing.note and standing.stage != "select"
        ]

    @cached_property
    def ledgers(self) -> tuple[Ledger, ...]:
        """Every score of it, taken apart in every view there is, in stage order."""
        make = {"dense": self._dense, "bm25": self._bm25, "fuse": self._merged,
                "reranker": self._reranker, "rerank": self._merged}  # fmt: skip
        return tuple(
            ledger
            for standing in self.standings
            if standing.stage in make
            for ledger in make[standing.stage](standing)
        )

    def _dense(self, standing: Standing) -> list[Ledger]:
        run, score = self.run, standing.score
        assert score is not None
        because = why_no_tokens(run.encoder)
        tokens = None if because else self._pooled
        if tokens is None:
            because = because or "the chunk was read in a document that has changed since"
            return left_out_ledgers(
                run.query, self.chunk, self._cosines, standing, score, because=because
            )
        passage = PooledScore(run.vector, self.chunk.indexed_text, tokens)
        asked = PooledScore(
            run.space.snapshot.vectors[self.row],
            run.query.text,
            question_tokens(run.encoder, run.query),
        )
        self.removals["dense"] = passage
        return [
            question_ledger(asked, standing, score),
            passage_ledger(passage, self.chunk, standing, score),
        ]

    def _bm25(self, standing: Standing) -> list[Ledger]:
        terms = self.run.terms(self.row)
        self.removals["bm25"] = terms
        return [term_ledger(terms, standing), term_word_ledger(terms, standing)]

    def _merged(self, standing: Standing) -> list[Ledger]:
        merger = self.run.merger(standing.stage)
        notes = {s.stage: s.note for s in self.standings}
        if merger is None:
            parts = self._replaced(standing)
            return [list_ledger(standing, parts, score=standing.score)]
        parts = merger.parts(self.row, notes)
        return [list_ledger(standing, parts, score=standing.score)]

    def _replaced(self, standing: Standing) -> tuple[Part, ...]:
        """What "replace" orders by: the reranker's score, or the place behind all it read."""
        (own,) = (s for s in self.standings if s.stage == "reranker")
        if standing.rank is None or own.rank is not None:
            assert own.score is not None
            return (Part(name="reranker", value=own.score, note=own.note),)
        assert standing.score is not None
        note = "behind all that was read, in the order of before"
        return (Part(name=self.run.before_reranking, value=standing.score, note=note),)

    def _reranker(self, standing: Standing) -> list[Ledger]:
        reranker, score = self.run.reranker, standing.score
        assert reranker is not None
        assert score is not None
        if not isinstance(reranker, LateInteractionReranker):
            return left_out_ledgers(self.run.query, self.chunk, self._reranked, standing, score)
        scored = MaxSimScore(reranker, self.run.query, self.chunk)
        self.removals["reranker"] = scored
        return [match_ledger(scored, standing, score), matched_ledger(scored, standing, score)]

    @cached_property
    def _pooled(self) -> PooledTokens | None:
        return pooled_chunk(self.run.encoder, self.chunk, self._document)

    def _document(self) -> Document | None:
        doc_id = self.chunk.doc_id
        if doc_id in self.run.space.stale_documents():
            return None
        return self._read_documents([doc_id]).get(doc_id)

    def _cosines(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        encoder = self.run.encoder
        texts = [chunk.indexed_text for chunk in chunks]
        made = (
            encoder.encode_once(texts)
            if isinstance(encoder, CachedEncoder)
            else encoder.encode_documents(texts)
        )
        asked = encoder.encode_queries([query.text])[0]
        return [float(score) for score in made.astype(float) @ asked.astype(float)]

    def _reranked(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        assert self.run.reranker is not None
        return checked_scores(self.run.reranker, query, chunks)
