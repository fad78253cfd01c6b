"""Many comparisons at once: the more there are, the more differ by luck."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.statistics.arrays import Floats, check_share


def holm(p_values: npt.ArrayLike) -> Floats:
    """P-values adjusted so that one false alarm among all of them is as rare as alpha (Holm 1979).

    Valid however the tests depend on each other; never less powerful than Bonferroni. NaN is a
    test that could not be made: it stays NaN and does not count.

    Raises
    ------
    InvalidRecordError : a value is outside 0..1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    given = _p_values(p_values, who="holm")
    order, steps = _steps(given)
    adjusted = np.full(given.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * steps), 1.0)
    return adjusted


def holm_levels(p_values: npt.ArrayLike, *, alpha: float = 0.05) -> Floats:
    """The level at which Holm's procedure judged each p-value: alpha / m for the smallest of m.

    Once a step fails, all later ones are kept undecided at the level of that step. An interval of
    confidence 1 - level therefore excludes zero exactly where Holm finds a difference.

    Raises
    ------
    InvalidRecordError : a value is outside 0..1.
    ConfigError : alpha is not between 0 and 1.

    Examples
    --------
    >>> holm_levels([0.01, 0.04, 0.03]).round(6).tolist()
    [0.016667, 0.025, 0.025]
    """
    check_share("alpha", alpha, who="holm_levels")
    given = _p_values(p_values, who="holm_levels")
    order, steps = _steps(given)
    failed = np.maximum.accumulate(given[order] * steps) > alpha
    if failed.any():
        steps[failed.argmax() :] = steps[failed.argmax()]
    levels = np.full(given.shape, np.nan)
    levels[order] = alpha / steps
    return levels


def _p_values(p_values: npt.ArrayLike, *, who: str) -> Floats:
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1 or ((given < 0) | (given > 1)).any():
        raise InvalidRecordError(f"{who} needs a list of p-values in 0..1; got {p_values!r}.")
    return given


def _steps(given: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """The order of the defined p-values, and m, m - 1, ... 1 along it."""
    defined = np.flatnonzero(~np.isnan(given))
    order = defined[np.argsort(given[defined], kind="stable")]
    return order, np.arange(order.size, 0, -1, dtype=np.float64)
