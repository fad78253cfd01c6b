"""Intervals, tests, corrections and power: hand values, oracles and invariants."""

from __future__ import annotations

import doctest
import importlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation import statistics
from whymiss.evaluation.statistics import (
    Interval,
    bootstrap_mean,
    cluster_bootstrap_mean,
    difference_interval,
    holm,
    holm_levels,
    mcnemar_exact,
    mean_interval,
    minimum_detectable_difference,
    paired_bootstrap,
    paired_differences,
    sign_flip_test,
    wilson,
)

NAN = float("nan")
MODULES = (
    "arrays", "compare", "intervals", "mcnemar", "multiple", "paired", "power", "score_table",
)  # fmt: skip

# Scores as recall gives them: shares of one to four spans, so that most pairs tie.
steps = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.0])
differences = st.lists(
    st.sampled_from([-1.0, -0.5, -1 / 3, 0.0, 0.0, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"whymiss.evaluation.statistics.{name}")
    assert doctest.testmod(module).failed == 0


def test_public_names_exist_and_are_sorted() -> None:
    assert list(statistics.__all__) == sorted(statistics.__all__)
    assert all(hasattr(statistics, name) for name in statistics.__all__)


# --- Wilson -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_yes", "n", "low", "high"),
    [
        # z = 1.959964, z^2 = 3.841459; by hand for 8 of 10: centre (0.8 + 0.192073) / 1.384146,
        # half width 1.959964 * sqrt(0.016 + 0.0096036) / 1.384146.
        (8, 10, 0.490162, 0.943318),
        (0, 10, 0.0, 0.277533),  # high end z^2 / (n + z^2)
        (10, 10, 0.722467, 1.0),
        (50, 100, 0.403832, 0.596168),  # 0.5 -+ z / (2 sqrt(n + z^2))
        (1, 1, 0.206549, 1.0),
    ],
)
def test_wilson_gives_the_values_worked_by_hand(
    n_yes: int, n: int, low: float, high: float
) -> None:
    interval = wilson(n_yes, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=50, deadline=None)
def test_wilson_equals_scipy(counts: tuple[int, int]) -> None:
    ours = wilson(*counts, confidence=0.9)
    theirs = binomtest(*counts).proportion_ci(confidence_level=0.9, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing_says_so() -> None:
    assert wilson(0, 0).undefined_because == "no question has a value"


def test_wilson_refuses_impossible_counts() -> None:
    with pytest.raises(InvalidRecordError, match="0 <= n_yes <= n; got 3 of 2"):
        wilson(3, 2)


# --- bootstrap --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_agrees_with_scipy(method: str) -> None:
    values = np.random.default_rng(3).beta(4, 1, size=80)
    ours = bootstrap_mean(values, method=method, n_resamples=20_000)  # type: ignore[arg-type]
    theirs = bootstrap(
        (values,), np.mean, n_resamples=20_000, method=method, rng=np.random.default_rng(8)
    ).confidence_interval
    # Both are Monte Carlo: 0.0015 is six times the spread of an end over seeds.
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1.5e-3)


def test_bca_leans_towards_the_long_tail_where_percentile_does_not() -> None:
    values = [1.0] * 55 + [0.0] * 5 + [0.5] * 5
    percentile, bca = bootstrap_mean(values, method="percentile"), bootstrap_mean(values)
    assert bca.low < percentile.low
    # The means lie on a grid here, and may share a point of it.
    assert bca.high <= percentile.high


def test_bootstrap_is_the_same_for_every_order_and_run_but_not_every_seed() -> None:
    values = np.random.default_rng(0).random(50)
    shuffled = np.random.default_rng(1).permutation(values)
    assert bootstrap_mean(values) == bootstrap_mean(shuffled)
    assert bootstrap_mean(values).low != bootstrap_mean(values, seed=1).low


def test_undefined_values_are_left_out_and_counted() -> None:
    values = [0.0, 1.0, 0.5] * 10
    with_gaps = bootstrap_mean([*values, NAN, NAN])
    assert (with_gaps.n, with_gaps.n_undefined) == (30, 2)
    assert with_gaps.low == bootstrap_mean(values).low


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "no question has a value"),
        ([NAN, NAN], "no question has a value"),
        ([0.5] * 20, "all 20 values equal 0.5"),
        ([0.0, 1.0, 0.5], "3 values are too few to resample; 8 are needed"),
    ],
)
def test_bootstrap_without_ground_gives_a_reason_instead_of_ends(
    values: list[float], reason: str
) -> None:
    interval = bootstrap_mean(values)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert reason in interval.undefined_because
    assert reason in str(interval)


def test_an_interval_has_ends_or_a_reason_never_both() -> None:
    with pytest.raises(InvalidRecordError, match="exactly when a reason is given"):
        Interval(estimate=0.5, low=NAN, high=0.6, confidence=0.95, method="x", n=3)


def test_one_question_in_many_blocks_is_resampled_like_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(2).random(60)
    whole = bootstrap_mean(values, n_resamples=500)
    intervals = importlib.import_module("whymiss.evaluation.statistics.intervals")
    monkeypatch.setattr(intervals, "_BLOCK", 600)
    assert bootstrap_mean(values, n_resamples=500).n == whole.n
    assert bootstrap_mean(values, n_resamples=500).low == pytest.approx(whole.low, abs=0.02)


def test_bad_knobs_and_scores_are_refused() -> None:
    with pytest.raises(ConfigError, match="confidence strictly between 0 and 1; got 95"):
        bootstrap_mean([1.0], confidence=95)
    with pytest.raises(ConfigError, match="at least 100 resamples"):
        bootstrap_mean([1.0], n_resamples=10)
    with pytest.raises(InvalidRecordError, match="infinite score at position 1"):
        bootstrap_mean([1.0, math.inf])
    with pytest.raises(InvalidRecordError, match="one column of scores"):
        bootstrap_mean([[1.0], [2.0]])
    with pytest.raises(InvalidRecordError, match="one number per question"):
        bootstrap_mean(["high", "low"])  # type: ignore[list-item]


def test_grouped_questions_widen_the_interval() -> None:
    # Ten documents whose four questions always agree: ten observations, not forty.
    values = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], 4)
    documents = np.repeat(np.arange(10), 4)
    plain, grouped = bootstrap_mean(values), cluster_bootstrap_mean(values, documents)
    assert grouped.high - grouped.low > 1.6 * (plain.high - plain.low)
    assert grouped.estimate == plain.estimate == pytest.approx(0.7)


def test_groups_of_one_are_the_plain_bootstrap() -> None:
    values = np.random.default_rng(4).random(60)
    plain = bootstrap_mean(values, method="percentile")
    grouped = cluster_bootstrap_mean(values, [f"d{i}" for i in range(60)])
    assert (grouped.low, grouped.high) == pytest.approx((plain.low, plain.high), abs=5e-3)


def test_too_few_groups_give_a_reason() -> None:
    interval = cluster_bootstrap_mean([0.0, 1.0] * 20, ["a", "b"] * 20)
    assert "2 groups are too few" in interval.undefined_because


def test_every_value_needs_a_group() -> None:
    with pytest.raises(InvalidRecordError, match="one group per value; got 1 for 2"):
        cluster_bootstrap_mean([0.0, 1.0], ["a"])


def test_the_interval_of_an_aggregate_is_wilson_for_rates() -> None:
    assert mean_interval([1, 0, 1, 1, NAN]).low == wilson(3, 4).low
    assert mean_interval([1, 0, 1, 1, NAN]).n_undefined == 1
    assert mean_interval([0.5, 0.2] * 10).method == "bca bootstrap"
    assert "no question" in mean_interval([NAN]).undefined_because


# --- sign flips -------------------------------------------------------------------------------


def brute_force_p(values: list[float]) -> float:
    """Every one of the 2^n sign patterns, one by one."""
    seen = abs(sum(values))
    signs = itertools.product((1, -1), repeat=len(values))
    reached = [abs(sum(s * v for s, v in zip(p, values, strict=True))) for p in signs]
    return sum(total >= seen - 1e-9 for total in reached) / len(reached)


@given(st.lists(st.sampled_from([-1.0, -0.5, -1 / 3, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_exact_sign_flips_equal_brute_force_with_ties(values: list[float]) -> None:
    result = sign_flip_test(values)
    assert result.exact
    assert result.p == pytest.approx(brute_force_p(values), abs=1e-12)


@given(st.lists(st.floats(-50, 50, allow_subnormal=False), min_size=1, max_size=9))
@settings(max_examples=40, deadline=None)
def test_exact_sign_flips_equal_brute_force_without_ties(values: list[float]) -> None:
    rounded = [round(v, 4) for v in values]
    assert sign_flip_test(rounded).p == pytest.approx(brute_force_p(rounded), abs=1e-12)


def test_sixteen_changes_are_exact_and_a_longer_list_is_sampled() -> None:
    values = np.random.default_rng(5).normal(0.3, 1, size=200)
    assert sign_flip_test(values[:16]).exact
    assert not sign_flip_test(values).exact


def test_a_measure_in_steps_stays_exact_over_hundreds_of_questions() -> None:
    values = np.random.default_rng(6).choice([-1, -0.5, -0.25, 0.25, 0.5, 1.0], size=600)
    assert sign_flip_test(values).exact


def test_sampled_flips_come_close_to_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(7).choice(
        [-1, -0.5, 0, 0.5, 1], size=80, p=[0.1, 0.1, 0.5, 0.15, 0.15]
    )
    exact = sign_flip_test(values)
    paired = importlib.import_module("whymiss.evaluation.statistics.paired")
    monkeypatch.setattr(paired, "MAX_SUMS", 1)
    monkeypatch.setattr(paired, "_BLOCK", 1000)  # many blocks, as with many questions
    sampled = sign_flip_test(values)
    assert exact.exact
    assert not sampled.exact
    # Four standard errors of a share of 19,999.
    assert abs(sampled.p - exact.p) < 4 * math.sqrt(exact.p * (1 - exact.p) / 19_999)


def test_a_sampled_p_is_never_below_one_over_the_patterns() -> None:
    values = np.random.default_rng(8).uniform(0.5, 1.0, size=100)
    assert sign_flip_test(values, n_flips=999).p == 1 / 1000


def test_p_without_any_change_is_one_and_without_any_question_undefined() -> None:
    assert sign_flip_test([0.0] * 30).p == 1.0
    nothing = sign_flip_test([NAN])
    assert math.isnan(nothing.p)
    assert (nothing.n, nothing.n_undefined) == (0, 1)


@given(differences, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_p_ignores_order_sign_scale_and_ties(values: list[float], random: object) -> None:
    p = sign_flip_test(values).p
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert sign_flip_test(shuffled).p == p
    assert sign_flip_test([-v for v in values]).p == p
    assert sign_flip_test([1000 * v for v in values]).p == pytest.approx(p, abs=1e-12)
    assert sign_flip_test([*values, 0.0, 0.0]).p == pytest.approx(p, abs=1e-12)


def test_a_sampled_p_ignores_order_sign_and_ties_too() -> None:
    values = np.random.default_rng(9).normal(0.1, 1, size=60)
    p = sign_flip_test(values).p
    assert sign_flip_test(values[::-1]).p == p
    assert sign_flip_test(-values).p == p
    assert sign_flip_test([*values, 0.0, 0.0]).p == p


@given(differences)
@settings(max_examples=60, deadline=None)
def test_the_nearest_value_is_on_the_side_of_the_mean_exactly_when_zero_is_excluded(
    values: list[float],
) -> None:
    result = sign_flip_test(values)
    for level in (0.05, 0.3):
        nearest = result.nearest_to_zero(level)
        assert (nearest == 0) == (result.p > level)
        assert nearest * result.mean >= 0
        assert abs(nearest) <= abs(result.mean)


def test_too_few_flips_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 99 flips; got 9"):
        sign_flip_test([1.0], n_flips=9)


# --- differences ------------------------------------------------------------------------------


def test_differences_are_undefined_when_either_score_is() -> None:
    assert np.isnan(paired_differences([NAN, 1.0], [1.0, NAN])).all()


def test_rounding_noise_is_a_tie() -> None:
    assert paired_differences([0.3, 700.3], [0.1 + 0.2, 700.1 + 0.2]).tolist() == [0.0, 0.0]
    assert paired_differences([0.3], [0.3 + 1e-9])[0] > 0


def test_differences_need_the_same_questions() -> None:
    with pytest.raises(InvalidRecordError, match="the same questions; got 1 and 2"):
        paired_differences([1.0], [1.0, 0.0])


def test_the_paired_bootstrap_is_the_bootstrap_of_the_differences() -> None:
    before, after = np.random.default_rng(10).random((2, 40))
    assert paired_bootstrap(before, after) == bootstrap_mean(after - before)


def test_the_adjusted_interval_of_flips_is_bonett_and_prices_up_to_t() -> None:
    # 12 won, 4 lost of 1,000: p12 = 13 / 1002, p21 = 5 / 1002, z = 1.959964;
    # 0.0079840 -+ 1.959964 * sqrt((0.0179641 - 0.0000637) / 1002) = -0.00030, 0.01627
    interval = difference_interval([1.0] * 12 + [-1.0] * 4 + [0.0] * 984)
    assert (interval.low, interval.high) == pytest.approx((-0.00030, 0.01627), abs=5e-5)


def test_the_adjusted_interval_without_ties_is_students() -> None:
    values = np.random.default_rng(11).normal(0.2, 1, size=400)
    interval = difference_interval(values)
    half = 1.965927 * values.std(ddof=1) / 20  # t(0.975) on 399 degrees of freedom
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.01)
    assert (interval.low + interval.high) / 2 == pytest.approx(values.mean(), rel=0.01)


def test_one_win_among_many_ties_does_not_rule_out_a_loss() -> None:
    one_win = [1.0] + [0.0] * 99
    assert difference_interval(one_win).low < 0
    assert paired_bootstrap([0.0] * 100, one_win).low >= 0  # why the bootstrap is not used there


def test_all_ties_have_an_interval_only_when_the_size_of_a_flip_is_given() -> None:
    assert "all 20 questions tie" in difference_interval([0.0] * 20).undefined_because
    assert difference_interval([0.0] * 20, flip=1.0).high > 0.1
    assert "too few" in difference_interval([0.5]).undefined_because


# --- McNemar ----------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_mcnemar_and_sign_flips_equal_the_binomial_test(won: int, lost: int, same: int) -> None:
    before = [0] * won + [1] * lost + [1] * same
    after = [1] * won + [0] * lost + [1] * same
    expected = binomtest(won, won + lost, 0.5).pvalue if won + lost else 1.0
    result = mcnemar_exact(before, after)
    assert (result.n_gained, result.n_lost) == (won, lost)
    assert result.p == pytest.approx(expected, rel=1e-9)
    if before:
        flips = sign_flip_test(np.subtract(after, before).astype(float))
        assert flips.p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_counts_what_is_undefined_in_either() -> None:
    result = mcnemar_exact([1, NAN, 0, 1], [0, 1, NAN, 1])
    assert (result.n, result.n_undefined, result.n_lost) == (2, 2, 1)


def test_mcnemar_refuses_graded_scores_and_unequal_lengths() -> None:
    with pytest.raises(InvalidRecordError, match="for graded ones use sign_flip_test"):
        mcnemar_exact([0.5], [1])
    with pytest.raises(InvalidRecordError, match="got 1 and 2"):
        mcnemar_exact([0], [1, 1])


# --- Holm -------------------------------------------------------------------------------------


def test_holm_gives_the_values_worked_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04: the last is
    # raised to the one before it.
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_tests_that_could_not_be_made() -> None:
    adjusted = holm([0.02, NAN, 0.5])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_levels_and_adjusted_values_agree_and_never_beat_plain_p(p_values: list[float]) -> None:
    adjusted, levels = holm(p_values), holm_levels(p_values)
    assert (adjusted >= np.array(p_values) - 1e-15).all()
    assert (adjusted <= np.minimum(np.array(p_values) * len(p_values), 1) + 1e-15).all()
    clear = abs(adjusted - 0.05) > 1e-9
    rejected = np.array(p_values) <= levels
    assert (rejected == (adjusted <= 0.05))[clear].all()


def test_p_values_outside_0_to_1_are_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"p-values in 0\.\.1"):
        holm([1.2])


# --- power ------------------------------------------------------------------------------------


def test_the_plain_formula_is_bloom_multiplier_times_the_standard_error() -> None:
    # t(0.975, 99) + t(0.8, 99) = 1.984217 + 0.845267; times 0.3 / 10
    expected = (1.984217 + 0.845267) * 0.03
    assert minimum_detectable_difference(0.3, 100) == pytest.approx(expected, abs=1e-6)


def test_flips_solve_the_equation_they_are_said_to_solve() -> None:
    found = minimum_detectable_difference(0.2, 100, flip=1.0)
    implied = minimum_detectable_difference(math.sqrt(0.04 + found), 100)
    assert found == pytest.approx(implied, rel=1e-9)


def test_more_questions_see_less_and_more_power_or_rigour_sees_more() -> None:
    plain = minimum_detectable_difference(0.3, 100)
    assert minimum_detectable_difference(0.3, 400) < plain
    assert minimum_detectable_difference(0.3, 100, power=0.9) > plain
    assert minimum_detectable_difference(0.3, 100, alpha=0.005) > plain
    assert minimum_detectable_difference(0.3, 100, flip=1.0) > plain


def test_nothing_is_detectable_with_one_question_or_negative_knobs() -> None:
    assert math.isnan(minimum_detectable_difference(0.3, 1))
    with pytest.raises(ConfigError, match="sd and flip of at least 0; got -1"):
        minimum_detectable_difference(-1, 10)
