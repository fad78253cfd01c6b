"""Flips of a yes/no measure between two configurations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.statistics.arrays import is_yes_no, scores


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarResult:
    """How many questions flipped each way, and how likely so lopsided a split is by chance."""

    n_gained: int
    n_lost: int
    p: float
    n: int
    n_undefined: int


def mcnemar_exact(baseline: npt.ArrayLike, candidate: npt.ArrayLike) -> McNemarResult:
    """Whether a yes/no measure flipped more often one way than the other (McNemar 1947).

    Exact and two-sided: under no difference each flip goes either way like a coin, so the smaller
    count is Binomial(flips, 1/2). Questions on which both agree say nothing. No flips: p is 1.

    Parameters
    ----------
    baseline, candidate : 0 or 1 per question, in the same order; NaN is undefined, left out in
        both and counted.

    Raises
    ------
    InvalidRecordError : the lengths differ or a score is neither 0 nor 1.

    Examples
    --------
    >>> result = mcnemar_exact([0] * 8 + [1] * 2, [1] * 8 + [1, 0])
    >>> result.n_gained, result.n_lost, round(result.p, 6)
    (8, 1, 0.039062)
    """
    before = scores(baseline, who="mcnemar_exact")
    after = scores(candidate, who="mcnemar_exact")
    if before.shape != after.shape:
        raise InvalidRecordError(
            f"mcnemar_exact needs both columns over the same questions; got {before.size} "
            f"and {after.size}."
        )
    if not (is_yes_no(before) and is_yes_no(after)):
        raise InvalidRecordError(
            "mcnemar_exact needs scores of 0 or 1; for graded ones use sign_flip_test."
        )
    change = after - before
    n_gained, n_lost = int((change == 1).sum()), int((change == -1).sum())
    smaller, flips = min(n_gained, n_lost), n_gained + n_lost
    # Doubling the tail counts the middle twice when the flips split evenly.
    p = min(1.0, 2.0 * float(special.bdtr(smaller, flips, 0.5)))
    n = int((~np.isnan(change)).sum())
    return McNemarResult(n_gained=n_gained, n_lost=n_lost, p=p, n=n, n_undefined=change.size - n)
