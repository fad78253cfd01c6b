"""When a ranking is settled: the stated risk that chunks not yet embedded change it.

The order among embedded chunks is exact, so only a chunk that is not embedded can make the first k
wrong. How likely that is follows from the forecast of their scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.candidates import Candidates, best_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.residuals import Floats, Forecast


_DRAWS: Final = 250
_NEGLIGIBLE: Final = 1e-6
"""A chunk with less chance than this to be among the candidates is not drawn."""


def risk_of_newcomers(chances: Floats) -> float:
    """Probability that at least one chunk comes in, each with its own chance.

    >>> round(risk_of_newcomers(np.array([0.1, 0.2])), 3)
    0.28
    """
    sure = np.minimum(chances, 1 - 1e-12)
    return float(-np.expm1(np.log1p(-sure).sum()))


def risk_by_drawing(
    embedded: Candidates,
    forecast: Forecast,
    waiting: NDArray[np.int64],
    *,
    depth: int,
    final: Callable[[Candidates], Candidates],
) -> float:
    """Probability that the final ranking would be another if all chunks were embedded.

    For rankings that depend on the ranks or scores of more than their own chunks (fusion, filters
    after the search): scores of the waiting chunks are drawn from the forecast, and what becomes of
    the candidates is looked at. The draws are the same for the same input.

    Parameters
    ----------
    embedded : every embedded chunk with its exact score, best first.
    waiting : rows that are not embedded.
    depth : how many candidates go on.
    final : what the stages behind the search make of the candidates.

    Returns
    -------
    float
        Share of draws with another ranking, counted as (changed + 0.5) / (draws + 1): never 0.
    """
    last = embedded.scores[depth - 1] if len(embedded.scores) >= depth else -np.inf
    rows = waiting[forecast.chances_above(float(last))[waiting] > _NEGLIGIBLE]
    if not len(rows):
        return 0.0
    now = final(embedded.top(depth)).rows
    changed = 0
    for scores in forecast.draws(rows, _DRAWS, np.random.default_rng(0)):
        near = scores >= last
        if near.any():
            pool = np.concatenate([embedded.rows[:depth], rows[near]])
            values = np.concatenate([embedded.scores[:depth], scores[near]])
            then = final(best_first(pool, values, depth)).rows
            changed += not np.array_equal(now, then)
    return (changed + 0.5) / (_DRAWS + 1)
