"""Embedding candidates until the final first k are settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.candidates import Candidates, best_first
from whymiss.live.residuals import Forecast, forecast, hopes
from whymiss.live.settling import Drawing, risk_of_newcomers
from whymiss.reranking.rerank import reordered
from whymiss.retrieval.mmr import pick_diverse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.search import LiveSearch

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_TOKENS_AT_A_TIME: Final = 1024
"""Tokens embedded between two looks at whether the search is still wanted: about a quarter of a
second on two cores, and no newer search waits longer."""
_FIRST_BATCHES: Final = 2
"""Batches before the first judgement, which learns from them."""
_LEARNT_FROM: Final = 256
"""Known chunks whose residuals are used: those with the best previews, as those to be judged."""
_READ_SLOWLY: Final = 16
"""Chunks that a slow reranker reads between two looks at the risk."""
_FAINT: Final = 1e-3


class Exact:
    """Embeds what may change the outcome, the likeliest first.

    In mode "bm25" that is the candidates, where maximal marginal relevance compares their vectors.

    The outcome is what the pipeline selects: a draw of the candidates goes through fusion,
    reranking and maximal marginal relevance. What is not known is taken at its worst, so that the
    stated risk is rather too high: a chunk without a vector is like no other, and one that a slow
    reranker has not read makes another outcome where a draw puts it among those it reads.

    Parameters
    ----------
    risk : stop when the stated risk is below this.
    """

    def __init__(self, search: LiveSearch, *, risk: float) -> None:
        self._search = search
        self._layout = search.layout
        self._risk = risk
        self._reads = np.full(len(self._layout.places), np.nan)
        self._rows = self._judged_rows()
        self._previews = self._preview_scores()

    def risks(self) -> Iterator[float]:
        """The stated risk after each batch; the last one is that of a settled outcome.

        Raises
        ------
        Whatever the search's `check` raises, before a batch that is no longer wanted.
        """
        while len(compared := self._compared()):
            self._embed(self._layout.batch(compared, _TOKENS_AT_A_TIME))
        first = self._rows[self._first_order()]
        for _ in range(_FIRST_BATCHES):
            first = first[~self._layout.known[first]]
            self._embed(self._layout.batch(first, _TOKENS_AT_A_TIME))
        while len(waiting := self._rows[~self._known]):
            risk, weights = self._judged()
            yield risk
            if risk < self._risk:
                return
            order = waiting[np.argsort(-weights[~self._known], kind="stable")]
            self._embed(self._layout.batch(order, _TOKENS_AT_A_TIME))
        yield 0.0

    @property
    def _known(self) -> NDArray[np.bool_]:
        return self._layout.known[self._rows]

    def _compared(self) -> Ints:
        """Rows that maximal marginal relevance compares whatever their dense score, not embedded.

        They are what BM25 found.
        """
        knobs = self._search.config.retrieval
        if knobs.mode == "dense" or knobs.mmr_lambda >= 1:
            return np.empty(0, np.int64)
        rows = self._search.bm25().rows
        return rows[~self._layout.known[rows]]

    def _judged_rows(self) -> Ints:
        """Rows whose dense score may decide."""
        if self._search.vector is None:
            return np.empty(0, np.int64)
        return np.flatnonzero(self._search.searched)

    def _preview_scores(self) -> Floats:
        if self._search.vector is None:
            return np.empty(0)
        late = self._layout.space.snapshot.vectors[self._rows]
        return (late @ self._search.vector).astype(np.float64)

    def _first_order(self) -> Ints:
        """Positions in the order of the preview; in hybrid mode what BM25 found comes first."""
        hope = hopes(self._previews, self._layout.spreads[self._rows])
        if self._search.config.retrieval.mode == "hybrid":
            hope[np.isin(self._rows, self._search.bm25().rows)] += 2.0
        return np.argsort(-hope, kind="stable")

    def _embed(self, rows: Ints) -> None:
        new = rows[~self._layout.known[rows]]
        if len(new):
            self._search.check()
            with self._search.spent("embed"):
                self._layout.embed(new, self._search.encoder)

    def _judged(self) -> tuple[float, Floats]:
        """The stated risk, and how much embedding each row may tell."""
        knobs = self._search.config.retrieval
        expected, exact = self._expected()
        waiting = ~self._known
        plain = self._search.reranker is None and knobs.mmr_lambda >= 1
        if plain and knobs.mode == "dense" and knobs.filter_mode == "pre":
            bar = max(_nth(exact.scores, knobs.k), knobs.min_score)
            chances = expected.chances_above(bar)
            return risk_of_newcomers(chances[waiting]), chances
        places = Candidates(np.searchsorted(self._rows, exact.rows), exact.scores)
        last = _nth(exact.scores, knobs.candidate_depth)
        weights = _FAINT * expected.chances_above(last)
        drawn = Drawing(places, expected, np.flatnonzero(waiting), depth=knobs.candidate_depth)
        return drawn.risk(lambda now, then: self._n_changed(now, then, weights)), weights

    def _expected(self) -> tuple[Forecast, Candidates]:
        """The forecast of all rows, and the embedded ones by exact score."""
        known = np.flatnonzero(self._known)
        exact = self._search.exact_scores(self._rows[known])
        near = np.argsort(-self._previews[known], kind="stable")[:_LEARNT_FROM]
        spreads = self._layout.spreads[self._rows]
        expected = forecast(self._previews, spreads, known[near], exact[near])
        return expected, best_first(self._rows[known], exact)

    def _n_changed(self, now: Candidates, then: Sequence[Candidates], weights: Floats) -> int:
        """In how many draws the outcome is another; adds to the weights of rows that make it so."""
        drawn = [
            self._search.merged(Candidates(self._rows[some.rows], some.scores))
            for some in (now, *then)
        ]
        self._read(drawn)
        outcome, n_changed = self._outcome(drawn[0]), 0
        for some, before in zip(then, drawn[1:], strict=True):
            other = self._outcome(before)
            if outcome is not None and other is not None and np.array_equal(outcome, other):
                continue
            n_changed += 1
            new = some.rows[~self._known[some.rows]]
            came = new if other is None else new[np.isin(self._rows[new], other)]
            came = came if len(came) else new
            weights[came] += 1 / len(came)
        return n_changed

    def _read(self, drawn: Sequence[Candidates]) -> None:
        """Let the reranker read what draws put before it: all, or what comes up most often."""
        reranker = self._search.reranker
        if reranker is None:
            return
        depth = self._search.config.rerank.depth
        rows, times = np.unique(
            np.concatenate([some.rows[:depth] for some in drawn]), return_counts=True
        )
        times[np.isin(rows, drawn[0].rows[:depth])] += len(drawn)
        new = np.isnan(self._reads[rows])
        rows = rows[new][np.argsort(-times[new], kind="stable")]
        if not reranker.quick:
            now = int(np.isin(rows, drawn[0].rows[:depth]).sum())
            rows = rows[: now + _READ_SLOWLY]
        chunks = self._layout.chunks.some(rows.tolist())
        self._reads[rows] = reranker.scores(self._search.query, chunks)

    def _outcome(self, before: Candidates) -> Ints | None:
        """The rows selected in the end; None where the reranker has not read what it would."""
        config = self._search.config
        if self._search.reranker is not None:
            read = self._reads[before.rows[: config.rerank.depth]]
            if np.isnan(read).any():
                return None
            before = reordered(
                before,
                read.tolist(),
                blend=config.rerank.blend,
                rank_constant=config.retrieval.rank_constant,
            )
        if config.retrieval.mmr_lambda >= 1:
            return before.top(config.retrieval.k).rows
        chosen = pick_diverse(
            before.scores,
            # Zeros where a chunk is not embedded: like no other, and so as likely picked as can be.
            self._layout.vectors[before.rows],
            k=config.retrieval.k,
            relevance_weight=config.retrieval.mmr_lambda,
        )
        return before.rows[chosen]


def _nth(scores: Floats, n: int) -> float:
    """The n-th of scores in falling order; minus infinity where there are fewer."""
    return float(scores[n - 1]) if len(scores) >= n else -np.inf
