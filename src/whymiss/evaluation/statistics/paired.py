"""Two configurations on the same questions: differences, their test and their interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.statistics.arrays import NOISE, Floats, check_share, defined, scores
from whymiss.evaluation.statistics.intervals import Interval, bootstrap_mean

MAX_SUMS: Final = 2**16
"""Up to so many distinct sums the sign-flip test is exact; beyond, it samples."""

_SLACK: Final = 1e-9
"""Sums closer than this, relative to the largest difference, are equal but for rounding."""

_BLOCK: Final = 2**22


def paired_differences(baseline: npt.ArrayLike, candidate: npt.ArrayLike) -> Floats:
    """Candidate minus baseline for every question; NaN where either is undefined.

    What differs by rounding only is an exact tie, so 0.1 + 0.2 does not win against 0.3.

    Raises
    ------
    InvalidRecordError : the lengths differ or a score is not a finite number.

    Examples
    --------
    >>> paired_differences([0.3, 1.0, 0.5], [0.1 + 0.2, 0.5, float("nan")]).tolist()
    [0.0, -0.5, nan]
    """
    before = scores(baseline, who="paired_differences")
    after = scores(candidate, who="paired_differences")
    if before.shape != after.shape:
        raise InvalidRecordError(
            f"paired_differences needs both columns over the same questions; got {before.size} "
            f"and {after.size}."
        )
    difference = after - before
    noise = NOISE * np.maximum(abs(before), abs(after))
    return np.where(abs(difference) <= noise, 0.0, difference)


def paired_bootstrap(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    method: Literal["bca", "percentile"] = "bca",
    n_resamples: int = 9_999,
    seed: int = 0,
) -> Interval:
    """Bootstrap interval of the mean difference; see `bootstrap_mean`.

    Where nearly all questions tie it is too short (a bootstrap never sees the loss that one win
    among a hundred ties leaves possible); `difference_interval` allows for that.

    Examples
    --------
    >>> dense, hybrid = [0.0, 0.5, 1.0, 0.5] * 10, [0.5, 0.5, 1.0, 1.0] * 10
    >>> print(paired_bootstrap(dense, hybrid))
    0.250 [0.175, 0.325]
    """
    return bootstrap_mean(
        paired_differences(baseline, candidate),
        confidence=confidence, method=method, n_resamples=n_resamples, seed=seed,
    )  # fmt: skip


def difference_interval(
    differences: npt.ArrayLike, *, confidence: float = 0.95, flip: float | None = None
) -> Interval:
    """Interval of the mean difference that stays honest where most questions tie.

    Student's t after adding one win and one loss of the usual size to the data. For a yes/no
    measure that is, up to t for z, the adjusted Wald interval of Bonett and Price (2012), which
    keeps its coverage when few questions flip; here it serves graded measures too.

    Parameters
    ----------
    differences : one per question; NaN is undefined, left out and counted.
    flip : the size of the added win and loss; when not given, the root mean square of the
        differences that are not zero.

    Returns
    -------
    Interval
        `estimate` is the plain mean; the ends lie around that mean drawn a little towards zero.
        Without low and high below two questions, or when all are zero and no flip is given.

    Raises
    ------
    ConfigError : the confidence is not between 0 and 1.
    InvalidRecordError : the differences are not one column of finite numbers.

    Examples
    --------
    >>> print(difference_interval([1.0] + [0.0] * 99))
    0.010 [-0.024, 0.044]
    """
    who = "difference_interval"
    check_share("confidence", confidence, who=who)
    kept, n_undefined = defined(differences, who=who)
    n = kept.size
    shared: dict[str, Any] = {
        "estimate": float(kept.mean()) if n else math.nan, "confidence": confidence,
        "method": "adjusted t", "n": n, "n_undefined": n_undefined,
    }  # fmt: skip
    size = flip_size(kept) if flip is None else flip
    if n < 2 or math.isnan(size):
        reason = f"{n} paired questions are too few" if n < 2 else f"all {n} questions tie"
        return Interval(low=math.nan, high=math.nan, undefined_because=reason, **shared)
    centre = kept.sum() / (n + 2)
    squares = (kept**2).sum() + 2 * size**2 - (n + 2) * centre**2
    # Divided so that without ties this is the textbook s^2 / n within O(1 / n^2).
    half = special.stdtrit(n - 1, 0.5 + confidence / 2) * math.sqrt(squares / (n * (n + 1)))
    return Interval(low=float(centre - half), high=float(centre + half), **shared)


def flip_size(differences: Floats) -> float:
    """The usual size of a change: root mean square of what is not zero; NaN when all are.

    >>> flip_size(np.array([0.0, -1.0, 1.0]))
    1.0
    """
    changed = differences[(differences != 0) & ~np.isnan(differences)]
    return float(np.sqrt((changed**2).mean())) if changed.size else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlipResult:
    """Outcome of a sign-flip test: `p`, and whether it is exact or sampled.

    `mean` is the mean difference over the `n` paired questions, `n_changed` of which differ.
    """

    mean: float
    p: float
    n: int
    n_changed: int
    n_undefined: int
    exact: bool
    _sizes: Floats = field(repr=False, compare=False)
    _tails: Floats = field(repr=False, compare=False)

    def nearest_to_zero(self, level: float) -> float:
        """The difference next to zero that the flips do not exclude at a level that excludes zero.

        They take the mean to scatter around the truth as it scatters around zero under flips.
        Zero itself when the test does not exclude it.

        >>> round(sign_flip_test([1.0] * 8 + [0.0] * 92).nearest_to_zero(0.05), 6)
        0.02
        """
        if math.isnan(self.p) or self.p > level:
            return 0.0
        usual = float(self._sizes[self._tails > level].max())
        return math.copysign(abs(self.mean) - usual, self.mean)


def sign_flip_test(
    differences: npt.ArrayLike, *, n_flips: int = 19_999, seed: int = 0
) -> SignFlipResult:
    """Whether the mean of paired differences is further from zero than chance explains.

    If neither configuration is better, each difference could as well have had the other sign
    (Fisher 1935). P is the share of all sign patterns whose mean is at least as far from zero;
    for yes/no measures it equals McNemar's exact test. Questions that tie change nothing.

    Parameters
    ----------
    differences : one per question; NaN is undefined, left out and counted.
    n_flips : patterns sampled when there are too many; p is then (b + 1) / (n_flips + 1), which
        is never zero and never too small (Phipson and Smyth 2010).

    Returns
    -------
    SignFlipResult
        Exact whenever the sums take at most 65,536 values: always up to 16 changed questions,
        and for measures in steps (0, 1/2, 1) with hundreds, by adding one size of difference at
        a time (Pagano and Tritchler 1983). `p` is NaN without a paired question.

    Raises
    ------
    ConfigError : fewer than 99 flips.
    InvalidRecordError : the differences are not one column of finite numbers.

    Examples
    --------
    >>> result = sign_flip_test([0.5, 0.5, 1.0, 0.5, 0.0, 0.0, 1.0, 0.5])
    >>> result.p, result.exact
    (0.03125, True)
    """
    if n_flips < 99:
        raise ConfigError(f"sign_flip_test needs at least 99 flips; got {n_flips}.")
    kept, n_undefined = defined(differences, who="sign_flip_test")
    # Only the sizes matter under flips; sorted, so that neither the order of the questions nor
    # which configuration is called the baseline can change a sampled p.
    changed = np.sort(abs(kept[kept != 0]))
    scale = float(changed[-1]) if changed.size else 1.0
    total = abs(math.fsum(kept / scale))
    distribution = _all_sums(changed / scale)
    exact = distribution is not None
    if distribution is None:
        distribution = _sampled_sums(changed / scale, total, n_flips, seed)
    sizes, tails = distribution
    p = float(tails[np.searchsorted(sizes, total - _SLACK)]) if kept.size else math.nan
    return SignFlipResult(
        mean=math.fsum(kept / scale) * scale / kept.size if kept.size else math.nan,
        p=p,
        n=kept.size,
        n_changed=changed.size,
        n_undefined=n_undefined,
        exact=exact,
        _sizes=sizes * (scale / max(kept.size, 1)),
        _tails=tails,
    )


def _all_sums(sizes: Floats) -> tuple[Floats, Floats] | None:
    """Every size a flipped sum can have, with the chance to reach it; None when too many."""
    values, counts = np.unique(np.round(sizes, 12), return_counts=True)
    sums, chances = np.zeros(1), np.ones(1)
    patterns, all_patterns = 1.0, float(np.prod(counts + 1.0))
    for value, count in zip(values, counts.tolist(), strict=True):
        if sums.size * (count + 1) > 16 * MAX_SUMS:
            return None
        steps = value * (count - 2 * np.arange(count + 1))
        sums = np.add.outer(sums, steps).ravel()
        chances = np.multiply.outer(chances, _coins(count)).ravel()
        # Sums that coincide are merged, which is what keeps measures in steps exact.
        keys = np.round(sums / _SLACK)
        _, first, same = np.unique(keys, return_index=True, return_inverse=True)
        merged: Floats = np.bincount(same, weights=chances).astype(np.float64)
        sums, chances = sums[first], merged
        patterns *= count + 1
        # Thousands of sums and no two alike: a measure without steps, not worth going on.
        hopeless = all_patterns > MAX_SUMS and sums.size == patterns > MAX_SUMS // 16
        if hopeless or sums.size > MAX_SUMS:
            return None
    return _tails(abs(sums), chances)


def _coins(n: int) -> Floats:
    """The chance of 0, 1, ... n heads."""
    heads = np.arange(n + 1)
    ways = special.gammaln(n + 1) - special.gammaln(heads + 1) - special.gammaln(n - heads + 1)
    chances: Floats = np.exp(ways - n * math.log(2))
    return chances


def _sampled_sums(sizes: Floats, observed: float, n_flips: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    n_bytes = -(-sizes.size // 8)
    padded = np.zeros(n_bytes * 8)
    padded[: sizes.size] = sizes
    # One random byte flips eight differences: look their sum up instead of adding it each time.
    signs = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    by_byte, columns = signs @ padded.reshape(n_bytes, 8).T, np.arange(n_bytes)
    sums = np.empty(n_flips + 1)
    sums[-1] = observed  # the pattern that was seen is one of them: the + 1 above and below
    rows = max(1, _BLOCK // n_bytes)
    for start in range(0, n_flips, rows):
        stop = min(start + rows, n_flips)
        packed = rng.integers(256, size=(stop - start, n_bytes), dtype=np.uint8)
        sums[start:stop] = by_byte[packed, columns].sum(axis=1)
    return _tails(abs(sums), np.ones(sums.size))


def _tails(sizes: Floats, chances: Floats) -> tuple[Floats, Floats]:
    """Sizes, smallest first, with the chance of at least that size; chances in any unit."""
    order = np.argsort(sizes)
    tails = np.cumsum(chances[order][::-1])[::-1]
    return sizes[order], tails / tails[0]
