"""Charts of evaluations and comparisons draw the frame's values, and words where there are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluation.statistics import compare
from whymiss.plots import compare_dots, failures_bar, slice_dots, summary_dots
from whymiss.stages import STAGES

NAN = float("nan")


def summary() -> pd.DataFrame:
    shared = {"confidence": 0.95, "method": "m", "n": 40, "n_empty": 0, "n_undefined": 0}
    rows = [
        ("recall@5", "share", 0.8, 0.7, 0.85, ""),
        ("mrr", "share", NAN, NAN, NAN, "nothing is judged"),
        ("success@5", "share", 1.0, NAN, NAN, "all 40 values equal 1"),
        ("latency_p95", "ms", 18.0, 12.0, 30.0, ""),
    ]
    names = ("measure", "unit", "value", "low", "high", "note")
    return pd.DataFrame([{**shared, **dict(zip(names, row, strict=True))} for row in rows])


def slices(values: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"slice": name, "measure": "recall@5", "value": value, "low": value - 0.1,
         "high": value + 0.1, "n": 5 + i, "n_undefined": 0,
         "note": "nothing is judged" if math.isnan(value) else ""}
        for i, (name, value) in enumerate(values.items())
    )  # fmt: skip


def failures(counts: dict[str, int]) -> pd.DataFrame:
    total = sum(counts.values()) * 2
    return pd.DataFrame(
        {"stage": stage, "n": n, "share": n / total, "query_ids": tuple(f"q{i}" for i in range(n))}
        for stage, n in counts.items()
    )


def comparison() -> pd.DataFrame:
    n = 40
    scores = {"base": [0.5] * n, "up": [0.9] * n, "down": [0.1] * n, "same": [0.5] * n}
    frames = {
        name: pd.DataFrame({"query_id": range(n), "recall@5": values,
                            "mrr": [NAN] * n if name == "same" else values})
        for name, values in scores.items()
    }  # fmt: skip
    return compare(frames, baseline="base", measures=["recall@5", "mrr"]).table


def marks(drawn: Any) -> list[Any]:
    """The traces that hold values, one per panel."""
    return [trace for trace in drawn.data if len(trace.x) > 1 or not np.isnan(trace.x).all()]


def test_a_dot_stands_at_its_value_with_its_interval() -> None:
    shares, times = marks(summary_dots(summary()))
    np.testing.assert_allclose(shares.x, [0.8, NAN, 1.0])
    np.testing.assert_allclose(shares.error_x.array, [0.05, NAN, NAN])
    np.testing.assert_allclose(shares.error_x.arrayminus, [0.1, NAN, NAN])
    np.testing.assert_allclose(times.x, [18.0])


def test_units_do_not_share_an_axis_and_every_row_is_named_on_both_sides() -> None:
    layout = summary_dots(summary()).layout
    assert (layout.xaxis.title.text, layout.xaxis2.title.text) == ("share", "ms")
    assert layout.yaxis.ticktext.tolist() == ["recall@5", "mrr", "success@5"]
    assert layout.yaxis2.ticktext.tolist() == [
        "0.800 [0.700, 0.850]", "undefined", "1.000, no interval",
    ]  # fmt: skip
    assert layout.yaxis3.ticktext.tolist() == ["latency_p95"]


def test_an_undefined_measure_gets_its_reason_and_no_mark() -> None:
    drawn = summary_dots(summary())
    (said,) = drawn.layout.annotations
    assert said.text == "nothing is judged"
    assert said.y == marks(drawn)[0].y[1]
    assert said.yref == "y"


def test_a_panel_without_any_value_has_no_numbers_on_its_axis() -> None:
    table = summary().assign(value=NAN, low=NAN, high=NAN, note="nothing is judged")
    layout = summary_dots(table).layout
    assert layout.xaxis.showticklabels is layout.xaxis2.showticklabels is False
    assert [a.yref for a in layout.annotations] == ["y", "y", "y", "y3"]


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0.0, 0.2, 0.5, 1.0, NAN]), min_size=1, max_size=8))
def test_slices_come_best_first_and_undefined_last(values: list[float]) -> None:
    table = slices({f"s{i}": value for i, value in enumerate(values)})
    drawn = slice_dots(table, "recall@5")
    known = sorted((v for v in values if not math.isnan(v)), reverse=True)
    expected = known + [NAN] * (len(values) - len(known))
    # Rows run downwards: the axis is turned round.
    assert drawn.data[0].x.tolist() == pytest.approx(expected, nan_ok=True)
    assert np.all(np.diff(drawn.data[0].y) > 0)
    assert drawn.layout.yaxis.range[0] > drawn.layout.yaxis.range[1]


def test_a_slice_says_how_many_questions_it_has_however_long_its_name() -> None:
    drawn = slice_dots(slices({"en": 0.5, "word " * 50: 0.6}), "recall@5")
    long, short = drawn.layout.yaxis.ticktext
    assert short == "en (n = 5)"
    assert long.endswith("… (n = 6)")


def test_the_value_of_all_questions_is_a_line() -> None:
    drawn = slice_dots(slices({"en": 0.5}), "recall@5", overall=0.62)
    (line,) = drawn.layout.shapes
    assert (line.x0, line.x1) == (0.62, 0.62)
    assert drawn.layout.annotations[0].text == "all questions 0.620"
    assert not slice_dots(slices({"en": 0.5}), "recall@5").layout.shapes
    assert not slice_dots(slices({"en": 0.5}), "recall@5", overall=NAN).layout.shapes


def test_an_unknown_measure_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no measure 'mrr'; they have recall@5"):
        slice_dots(slices({"en": 0.5}), "mrr")


@settings(max_examples=20)
@given(st.permutations(STAGES))
def test_bars_follow_the_pipeline(order: list[str]) -> None:
    drawn = failures_bar(failures({stage: STAGES.index(stage) + 1 for stage in order}))
    assert drawn.layout.yaxis.ticktext.tolist() == list(STAGES)
    assert drawn.data[0].x.tolist() == [float(i + 1) for i in range(len(STAGES))]
    assert drawn.layout.yaxis.range[0] > drawn.layout.yaxis.range[1]


def test_a_bar_says_its_count_and_share_and_names_its_questions() -> None:
    drawn = failures_bar(failures({"select": 15, "dense, bm25": 3, "fuse": 2}))
    assert drawn.layout.yaxis.ticktext.tolist() == ["dense, bm25", "fuse", "select"]
    assert drawn.data[0].text.tolist() == ["3 (8%)", "2 (5%)", "15 (38%)"]
    assert "q0, q1, q2" in drawn.data[0].hovertext[0]
    assert drawn.data[0].hovertext[2].endswith("and 3 more")


def test_a_stage_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"stages of parse, .*; got 'sparse'"):
        failures_bar(failures({"dense, sparse": 1}))


def test_a_comparison_shows_difference_verdict_and_interval() -> None:
    table = comparison()
    recall, _ = marks(compare_dots(table))
    rows = table[table["measure"] == "recall@5"]
    np.testing.assert_allclose(recall.x, rows["difference"])
    np.testing.assert_allclose(recall.x + recall.error_x.array, rows["high"])
    np.testing.assert_allclose(recall.x - recall.error_x.arrayminus, rows["low"])
    assert rows["verdict"].tolist() == ["better", "worse", "undecided"]
    assert recall.marker.symbol.tolist() == ["triangle-up", "triangle-down", "circle-open"]


def test_the_verdict_stands_in_words_beside_its_dot() -> None:
    layout = compare_dots(comparison()).layout
    words = layout.yaxis2.ticktext.tolist()
    assert [text.partition(":")[0] for text in words] == ["better", "worse", "undecided"]
    assert words[0].startswith("better: +0.400")
    assert layout.yaxis4.ticktext.tolist()[2] == "undecided: undefined"
    assert [shape.x0 for shape in layout.shapes] == [0.0, 0.0]


def test_an_interval_without_ends_is_said_and_not_drawn() -> None:
    table = comparison()[:1].assign(low=-math.inf, high=math.inf)
    drawn = compare_dots(table)
    assert np.isnan(drawn.data[0].error_x.array).all()
    assert drawn.layout.yaxis2.ticktext.tolist() == ["better: +0.400, no interval"]


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="better, worse, undecided; got 'same'"):
        compare_dots(comparison().assign(verdict="same"))


@pytest.mark.parametrize(
    ("draw", "frame"),
    [
        (summary_dots, summary()),
        (lambda frame: slice_dots(frame, "recall@5"), slices({"en": 0.5})),
        (failures_bar, failures({"chunk": 1})),
        (compare_dots, comparison()),
    ],
)
def test_an_empty_frame_says_so_and_a_missing_column_is_named(
    draw: Callable[[pd.DataFrame], Any], frame: pd.DataFrame
) -> None:
    empty = draw(frame[:0])
    assert not empty.data
    assert len(empty.layout.annotations) == 1
    missing = "share" if "share" in frame else "n"
    with pytest.raises(InvalidRecordError, match=f"'{missing}' is missing"):
        draw(frame.drop(columns=missing))


def test_hostile_text_stays_text(hostile_text: str, harmless: Callable[[Any], bool]) -> None:
    evil = {"measure": hostile_text, "unit": hostile_text, "note": hostile_text}
    assert harmless(summary_dots(summary().assign(**evil)))
    assert harmless(slice_dots(slices({hostile_text: 0.5}), "recall@5"))
    assert harmless(slice_dots(slices({"en": NAN}).assign(note=hostile_text), "recall@5"))
    assert harmless(failures_bar(failures({"chunk": 1}).assign(query_ids=[(hostile_text,)])))
    assert harmless(compare_dots(comparison().assign(config=hostile_text, **evil)))
