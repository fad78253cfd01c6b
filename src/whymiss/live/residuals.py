"""How far a chunk's exact score may lie from its preview: learned from those that are known.

Everything is about one question. The preview score of a chunk is the cosine with its late-chunking
vector, the exact score the cosine with its own; their difference is the *residual*. It is modelled
as a straight line over the preview score plus noise, by Bayesian regression with a conjugate
(normal inverse gamma) prior, so that a handful of known chunks is enough and the uncertainty of the
line itself is part of the forecast: Student's t. Large residuals are more frequent than that, so
one in twenty is taken to be drawn from a distribution half as wide again (Tukey 1960, "A survey of
sampling from contaminated distributions").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import stdtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WILD_SHARE: Final = 0.05
_WILD_WIDTH: Final = 1.5
_NEAR: Final = 0.3
"""Noise grows with the preview score: what has nothing to do with the question stays that way."""
_TYPICAL: Final = 0.2
"""Standard deviation of a residual for spread 1 and `near` + preview 1, before any is known."""
_PRIOR_DOF: Final = 4.0
_LINE: Final = np.array([0.3, 0.3])
"""Standard deviations of the line's offset and slope before any residual is known, in noise."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of the exact score of each chunk, in chunk order.

    centers, scales : of a contaminated Student t with `dof` degrees of freedom.
    """

    centers: Floats
    scales: Floats
    dof: float

    def chances_above(self, threshold: float) -> Floats:
        """Probability of each exact score to lie above the threshold.

        >>> forecast = Forecast(np.array([0.2, 0.5]), np.array([0.1, 0.1]), 30.0)
        >>> forecast.chances_above(0.5).round(3).tolist()
        [0.004, 0.5]
        """
        z = (self.centers - threshold) / self.scales
        plain, wild = stdtr(self.dof, z), stdtr(self.dof, z / _WILD_WIDTH)
        chances: Floats = (1 - _WILD_SHARE) * plain + _WILD_SHARE * wild
        return chances

    def draws(self, rows: NDArray[np.int64], n: int, rng: np.random.Generator) -> Floats:
        """Exact scores that may be, shape (n, len(rows))."""
        noise = rng.standard_t(self.dof, size=(n, len(rows)))
        wild = rng.random(size=noise.shape) < _WILD_SHARE
        found: Floats = self.centers[rows] + self.scales[rows] * np.where(
            wild, noise * _WILD_WIDTH, noise
        )
        return found


def forecast(
    previews: Floats, spreads: Floats, known: NDArray[np.int64], exact: Floats
) -> Forecast:
    """Forecast the exact scores of all chunks from the residuals of the known ones.

    Parameters
    ----------
    previews : preview score of every chunk.
    spreads : how wide each chunk's residual is beside the others'; see `Layout.spreads`.
    known : positions of the chunks whose exact score is known; none is allowed.
    exact : their exact scores.

    Examples
    --------
    >>> previews, spreads = np.array([0.6, 0.5, 0.4]), np.ones(3)
    >>> nothing = forecast(previews, spreads, np.array([], dtype=int), np.array([]))
    >>> nothing.centers.tolist(), nothing.dof
    ([0.6, 0.5, 0.4], 4.0)
    >>> lower = forecast(previews, spreads, np.array([0, 1]), np.array([0.4, 0.3]))
    >>> bool(lower.centers[2] < 0.4), lower.dof
    (True, 6.0)
    """
    line = np.stack([np.ones_like(previews), previews], axis=1)
    noise = spreads * (_NEAR + np.clip(previews, 0.0, 1.0))
    seen, residuals = line[known] / noise[known, None], (exact - previews[known]) / noise[known]
    precision = np.diag((1 / _LINE) ** 2) + seen.T @ seen
    coefficients = np.linalg.solve(precision, seen.T @ residuals)
    explained = coefficients @ precision @ coefficients
    dof = _PRIOR_DOF + len(known)
    variance = (_PRIOR_DOF * _TYPICAL**2 + residuals @ residuals - explained) / dof
    own = np.einsum("ij,jk,ik->i", line, np.linalg.inv(precision), line)
    return Forecast(previews + line @ coefficients, np.sqrt(variance * (noise**2 + own)), dof)


def hopes(previews: Floats, spreads: Floats) -> Floats:
    """Preview score plus one standard deviation: what to look at first, while nothing is known."""
    hoped: Floats = previews + _TYPICAL * spreads * (_NEAR + np.clip(previews, 0.0, 1.0))
    return hoped
