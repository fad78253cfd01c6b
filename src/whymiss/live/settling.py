"""When a ranking is settled: the stated risk that chunks not yet embedded change it.

The order among embedded chunks is exact, so only a chunk that is not embedded can make the final
first k wrong. How likely that is follows from the forecast of their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.candidates import Candidates, best_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.residuals import Floats, Forecast


_DRAWS: Final = (50, 200)
_HIGH: Final = 0.1
_NEGLIGIBLE: Final = 1e-6
"""A chunk with less chance than this to be among the candidates is not drawn."""


def risk_of_newcomers(chances: Floats) -> float:
    """Probability that at least one chunk comes in, each with its own chance.

    >>> round(risk_of_newcomers(np.array([0.1, 0.2])), 3)
    0.28
    """
    sure = np.minimum(chances, 1 - 1e-12)
    return float(-np.expm1(np.log1p(-sure).sum()))


Changed = Callable[[Candidates, Sequence[Candidates]], int]
"""Says of candidates as they are and as they may be how many of the latter end otherwise."""


@dataclass(frozen=True)
class Drawing:
    """Candidates as they may be: scores of waiting chunks are drawn from their forecast.

    For rankings that depend on the ranks or scores of more than their own chunks: fusion, reranking
    and filters after the search. The draws are the same for the same input.

    embedded : every embedded chunk with its exact score, best first.
    waiting : rows that are not embedded.
    depth : how many candidates go on.
    """

    embedded: Candidates
    forecast: Forecast
    waiting: NDArray[np.int64]
    depth: int

    def risk(self, n_changed: Changed) -> float:
        """Probability of another outcome if all chunks were embedded.

        Share of draws with another one, counted as (changed + 0.5) / (draws + 1): 0 only where no
        chunk has a chance. Where a few draws say that it is high, there are no more.
        """
        now = self.embedded.top(self.depth)
        scores = self.embedded.scores
        last = float(scores[self.depth - 1]) if len(scores) >= self.depth else -np.inf
        chances = self.forecast.chances_above(last)[self.waiting]
        rows = self.waiting[chances > _NEGLIGIBLE]
        if not len(rows):
            return 0.0
        rng = np.random.default_rng(0)
        n_drawn, changed, risk = 0, 0, 1.0
        for n in _DRAWS:
            drawn = self.forecast.draws(rows, n, rng)
            changed += n_changed(now, [*self._drawn(now, rows, drawn, last)])
            n_drawn += n
            risk = (changed + 0.5) / (n_drawn + 1)
            if risk > _HIGH:
                break
        return risk

    def _drawn(
        self, now: Candidates, rows: NDArray[np.int64], drawn: Floats, last: float
    ) -> Iterator[Candidates]:
        """The candidates of those draws in which a waiting chunk is among them."""
        for scores in drawn:
            near = scores >= last
            if near.any():
                pool = np.concatenate([now.rows, rows[near]])
                values = np.concatenate([now.scores, scores[near]])
                yield best_first(pool, values, self.depth)
