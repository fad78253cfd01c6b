"""One score per question as an array: NaN means undefined, and is counted, never averaged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whymiss.errors import ConfigError, InvalidRecordError

Floats = npt.NDArray[np.float64]

NOISE = 1e-12
"""Two scores closer than this, relative to the larger, differ by rounding only (0.3, 0.1 + 0.2)."""


def scores(values: npt.ArrayLike, *, who: str) -> Floats:
    """Scores as a flat float array; None becomes NaN.

    Raises
    ------
    InvalidRecordError : a score is not a number, is infinite, or they do not form one column.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidRecordError(f"{who} needs one number per question; {error}.") from error
    if array.ndim != 1:
        raise InvalidRecordError(
            f"{who} needs one column of scores; got an array of {array.ndim} dimensions."
        )
    if np.isinf(array).any():
        raise InvalidRecordError(
            f"{who} got an infinite score at position {int(np.isinf(array).argmax())}; "
            "write an undefined score as NaN."
        )
    return array


def defined(values: npt.ArrayLike, *, who: str) -> tuple[Floats, int]:
    """The scores that are defined, smallest first, and how many are not.

    Sorting makes every seeded result independent of the order of the questions.
    """
    array = scores(values, who=who)
    kept = np.sort(array[~np.isnan(array)])
    return kept, array.size - kept.size


def is_yes_no(values: Floats) -> bool:
    """Whether every defined score is 0 or 1."""
    return bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())


def check_share(name: str, value: float, *, who: str) -> None:
    """Refuse a probability that is not strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ConfigError(f"{who} needs {name} strictly between 0 and 1; got {value}.")
