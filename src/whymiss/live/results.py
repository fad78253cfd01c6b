"""What a live search says, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from whymiss.config import PipelineConfig
from whymiss.records import Chunk, Query, Ranking, Score, Trace
from whymiss.retrieval import SearchSpace

Kind = Literal["preview", "exact", "filled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """One state of a live search.

    kind : "preview" ranks by late-chunking vectors. "exact" ranks by exact vectors, of enough
        chunks that another outcome has the stated `risk`. "filled" ranks by the whole index.
    trace : every stage up to the packed context, without an answer. Never a mixture: either all
        dense scores are preview or all are exact. What is settled in an "exact" one is what was
        selected, and with it the context; further down the lists of its stages may lack chunks
        that are not embedded. Weighted fusion and reranking scale scores by those of all
        candidates, so that its scores may lie a little off those of the whole index.
    ranking, chunks : the selected k of the trace, and their chunks in the same order.
    n_embedded, n_chunks : chunks with an exact vector, of those the asker may see.
    risk : estimated probability that the whole index would select others, or in another order, than
        the exact result at this state would show; 0 when everything relevant is embedded.
    agreement : share of selected chunks of previews that proved right in the exact results of this
        configuration so far.
    seconds : since the search was asked for.
    reason : why there was no preview; empty where there was one.
    confirmed : for "filled", whether the exact result before it was right in all of its hits; None
        where there was none.
    query, config : what was asked, and under which configuration.
    space : what the trace ranked; `space.snapshot.chunks` are all chunks of the configuration, each
        made when it is looked at. Its vectors: preview ones; in an "exact" result exact ones where
        there are, else zeros; all exact in a "filled" one.
    """

    kind: Kind
    ranking: Ranking
    chunks: tuple[Chunk, ...]
    n_embedded: int
    n_chunks: int
    risk: Score
    agreement: Score
    seconds: float
    reason: str = ""
    confirmed: bool | None = None
    fingerprint: str = ""
    trace: Trace = field(repr=False)
    query: Query = field(repr=False)
    config: PipelineConfig = field(repr=False)
    space: SearchSpace = field(repr=False, compare=False)


@dataclass(slots=True)
class Agreement:
    """How many preview hits proved right, over the searches of one configuration."""

    n_right: int = 0
    n_hits: int = 0
    _seen: set[str] = field(default_factory=set)

    def add(self, question: str, preview: Ranking, exact: Ranking) -> None:
        """Count one search; the same question again is not counted twice."""
        if question not in self._seen:
            self._seen.add(question)
            self.n_right += len(set(preview.chunk_ids) & set(exact.chunk_ids))
            self.n_hits += len(preview.hits)

    @property
    def score(self) -> Score:
        """The share of preview hits that are exact hits too.

        >>> Agreement(n_right=4, n_hits=5).score.value
        0.8
        """
        if not self.n_hits:
            return undefined("agreement", "no exact result of this configuration yet")
        return Score(measure="agreement", value=self.n_right / self.n_hits)


def undefined(measure: str, because: str) -> Score:
    """A score without a value, and why."""
    return Score(measure=measure, value=math.nan, undefined_because=because)
