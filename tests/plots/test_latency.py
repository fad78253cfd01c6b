"""Milliseconds by stage: bars as long as the table says, and words where nothing ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whymiss.errors import InvalidRecordError
from whymiss.plots.latency import latency_bars

NAN = float("nan")


def latency(**fields: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"stage": ["embed", "dense", "rerank", "all stages"], "n": [40, 38, 0, 40],
         "n_undefined": [0, 2, 40, 0], "p50": [4.0, 0.5, NAN, 61.25],
         "p95": [9.5, 0.8, NAN, 1234.5],
         "note": ["", "", "did not run", ""], **fields}
    )  # fmt: skip


def test_a_bar_ends_at_the_median_and_a_line_at_p95() -> None:
    drawn = latency_bars(latency())
    (bars,) = [t for t in drawn.data if t.type == "bar"]
    np.testing.assert_array_equal(bars.x, latency()["p50"])
    assert set(bars.base) == {0}
    ends = drawn.data[-1]
    np.testing.assert_array_equal(ends.x, latency()["p95"])
    np.testing.assert_array_equal(ends.y, bars.y)
    lines = drawn.data[-2]
    np.testing.assert_array_equal(lines.x[::3], latency()["p50"])
    np.testing.assert_array_equal(lines.x[1::3], latency()["p95"])


def test_every_stage_has_its_numbers_in_words_and_says_where_it_did_not_run() -> None:
    layout = latency_bars(latency()).layout
    assert layout.yaxis.ticktext.tolist() == ["embed", "dense", "rerank", "all stages"]
    assert layout.yaxis2.ticktext.tolist() == [
        "4.00 ms, p95 9.50 ms (n = 40)",
        "0.50 ms, p95 0.80 ms (n = 38)",
        "did not run",
        "61.2 ms, p95 1,234 ms (n = 40)",
    ]


def test_requests_without_the_stage_are_told_under_the_pointer() -> None:
    (bars,) = [t for t in latency_bars(latency()).data if t.type == "bar"]
    assert bars.hovertext[1].endswith("<br>did not run in 2 requests")
    assert bars.hovertext[2] == "rerank: did not run"


def test_one_request_has_times_and_no_percentiles() -> None:
    drawn = latency_bars(latency(n=[1, 1, 0, 1], n_undefined=[0, 0, 1, 0]))
    assert drawn.layout.title.text == "Milliseconds of one request"
    assert drawn.layout.yaxis2.ticktext[0] == "4.00 ms"
    assert not any("p95" in text for text in drawn.layout.yaxis2.ticktext)
    assert drawn.layout.xaxis.range[1] == pytest.approx(1.05 * 61.25)


@pytest.mark.parametrize("frame", [latency(n=0, p50=NAN, p95=NAN), latency()[:0]])
def test_a_log_without_times_says_so(frame: pd.DataFrame) -> None:
    drawn = latency_bars(frame)
    assert [note.text for note in drawn.layout.annotations] == ["No request was timed."]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidRecordError, match=r"latency_bars needs the columns .* 'p95' is"):
        latency_bars(latency().drop(columns="p95"))


def test_hostile_text_is_drawn_as_it_is_written(
    hostile_text: str, harmless: Callable[[Any], bool]
) -> None:
    frame = latency(stage=[hostile_text] * 4, note=["", "", hostile_text, ""])
    assert harmless(latency_bars(frame))
