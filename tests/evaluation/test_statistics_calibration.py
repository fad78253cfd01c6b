"""The statistics keep their word: false alarms, power and coverage on simulated comparisons.

One call of `compare` judges many simulated comparisons at once: with a single other config every
measure is a family of its own, so each column is an independent experiment.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from whymiss.evaluation.statistics import compare, minimum_detectable_difference

Floats = npt.NDArray[np.float64]
SIZES = (60, 100, 140, 200)


def recalls(
    rng: np.random.Generator, n_experiments: int, n: int, *, agree: float, n_configs: int = 2
) -> tuple[list[Floats], Floats]:
    """Recall of equally good configs, and the number of gold spans of each question.

    One to four spans per question, mostly one; skewed towards success; each span shares its fate
    over configs with chance `agree`, which is what makes most questions tie.
    """
    shape = (n_experiments, n)
    spans = rng.choice([1.0, 2.0, 3.0, 4.0], p=[0.7, 0.15, 0.1, 0.05], size=shape)
    ease = rng.beta(4, 1.5, size=shape)
    found = [np.zeros(shape) for _ in range(n_configs)]
    for i in range(4):
        shared = rng.random(shape) < ease
        for one in found:
            own = rng.random(shape) < ease
            one += (i < spans) * np.where(rng.random(shape) < agree, shared, own)
    return [one / spans for one in found], spans


def improved(
    rng: np.random.Generator, scores: Floats, spans: Floats, gain: Floats
) -> tuple[Floats, Floats]:
    """Scores raised by finding missed spans, so that the mean rises by about `gain`.

    Also returned: the rise that was aimed at, in truth and not in this sample.
    """
    missed = np.rint((1 - scores) * spans).astype(np.int64)
    share = np.clip(gain / (1 - scores.mean()), 0, 1)
    return scores + rng.binomial(missed, share[:, None]) / spans, share * (1 - scores.mean())


def judged(configs: Mapping[str, Floats]) -> pd.DataFrame:
    """The table of many simulated experiments; the first config is the baseline."""
    n_experiments, n = next(iter(configs.values())).shape
    names = [f"x{i}" for i in range(n_experiments)]
    frames = {
        name: pd.DataFrame(scores.T, columns=names).assign(query_id=np.arange(n))
        for name, scores in configs.items()
    }
    return compare(frames, baseline=next(iter(configs)), measures=names).table


@functools.cache
def no_difference() -> pd.DataFrame:
    """1,000 comparisons of equally good configs; `agree` and `n_questions` say which kind."""
    rng = np.random.default_rng(20)
    tables = []
    for n in SIZES:
        for agree in (0.5, 0.85):
            (a, b), _ = recalls(rng, 125, n, agree=agree)
            tables.append(judged({"a": a, "b": b}).assign(agree=agree, n_questions=n))
    return pd.concat(tables, ignore_index=True)


def test_at_most_6_percent_of_1000_equal_pairs_are_called_different() -> None:
    table = no_difference()
    assert len(table) == 1000
    called = (table["verdict"] != "undecided").mean()
    assert 0.01 <= called <= 0.06  # a test that never speaks is not calibrated either
    assert (table["ties"] / table["n"]).mean() > 0.75


def test_a_difference_of_the_stated_size_is_found_in_at_least_75_percent() -> None:
    rng = np.random.default_rng(21)
    found, truths, intervals = [], [], []
    for (agree, n), rows in no_difference().groupby(["agree", "n_questions"]):
        (a, b), spans = recalls(rng, len(rows), int(n), agree=float(agree))
        b, truth = improved(rng, b, spans, rows["mde"].to_numpy())
        table = judged({"a": a, "b": b})
        share = (table["verdict"] == "better").mean()
        assert share >= 0.70, f"agree {agree}, n {n}"  # no kind far below the whole
        found.append(share)
        truths.append(truth)
        intervals.append(table[["low", "high"]].to_numpy())
    assert 0.75 <= np.mean(found) <= 0.97
    low, high = np.concatenate(intervals).T
    truth = np.concatenate(truths)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.93


def test_the_plain_formula_alone_would_promise_too_much_where_most_questions_tie() -> None:
    # Why `compare` states the size of a flip: s from tied data knows nothing of the flips to come.
    rng = np.random.default_rng(22)
    (a, b), spans = recalls(rng, 200, 100, agree=0.95)
    sds = (b - a).std(axis=1, ddof=1)
    plain = np.array([minimum_detectable_difference(float(sd), 100) for sd in sds])
    stated = judged({"a": a, "b": b})["mde"].to_numpy()
    (a, b), spans = recalls(rng, 200, 100, agree=0.95)
    shares = [
        (judged({"a": a, "b": improved(rng, b, spans, gain)[0]})["verdict"] == "better").mean()
        for gain in (plain, stated)
    ]
    assert shares[0] < 0.5
    assert shares[1] >= 0.75


def test_with_ten_equal_configs_a_false_alarm_in_any_is_as_rare_as_in_one() -> None:
    rng = np.random.default_rng(23)
    n_families, wrong = 0, 0
    for n, agree in ((80, 0.5), (150, 0.8)):
        scores, _ = recalls(rng, 150, n, agree=agree, n_configs=11)
        table = judged({f"c{i}": one for i, one in enumerate(scores)})
        differs = table["verdict"] != "undecided"
        n_families += table["measure"].nunique()
        wrong += table.loc[differs, "measure"].nunique()
        holds_zero = (table["low"] <= 0) & (table["high"] >= 0)
        assert (holds_zero != differs).all()
    assert n_families == 300
    assert wrong / n_families <= 0.06


@pytest.mark.parametrize("quantity", ["f1", "latency"])
def test_measures_without_ties_are_calibrated_too(quantity: str) -> None:
    rng = np.random.default_rng(24)
    if quantity == "f1":
        base = rng.beta(2, 1, size=(200, 80))
        a, b = (np.clip(base + rng.normal(0, 0.15, base.shape), 0, 1) for _ in "ab")
    else:
        a, b = rng.lognormal(4, 0.8, size=(2, 200, 80))
    table = judged({"a": a, "b": b})
    assert (table["test"] == "sign-flip, sampled").all()
    # 200 experiments: 0.05 with three standard errors.
    assert (table["verdict"] != "undecided").mean() <= 0.096
    raised = b + table["mde"].to_numpy()[:, None]
    assert (judged({"a": a, "b": raised})["verdict"] == "better").mean() >= 0.75


def test_the_plain_formula_has_the_power_it_states_for_differences_without_ties() -> None:
    # Student's test on normal differences, for which the formula is made.
    rng = np.random.default_rng(25)
    n, planted = 40, minimum_detectable_difference(1.0, 40)
    draws = rng.normal(planted, 1.0, size=(20_000, n))
    t = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / np.sqrt(n))
    assert (t > 2.022691).mean() == pytest.approx(0.8, abs=0.01)  # t(0.975) on 39
