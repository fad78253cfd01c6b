"""Honest statistics over questions: intervals, paired tests, many comparisons, power.

Everything here is a pure function of its values and a seed. Undefined scores (NaN) are left out
pair by pair and counted, never averaged.
"""

from __future__ import annotations

from whymiss.evaluation.statistics.compare import Comparison, compare
from whymiss.evaluation.statistics.intervals import (
    Interval,
    bootstrap_mean,
    cluster_bootstrap_mean,
    mean_interval,
    wilson,
)
from whymiss.evaluation.statistics.mcnemar import McNemarResult, mcnemar_exact
from whymiss.evaluation.statistics.multiple import holm, holm_levels
from whymiss.evaluation.statistics.paired import (
    SignFlipResult,
    difference_interval,
    paired_bootstrap,
    paired_differences,
    sign_flip_test,
)
from whymiss.evaluation.statistics.power import minimum_detectable_difference

__all__ = [
    "Comparison",
    "Interval",
    "McNemarResult",
    "SignFlipResult",
    "bootstrap_mean",
    "cluster_bootstrap_mean",
    "compare",
    "difference_interval",
    "holm",
    "holm_levels",
    "mcnemar_exact",
    "mean_interval",
    "minimum_detectable_difference",
    "paired_bootstrap",
    "paired_differences",
    "sign_flip_test",
    "wilson",
]
