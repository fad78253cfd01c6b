"""How far a mean or a rate can be trusted: intervals over questions.

An interval that cannot be honest (too few questions, all values equal) is NaN and says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.statistics.arrays import Floats, check_share, defined, is_yes_no, scores

MIN_BOOTSTRAP: Final = 8
"""Fewer values are not resampled: their bootstrap intervals are known to be far too short."""

_RESAMPLES_SHOWN: Final = 2_999
"""Enough for an interval that is read, and a table of hundreds of them stays quick."""

_BLOCK: Final = 2**22
"""Draws made at a time, so that memory stays flat however many questions there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with the range it may be off by; `low` and `high` are NaN exactly when a reason
    is given.

    `n` counts the values used, `n_undefined` those left out because they were NaN.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    method: str
    n: int
    n_undefined: int = 0
    undefined_because: str = ""

    def __post_init__(self) -> None:
        gaps = {math.isnan(self.low), math.isnan(self.high), bool(self.undefined_because)}
        if len(gaps) > 1:
            raise InvalidRecordError(
                f"Interval: low and high are NaN exactly when a reason is given; got "
                f"{self.low}, {self.high} with reason {self.undefined_because!r}."
            )

    def __str__(self) -> str:
        if self.undefined_because:
            return f"{self.estimate:.3f} (no interval: {self.undefined_because})"
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(n_yes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Interval of a rate by the score method (Wilson 1927): honest near 0 and 1 and for small n.

    Raises
    ------
    ConfigError : the confidence is not between 0 and 1.
    InvalidRecordError : the counts do not satisfy 0 <= n_yes <= n.

    Examples
    --------
    >>> print(wilson(9, 10), wilson(0, 10))
    0.900 [0.596, 0.982] 0.000 [0.000, 0.278]
    """
    check_share("confidence", confidence, who="wilson")
    if not 0 <= n_yes <= n:
        raise InvalidRecordError(f"wilson needs 0 <= n_yes <= n; got {n_yes} of {n}.")
    shared: dict[str, Any] = {"confidence": confidence, "method": "Wilson", "n": n}
    if n == 0:
        return _no_interval(math.nan, "no question has a value", shared)
    z = float(special.ndtri(0.5 + confidence / 2))
    rate, spread = n_yes / n, z * z / n
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / n + spread / (4 * n))
    # The ends are exactly 0 and 1 there, but rounding can miss them.
    low = 0.0 if n_yes == 0 else centre - half
    high = 1.0 if n_yes == n else centre + half
    return Interval(estimate=rate, low=low, high=high, **shared)


def bootstrap_mean(
    values: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    method: Literal["bca", "percentile"] = "bca",
    n_resamples: int = 9_999,
    seed: int = 0,
) -> Interval:
    """Interval of a mean over questions by resampling the questions.

    Fed with differences between two configurations, it is the paired bootstrap. The result
    depends on the values and the seed, not on the order of the questions.

    Parameters
    ----------
    values : one per question; NaN is undefined, left out and counted.
    method : "percentile", or "bca", which corrects it for bias and skew (Efron 1987).

    Returns
    -------
    Interval
        Without low and high when there are fewer than 8 values, or all are equal: resampling
        them can only return what was seen, and would claim certainty.

    Raises
    ------
    ConfigError : the confidence, method or number of resamples is out of range.
    InvalidRecordError : the values are not one column of finite numbers.

    Examples
    --------
    >>> print(bootstrap_mean([0.0] * 20 + [0.5] * 20 + [1.0] * 60))
    0.700 [0.615, 0.770]
    >>> print(bootstrap_mean([1.0] * 50))
    1.000 (no interval: all 50 values equal 1, so resampling shows no spread)
    """
    check_share("confidence", confidence, who="bootstrap_mean")
    if method not in ("bca", "percentile") or n_resamples < 100:
        raise ConfigError(
            'bootstrap_mean needs method "bca" or "percentile" and at least 100 resamples; '
            f"got {method!r} and {n_resamples}."
        )
    kept, n_undefined = defined(values, who="bootstrap_mean")
    shared: dict[str, Any] = {
        "confidence": confidence, "method": f"{method} bootstrap",
        "n": kept.size, "n_undefined": n_undefined,
    }  # fmt: skip
    estimate = float(kept.mean()) if kept.size else math.nan
    if reason := _why_not(kept):
        return _no_interval(estimate, reason, shared)
    means = _resampled_means(kept, n_resamples, seed)
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "bca":
        tails = _bca_tails(kept, means, tails)
    low, high = np.quantile(means, tails)
    return Interval(estimate=estimate, low=float(low), high=float(high), **shared)


def cluster_bootstrap_mean(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    n_resamples: int = 9_999,
    seed: int = 0,
) -> Interval:
    """Interval of a mean over questions that come in groups: whole groups are resampled.

    Questions about one document succeed and fail together; resampled one by one they would count
    as more evidence than they are. Percentile interval (Davison and Hinkley 1997, section 3.8).

    Parameters
    ----------
    clusters : the group of each value, such as the document it asks about.

    Returns
    -------
    Interval
        `n` counts questions. Without low and high when there are fewer than 8 groups.

    Raises
    ------
    ConfigError : the confidence is not between 0 and 1.
    InvalidRecordError : there is not one group per value, or a value is not a finite number.

    Examples
    --------
    >>> values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 5
    >>> documents = [f"doc {i // 3}" for i in range(30)]
    >>> print(bootstrap_mean(values), cluster_bootstrap_mean(values, documents))
    0.500 [0.333, 0.667] 0.500 [0.200, 0.800]
    """
    who = "cluster_bootstrap_mean"
    check_share("confidence", confidence, who=who)
    given, groups = scores(values, who=who), np.asarray(clusters)
    if groups.shape != given.shape:
        raise InvalidRecordError(
            f"{who} needs one group per value; got {groups.size} for {given.size}."
        )
    known = ~np.isnan(given)
    names, codes = np.unique(groups[known], return_inverse=True)
    sizes = np.bincount(codes, minlength=names.size).astype(np.float64)
    sums = np.bincount(codes, weights=given[known], minlength=names.size)
    shared: dict[str, Any] = {
        "confidence": confidence, "method": "cluster bootstrap",
        "n": int(known.sum()), "n_undefined": int((~known).sum()),
    }  # fmt: skip
    estimate = float(sums.sum() / sizes.sum()) if names.size else math.nan
    if names.size < MIN_BOOTSTRAP:
        reason = f"{names.size} groups are too few to resample; {MIN_BOOTSTRAP} are needed"
        return _no_interval(estimate, reason, shared)
    if np.ptp(given[known]) == 0:
        return _no_interval(estimate, _why_not(given[known]), shared)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=n_resamples)
    means = (counts @ sums) / (counts @ sizes)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate=estimate, low=float(low), high=float(high), **shared)


def mean_interval(values: npt.ArrayLike, *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """The interval to print beside an aggregate: Wilson for yes/no scores, else BCa bootstrap.

    Examples
    --------
    >>> mean_interval([1, 1, 0, 1, float("nan")]).method, mean_interval([0.2, 0.9] * 9).method
    ('Wilson', 'bca bootstrap')
    """
    kept, n_undefined = defined(values, who="mean_interval")
    if kept.size == 0 or not is_yes_no(kept):
        return bootstrap_mean(
            values, confidence=confidence, n_resamples=_RESAMPLES_SHOWN, seed=seed
        )
    rate = wilson(int(kept.sum()), kept.size, confidence=confidence)
    return Interval(
        estimate=rate.estimate, low=rate.low, high=rate.high, confidence=confidence,
        method=rate.method, n=rate.n, n_undefined=n_undefined,
    )  # fmt: skip


def unseen_rate(n: int, *, level: float) -> float:
    """The largest rate of an event that n questions without one still allow at this level.

    Solves (1 - rate)^n = level; for level 0.05 about 3 / n, the rule of three (Hanley and
    Lippman-Hand 1983).

    >>> round(unseen_rate(100, level=0.05), 4)
    0.0295
    """
    return 1.0 - math.exp(math.log(level) / n)


def _why_not(kept: Floats) -> str:
    if kept.size == 0:
        return "no question has a value"
    if np.ptp(kept) == 0:
        return f"all {kept.size} values equal {kept[0]:g}, so resampling shows no spread"
    if kept.size < MIN_BOOTSTRAP:
        return f"{kept.size} values are too few to resample; {MIN_BOOTSTRAP} are needed"
    return ""


def _no_interval(estimate: float, reason: str, shared: dict[str, Any]) -> Interval:
    return Interval(
        estimate=estimate, low=math.nan, high=math.nan, undefined_because=reason, **shared
    )


def _resampled_means(values: Floats, n_resamples: int, seed: int) -> Floats:
    # The values in order, so that the result does not depend on the order of the questions.
    ordered = np.sort(values)
    if values.size * n_resamples <= _BLOCK:
        means: Floats = _times_drawn(values.size, n_resamples, seed) @ ordered / values.size
        return means
    rng = np.random.default_rng(seed)
    means = np.empty(n_resamples)
    rows = max(1, _BLOCK // values.size)
    for start in range(0, n_resamples, rows):
        stop = min(start + rows, n_resamples)
        drawn = rng.integers(values.size, size=(stop - start, values.size), dtype=np.int32)
        means[start:stop] = ordered[drawn].mean(axis=1)
    return means


@lru_cache(maxsize=2)
def _times_drawn(n: int, n_resamples: int, seed: int) -> Floats:
    """How often each of n values is drawn in each resample: the same for every measure."""
    drawn = np.random.default_rng(seed).integers(n, size=(n_resamples, n), dtype=np.int32)
    drawn += np.arange(n_resamples, dtype=np.int32)[:, None] * np.int32(n)
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    times: Floats = counts.reshape(n_resamples, n).astype(np.float64)
    return times


def _bca_tails(values: Floats, means: Floats, tails: Floats) -> Floats:
    """The quantiles to read instead of the plain tails (Efron 1987, with ties split in half)."""
    estimate = values.mean()
    below = (means < estimate - 1e-12).mean() + 0.5 * (abs(means - estimate) <= 1e-12).mean()
    if not 0.0 < below < 1.0:
        return tails
    bias = special.ndtri(below)
    deviations = values - estimate
    # For a mean the jackknife acceleration is the skewness of the values over 6 sqrt(n).
    skew = (deviations**3).sum() / (6.0 * (deviations**2).sum() ** 1.5)
    shifted = bias + special.ndtri(tails)
    corrected: Floats = special.ndtr(bias + shifted / (1.0 - skew * shifted))
    return corrected
