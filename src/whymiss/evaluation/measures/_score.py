"""How every measure builds its score: a number, or NaN with its reason."""

from __future__ import annotations

import math

from whymiss.errors import ConfigError
from whymiss.evaluation.judgement import Judgement, check_cutoff
from whymiss.records import Score


def undefined(measure: str, reason: str) -> Score:
    """A score that does not exist, and why."""
    return Score(measure=measure, value=math.nan, undefined_because=reason)


def at(measure: str, k: int | None) -> str:
    """The literature's name of a measure with its cutoff.

    Raises
    ------
    ConfigError : the cutoff is below 1.

    >>> at("recall", 5), at("mrr", None)
    ('recall@5', 'mrr')
    """
    check_cutoff(k)
    return measure if k is None else f"{measure}@{k}"


def name(measure: str, judgement: Judgement, k: int | None) -> str:
    """The name with its cutoff, with "doc_" before it where documents were judged."""
    return at(measure if judgement.unit == "span" else f"doc_{measure}", k)


def need_share(who: str, value: float) -> None:
    """Refuse a threshold that is not a share.

    Raises
    ------
    ConfigError : it lies outside 0 to 1.
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{who} must lie between 0 and 1; got {value}.")
