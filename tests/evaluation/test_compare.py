"""Comparing configurations: what the table says, what it refuses, what cannot change it."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import ConfigError, InvalidRecordError, MixedQueriesError
from whymiss.evaluation.statistics import Comparison, compare, difference_interval, holm
from whymiss.evaluation.statistics.compare import COMPARISON, QUESTIONS

NAN = float("nan")
score = st.sampled_from([0.0, 1 / 3, 0.5, 0.5, 1.0, 1.0, 1.0, NAN])
pairs = st.lists(st.tuples(score, score), min_size=1, max_size=40)


def wide(**columns: list[float]) -> pd.DataFrame:
    """A per-question frame with ids q0, q1, ..."""
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"query_id": [f"q{i}" for i in range(n)], **columns})


def of(before: list[float], after: list[float], **settings: object) -> Comparison:
    """Compare two configs on one measure."""
    frames = {"a": wide(m=before), "b": wide(m=after)}
    return compare(frames, baseline="a", measures=["m"], **settings)  # type: ignore[arg-type]


def only(comparison: Comparison) -> dict[str, object]:
    """The single row of a table."""
    (row,) = comparison.table.to_dict(orient="records")
    return row


def long(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    melted = [f.melt("query_id", var_name="measure").assign(config=c) for c, f in frames.items()]
    return pd.concat(melted, ignore_index=True)


def many(n_configs: int = 6, n: int = 90, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Configs from far worse to far better than "base", on two measures."""
    rng = np.random.default_rng(seed)
    ease = rng.beta(4, 2, size=n)
    frames = {"base": wide(hit=rng.binomial(1, ease).tolist(), recall=ease.round(2).tolist())}
    for i in range(n_configs):
        shift = 0.15 * (i - n_configs / 2)
        hit = rng.binomial(1, np.clip(ease + shift, 0, 1))
        recall = np.clip(ease + shift / 3 + rng.normal(0, 0.2, n), 0, 1).round(1)
        frames[f"c{i}"] = wide(hit=hit.tolist(), recall=recall.tolist())
    return frames


def test_a_hand_worked_comparison() -> None:
    # 8 questions won by 1, 1 lost by 1, 11 tied, 1 undefined.
    before = [0.0] * 8 + [1.0] + [1.0] * 11 + [NAN]
    after = [1.0] * 8 + [0.0] + [1.0] * 11 + [1.0]
    row = only(of(before, after))
    assert (row["n"], row["n_undefined"]) == (20, 1)
    assert (row["wins"], row["losses"], row["ties"]) == (8, 1, 11)
    assert (row["mean_baseline"], row["mean"]) == (0.6, 0.95)
    assert row["difference"] == pytest.approx(0.35)
    # Nine coins, at most one tail, either way: 2 * (1 + 9) / 512.
    assert (row["p"], row["p_mcnemar"], row["p_holm"]) == pytest.approx((20 / 512,) * 3)
    assert row["verdict"] == "better"
    assert row["confidence"] == 0.95
    assert 0 < row["low"] < 0.35 < row["high"]  # type: ignore[operator]


def test_columns_are_a_contract_and_rows_follow_measures_then_configs() -> None:
    comparison = compare(many(2), baseline="base", measures=["recall", "hit"])
    assert tuple(comparison.table.columns) == COMPARISON
    assert tuple(comparison.questions.columns) == QUESTIONS
    assert comparison.table["measure"].tolist() == ["recall", "recall", "hit", "hit"]
    assert comparison.table["config"].tolist() == ["c0", "c1", "c0", "c1"]


def test_long_and_wide_frames_give_the_same() -> None:
    frames = many(3)
    from_wide = compare(frames, baseline="base", measures=["hit", "recall"])
    from_long = compare(long(frames), baseline="base", measures=["hit", "recall"])
    pd.testing.assert_frame_equal(from_wide.table, from_long.table)
    pd.testing.assert_frame_equal(from_wide.questions, from_long.questions)


def test_an_index_named_query_id_and_booleans_are_read() -> None:
    frames = {
        "a": wide(m=[True, False, True]).set_index("query_id"),  # type: ignore[list-item]
        "b": wide(m=[True, True, None]),  # type: ignore[list-item]
    }
    row = only(compare(frames, baseline="a", measures=["m"]))
    assert (row["n"], row["n_undefined"], row["wins"]) == (2, 1, 1)


def test_the_same_seed_gives_the_same_table_and_the_order_of_rows_means_nothing() -> None:
    rng = np.random.default_rng(1)
    frames = {c: wide(m=rng.random(70).tolist()) for c in "ab"}  # sampled: no two values alike
    first = compare(frames, baseline="a", measures=["m"])
    assert first.table["test"].tolist() == ["sign-flip, sampled"]
    shuffled = long(frames).sample(frac=1, random_state=3)
    for again in (frames, shuffled):
        second = compare(again, baseline="a", measures=["m"])
        pd.testing.assert_frame_equal(first.table, second.table)
        pd.testing.assert_frame_equal(first.questions, second.questions)


def test_another_config_does_not_change_the_p_of_the_first() -> None:
    frames = many(4)
    p = compare(frames, baseline="base", measures=["recall"]).table.set_index("config")["p"]
    two = {name: frames[name] for name in ("base", "c2")}
    assert only(compare(two, baseline="base", measures=["recall"]))["p"] == p["c2"]


@given(pairs)
@settings(max_examples=25, deadline=None)
def test_swapping_the_configs_flips_every_sign_and_nothing_else(
    scores: list[tuple[float, float]],
) -> None:
    before, after = (list(side) for side in zip(*scores, strict=True))
    there, back = only(of(before, after)), only(of(after, before))
    for name in ("n", "n_undefined", "ties", "p", "p_holm", "mde", "note"):
        assert there[name] == pytest.approx(back[name], nan_ok=True)
    assert (there["wins"], there["losses"]) == (back["losses"], back["wins"])
    assert there["difference"] == pytest.approx(-back["difference"], nan_ok=True)  # type: ignore[operator]
    assert there["low"] == pytest.approx(-back["high"], nan_ok=True)  # type: ignore[operator]
    assert there["high"] == pytest.approx(-back["low"], nan_ok=True)  # type: ignore[operator]
    opposite = {"better": "worse", "worse": "better", "undecided": "undecided"}
    assert there["verdict"] == opposite[str(back["verdict"])]


@given(pairs, st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=25, deadline=None)
def test_a_question_on_which_both_tie_changes_neither_wins_nor_losses_nor_p(
    scores: list[tuple[float, float]], tie: float
) -> None:
    before, after = (list(side) for side in zip(*scores, strict=True))
    plain, more = only(of(before, after)), only(of([*before, tie], [*after, tie]))
    assert (plain["wins"], plain["losses"]) == (more["wins"], more["losses"])
    assert plain["ties"] + 1 == more["ties"]  # type: ignore[operator]
    if plain["n"]:
        assert plain["p"] == pytest.approx(more["p"])


@given(pairs, st.integers(1, 4), st.sampled_from([0.05, 0.2]))
@settings(max_examples=40, deadline=None)
def test_the_interval_holds_zero_exactly_when_the_verdict_is_undecided(
    scores: list[tuple[float, float]], copies: int, alpha: float
) -> None:
    before, after = (list(side) for side in zip(*scores, strict=True))
    frames = {"a": wide(m=before), **{f"b{i}": wide(m=after) for i in range(copies)}}
    frames["c"] = wide(m=[1.0] * len(scores))
    table = compare(frames, baseline="a", measures=["m"], alpha=alpha).table
    table = table[table["n"] > 0]
    holds_zero = (table["low"] <= 0) & (table["high"] >= 0)
    assert (holds_zero == (table["verdict"] == "undecided")).all()
    assert ((table["p_holm"] <= alpha) == (table["verdict"] != "undecided")).all()
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_near_the_border_the_test_decides_and_the_interval_follows() -> None:
    # 9 won, 0 lost of 160 beside nine configs that change nothing: p = 2 / 2^9 passes 0.05 / 10,
    # but the adjusted t interval of confidence 0.995 reaches below zero.
    won = [1.0] * 9 + [0.0] * 151
    same = {f"c{i}": wide(m=[0.0] * 160) for i in range(9)}
    frames = {"a": wide(m=[0.0] * 160), "b": wide(m=won), **same}
    row = compare(frames, baseline="a", measures=["m"]).table.iloc[0]
    assert row["verdict"] == "better"
    # Flips of nine reach 9 with chance 0.0039 and 7 with 0.039, so (9 - 7) / 160 is the nearest.
    assert row["low"] == pytest.approx(2 / 160)


def test_near_the_border_an_undecided_interval_is_stretched_to_zero() -> None:
    # 60 won, 40 lost of 400: p = 0.0569, though the adjusted t interval starts at 0.0004.
    before = [0.0] * 60 + [1.0] * 40 + [1.0] * 300
    after = [1.0] * 60 + [0.0] * 40 + [1.0] * 300
    assert difference_interval(np.subtract(after, before)).low > 0
    row = only(of(before, after))
    assert row["p"] == pytest.approx(0.0569, abs=5e-5)
    assert (row["verdict"], row["low"]) == ("undecided", 0.0)


def test_too_few_changes_for_any_verdict_are_said_to_be_too_few() -> None:
    # Five wins and no loss have p = 2 / 2^5 at best.
    row = only(of([0.0] * 20, [1.0] * 5 + [0.0] * 15))
    assert row["verdict"] == "undecided"
    assert row["note"] == "only 5 changed; a verdict needs at least 6, all one way"
    assert only(of([0.0] * 20, [1.0] * 6 + [0.0] * 14))["verdict"] == "better"


def test_holm_counts_configs_within_a_measure() -> None:
    table = compare(many(5), baseline="base", measures=["hit", "recall"]).table
    assert set(table["verdict"]) == {"better", "worse", "undecided"}
    for _, rows in table.groupby("measure"):
        assert rows["p_holm"].tolist() == pytest.approx(holm(rows["p"]).tolist())
        assert rows["confidence"].max() == pytest.approx(1 - 0.05 / 5)
        assert rows["confidence"].nunique() > 1


def test_the_detectable_difference_is_stated_for_holms_first_step() -> None:
    frames = many(1)
    alone = only(compare(frames, baseline="base", measures=["hit"]))
    crowd = {**frames, **{f"copy{i}": frames["c0"] for i in range(9)}}
    row = compare(crowd, baseline="base", measures=["hit"]).table.iloc[0]
    assert row["mde"] > 1.2 * alone["mde"]


def test_mcnemar_is_given_for_yes_no_measures_only_and_equals_the_sign_flips() -> None:
    table = compare(many(3), baseline="base", measures=["hit", "recall"]).table
    hits = table[table["measure"] == "hit"]
    assert hits["p_mcnemar"].tolist() == pytest.approx(hits["p"].tolist())
    assert table[table["measure"] == "recall"]["p_mcnemar"].isna().all()


def test_less_latency_is_a_win() -> None:
    slow, fast = [200.0 + i for i in range(20)], [100.0 + i for i in range(20)]
    row = only(of(slow, fast, lower_is_better=["m"]))
    assert (row["wins"], row["verdict"], row["difference"]) == (20, "better", -100.0)
    assert only(of(slow, fast))["verdict"] == "worse"


def test_wins_and_losses_are_listed_per_question() -> None:
    questions = of([0.0, 1.0, 0.5, NAN], [1.0, 0.5, 0.5, 1.0]).questions
    assert questions["query_id"].tolist() == ["q0", "q1", "q2", "q3"]
    assert questions["outcome"].tolist() == ["win", "loss", "tie", "undefined"]
    assert questions["difference"].tolist() == pytest.approx([1.0, -0.5, 0.0, NAN], nan_ok=True)


def test_identical_answers_leave_room_for_what_was_not_seen() -> None:
    row = only(of([1.0, 0.5] * 50, [1.0, 0.5] * 50))
    assert (row["p"], row["verdict"], row["note"]) == (
        1.0,
        "undecided",
        "the same on every question",
    )
    # (1 - rate)^100 = 0.05
    assert row["high"] == -row["low"] == pytest.approx(1 - 0.05**0.01)  # type: ignore[operator]
    assert row["mde"] > row["high"]  # type: ignore[operator]


def test_a_measure_without_a_scale_that_never_moves_has_no_bound() -> None:
    row = only(of([512.0] * 30, [512.0] * 30))
    assert (row["low"], row["high"]) == (-math.inf, math.inf)
    assert math.isnan(row["mde"])  # type: ignore[arg-type]


def test_nothing_to_pair_is_undecided_with_a_reason() -> None:
    row = only(of([NAN, 1.0], [1.0, NAN]))
    assert (row["n"], row["n_undefined"], row["verdict"]) == (0, 2, "undecided")
    assert row["note"] == "no question is defined in both"
    assert math.isnan(row["p"])  # type: ignore[arg-type]
    assert "cannot be compared" in of([NAN], [NAN]).sentences()[0]


def test_one_config_without_values_leaves_the_others_untouched() -> None:
    frames = many(2)
    alone = compare(frames, baseline="base", measures=["hit"]).table
    empty = {**frames, "void": wide(hit=[NAN] * 90, recall=[NAN] * 90)}
    table = compare(empty, baseline="base", measures=["hit"]).table
    pd.testing.assert_frame_equal(table.iloc[:2], alone)


def test_questions_missing_in_one_config_are_refused_by_name() -> None:
    frames = {"a": wide(m=[1.0, 0.0, 1.0]), "b": wide(m=[1.0, 0.0, 1.0]).iloc[:1]}
    with pytest.raises(MixedQueriesError, match=r"'b' lacks 2 of 3 for 'm': 'q1', 'q2'\. Run them"):
        compare(frames, baseline="a", measures=["m"])


def test_questions_missing_in_one_config_can_be_dropped_but_stay_listed() -> None:
    frames = {
        "a": wide(m=[1.0, 0.0, 1.0, 0.0]).iloc[1:],
        "b": wide(m=[1.0, 0.0, 1.0, 0.0]).iloc[:3],
        "c": wide(m=[1.0, 1.0, 1.0, 1.0]),
    }
    comparison = compare(frames, baseline="a", measures=["m"], on_missing="drop")
    assert comparison.table["n"].tolist() == [2, 3]
    gaps = set(zip(comparison.missing["config"], comparison.missing["query_id"], strict=True))
    assert gaps == {("a", "q0"), ("b", "q3")}
    assert comparison.questions["query_id"].tolist() == ["q1", "q2", "q1", "q2", "q3"]


def test_an_undefined_score_is_not_a_missing_question() -> None:
    comparison = of([1.0, NAN], [1.0, 1.0])
    assert comparison.missing.empty
    assert only(comparison)["n_undefined"] == 1


def test_a_measure_that_one_config_lacks_is_missing_for_all_its_questions() -> None:
    frames = {"a": wide(m=[1.0, 0.0], x=[1.0, 1.0]), "b": wide(m=[1.0, 0.0])}
    with pytest.raises(MixedQueriesError, match="'b' lacks 2 of 2 for 'x'"):
        compare(frames, baseline="a", measures=["m", "x"])


def test_ids_that_look_alike_but_differ_in_type_are_different_questions() -> None:
    text, number = wide(m=[1.0]).assign(query_id="7"), wide(m=[1.0]).assign(query_id=7)
    with pytest.raises(MixedQueriesError, match="lacks 1 of 2"):
        compare({"a": text, "b": number}, baseline="a", measures=["m"])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"baseline": "z"}, ConfigError, "got baseline 'z' among 'a', 'b'"),
        ({"measures": ["recall"]}, ConfigError, "no scores for 'recall'; the measures are 'm'"),
        ({"measures": []}, ConfigError, "at least one measure, each once"),
        ({"measures": ["m", "m"]}, ConfigError, "at least one measure, each once"),
        ({"alpha": 5}, ConfigError, "alpha strictly between 0 and 1; got 5"),
        ({"power": 80}, ConfigError, "power strictly between 0 and 1; got 80"),
        ({"on_missing": "ignore"}, ConfigError, "got 'ignore'"),
        ({"lower_is_better": ["ms"]}, ConfigError, "names 'ms', which is not compared"),
    ],
)
def test_unknown_knobs_are_refused(
    changed: dict[str, object], error: type[Exception], message: str
) -> None:
    frames = {"a": wide(m=[1.0]), "b": wide(m=[0.0])}
    with pytest.raises(error, match=message):
        compare(frames, **{"baseline": "a", "measures": ["m"], **changed})  # type: ignore[arg-type]


def test_a_baseline_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one other config"):
        compare({"a": wide(m=[1.0])}, baseline="a", measures=["m"])


def test_damaged_tables_are_refused() -> None:
    good = wide(m=[1.0, 0.0])
    broken = {
        "has 2 for 'm' in 'b'": pd.concat([good, good.iloc[:1]]),
        "finite scores": good.assign(m=[1.0, math.inf]),
        "numbers as scores": good.assign(m=["high", "low"]),
        "frame of 'b' has none": good.drop(columns="query_id"),
        "query_id in every row": good.assign(query_id=["q0", None]),
    }
    for message, frame in broken.items():
        with pytest.raises(InvalidRecordError, match=message):
            compare({"a": good, "b": frame}, baseline="a", measures=["m"])
    with pytest.raises(InvalidRecordError, match="'measure' is missing"):
        compare(pd.DataFrame(columns=["config", "query_id"]), baseline="a", measures=["m"])


def test_the_input_frames_are_left_alone() -> None:
    frames = {"a": wide(m=[1.0, 0.0]), "b": wide(m=[0.0, 0.0])}
    copies = {name: frame.copy() for name, frame in frames.items()}
    compare(frames, baseline="a", measures=["m"])
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, copies[name])


def test_sentences_name_verdict_interval_and_counts() -> None:
    lines = compare(many(5), baseline="base", measures=["hit"]).sentences()
    assert len(lines) == 5
    assert any("'c0' is worse by" in line and "losses" in line for line in lines)
    assert any("undecided" in line and "detectable" in line for line in lines)
    worse = next(line for line in lines if "worse by" in line)
    low, high = json.loads(worse[worse.index("[") : worse.index("]") + 1])
    assert 0 < low < high


def test_a_notebook_shows_the_table() -> None:
    comparison = compare(many(1), baseline="base", measures=["hit"])
    assert "<td>c0</td>" in comparison._repr_html_()
    assert repr(comparison).startswith("Comparison with 'base'\nhit: 'c0'")
