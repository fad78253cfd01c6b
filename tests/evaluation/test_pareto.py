"""The front of a sweep: nobody beats its members, everybody else is beaten or undefined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.pareto import knob_columns, pareto_front

NAN = float("nan")
# Few different values, so that ties and duplicates are common.
value = st.sampled_from([0.0, 0.25, 0.5, 1.0, NAN])
points = st.lists(st.tuples(value, value, value), min_size=1, max_size=12)
COSTS = ("context_tokens", "ms_per_question")


def sweep(rows: list[tuple[float, float, float]]) -> pd.DataFrame:
    """Configurations c0, c1, ... with recall, tokens and milliseconds each."""
    return pd.DataFrame(
        {
            "config": f"c{i}", "fingerprint": f"f{i}", "retrieval.k": i, "measure": measure,
            "unit": "share", "value": score, "low": score - 0.1, "high": score + 0.1, "n": 40,
            "n_undefined": 0, "note": f"no {measure} here" if math.isnan(score) else "",
            "reused": False,
        }
        for i, row in enumerate(rows)
        for measure, score in zip(("recall@5", *COSTS), row, strict=True)
    )  # fmt: skip


def front_of(rows: list[tuple[float, float, float]]) -> pd.DataFrame:
    return pareto_front(sweep(rows), quality="recall@5", costs=COSTS)


def beats(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """By the definition, one comparison at a time."""
    if any(math.isnan(x) for x in (*one, *other)):
        return False
    not_worse = one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2]
    return not_worse and one != other


@given(points)
def test_the_front_is_whoever_nobody_beats(rows: list[tuple[float, float, float]]) -> None:
    expected = [
        not any(math.isnan(x) for x in row) and not any(beats(other, row) for other in rows)
        for row in rows
    ]
    assert front_of(rows)["on_front"].tolist() == expected


@given(points)
def test_every_configuration_is_listed_once_with_its_own_values(
    rows: list[tuple[float, float, float]],
) -> None:
    front = front_of(rows)
    assert front["config"].tolist() == [f"c{i}" for i in range(len(rows))]
    np.testing.assert_array_equal(front[["recall@5", *COSTS]].to_numpy(), rows)
    assert front["retrieval.k"].tolist() == list(range(len(rows)))


@given(points)
def test_whoever_is_beaten_is_beaten_by_the_named_member_of_the_front(
    rows: list[tuple[float, float, float]],
) -> None:
    front = front_of(rows).set_index("config")
    by_name = {f"c{i}": row for i, row in enumerate(rows)}
    for name, row in front.iterrows():
        defined = not any(math.isnan(x) for x in by_name[str(name)])
        assert bool(row["beaten_by"]) == (defined and not row["on_front"])
        if row["beaten_by"]:
            assert front.at[row["beaten_by"], "on_front"]
            assert beats(by_name[row["beaten_by"]], by_name[str(name)])


@given(points)
def test_an_undefined_value_is_off_the_front_and_says_why(
    rows: list[tuple[float, float, float]],
) -> None:
    for row, note, on_front in zip(
        rows, *(front_of(rows)[c] for c in ("note", "on_front")), strict=True
    ):
        for measure, score in zip(("recall@5", *COSTS), row, strict=True):
            assert (f"{measure}: undefined, no {measure} here" in note) == math.isnan(score)
            assert not (on_front and math.isnan(score))


@given(points, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(
    rows: list[tuple[float, float, float]], random: Any
) -> None:
    table = sweep(rows)
    order = list(range(len(table)))
    random.shuffle(order)
    shuffled = pareto_front(table.iloc[order], quality="recall@5", costs=COSTS)
    members = set(shuffled.loc[shuffled["on_front"], "config"])
    front = front_of(rows)
    assert members == set(front.loc[front["on_front"], "config"])


def test_equals_share_the_front() -> None:
    assert front_of([(0.5, 1.0, 1.0), (0.5, 1.0, 1.0)])["on_front"].tolist() == [True, True]


def test_a_value_without_an_interval_may_be_on_the_front_and_keeps_its_note() -> None:
    table = sweep([(0.5, 1.0, 1.0)])
    table[["low", "high"]] = NAN
    table["note"] = "too few values"
    (row,) = pareto_front(table, quality="recall@5", costs=COSTS).to_dict(orient="records")
    assert (row["on_front"], row["note"]) == (True, "recall@5: too few values")
    assert math.isnan(row["low"])


def test_a_measure_that_a_configuration_lacks_is_told() -> None:
    table = sweep([(0.5, 1.0, 1.0), (0.6, 1.0, 1.0)])
    table = table[(table["config"] != "c1") | (table["measure"] != "context_tokens")]
    front = pareto_front(table, quality="recall@5", costs=["context_tokens"])
    assert front["on_front"].tolist() == [True, False]
    assert front["note"].tolist() == ["", "context_tokens: undefined, it was not measured"]


def test_the_columns_are_a_contract() -> None:
    assert list(front_of([(0.5, 1.0, 1.0)]).columns) == [
        "config", "retrieval.k", "recall@5", "low", "high", "n", *COSTS, "on_front", "beaten_by",
        "note",
    ]  # fmt: skip
    assert knob_columns(sweep([(0.5, 1.0, 1.0)])) == ["retrieval.k"]


def test_what_makes_no_sense_is_refused() -> None:
    table = sweep([(0.5, 1.0, 1.0)])
    with pytest.raises(ConfigError, match="no measure 'mrr'; it has recall@5, context_tokens"):
        pareto_front(table, quality="mrr", costs=COSTS)
    with pytest.raises(ConfigError, match="list of one or more costs; got 'context_tokens'"):
        pareto_front(table, quality="recall@5", costs="context_tokens")
    with pytest.raises(ConfigError, match=r"list of one or more costs; got \[\]"):
        pareto_front(table, quality="recall@5", costs=[])
    with pytest.raises(ConfigError, match="different measures; got recall@5, recall@5"):
        pareto_front(table, quality="recall@5", costs=["recall@5"])
    with pytest.raises(ConfigError, match="less 'context_tokens' is better; name it as a cost"):
        pareto_front(table, quality="context_tokens", costs=["ms_per_question"])
    both = pd.concat([table, table[:1].assign(measure="mrr")])
    with pytest.raises(ConfigError, match="more 'recall@5' is better; it cannot be a cost"):
        pareto_front(both, quality="mrr", costs=["recall@5"])
    with pytest.raises(InvalidRecordError, match="'c0' has more than one of 'recall@5'"):
        pareto_front(pd.concat([table, table]), quality="recall@5", costs=COSTS)
    with pytest.raises(InvalidRecordError, match="it has no column 'note'"):
        pareto_front(table.drop(columns="note"), quality="recall@5", costs=COSTS)
