"""What a question set can see: the smallest difference it would find most of the time."""

from __future__ import annotations

import math

from scipy import special

from whymiss.errors import ConfigError
from whymiss.evaluation.statistics.arrays import check_share


def minimum_detectable_difference(
    sd: float, n: int, *, alpha: float = 0.05, power: float = 0.8, flip: float = 0.0
) -> float:
    """The true difference that a two-sided paired test over n questions finds with this power.

    M * sd / sqrt(n), with M = t(1 - alpha/2) + t(power) on n - 1 degrees of freedom, about 2.8
    (Bloom 1995). With `flip`, the D that solves D = M * sqrt((sd^2 + flip * D) / n).

    Parameters
    ----------
    sd : standard deviation of the differences, question by question.
    flip : by how much one question changes when it changes: 1 for a yes/no measure. A difference
        D then arrives as D / flip of the questions changing, and brings a variance of up to
        flip * D that `sd` has not seen. Where most questions tie that is nearly all of it:
        without it, four flips among a hundred would be called detectable. 0 ignores it.

    Returns
    -------
    float
        In the unit of the measure; NaN below two questions or for an undefined sd.

    Raises
    ------
    ConfigError : alpha or power is not between 0 and 1, or sd or flip is negative.

    Examples
    --------
    >>> round(minimum_detectable_difference(0.3, 100), 3)
    0.085
    >>> round(minimum_detectable_difference(0.1, 100, flip=1.0), 3)
    0.089
    """
    who = "minimum_detectable_difference"
    check_share("alpha", alpha, who=who)
    check_share("power", power, who=who)
    if sd < 0 or flip < 0:
        raise ConfigError(f"{who} needs sd and flip of at least 0; got {sd} and {flip}.")
    if n < 2 or math.isnan(sd) or math.isnan(flip):
        return math.nan
    freedom = n - 1
    multiplier = float(special.stdtrit(freedom, 1 - alpha / 2) + special.stdtrit(freedom, power))
    per_question = multiplier**2 / n
    brought = per_question * flip
    return (brought + math.sqrt(brought**2 + 4 * per_question * sd**2)) / 2


def changes_needed(level: float) -> int:
    """How many questions must change, all one way, before an exact test can reject at a level.

    The least p that k changes can give is 2 / 2^k.

    >>> changes_needed(0.05), changes_needed(0.005)
    (6, 9)
    """
    return math.ceil(1 - math.log2(level))
