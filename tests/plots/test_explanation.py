"""Margin bars draw the frame's differences, none dropped in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.plots.explanation import margin_bars
from whymiss.plots.theme import BLUE, INK, VERMILLION

NAN = float("nan")


def frame(*parts: tuple[str, float, float], stage: str = "bm25", rest: float = 0.0) -> pd.DataFrame:
    rows = [
        {"kind": "part", "part": name, "chunk": chunk, "against": against,
         "difference": np.nan_to_num(chunk) - np.nan_to_num(against)}
        for name, chunk, against in parts
    ]  # fmt: skip
    rows.append({"kind": "residual", "part": "", "chunk": rest, "against": 0, "difference": rest})
    return pd.DataFrame(rows).assign(stage=stage, view="terms")


PARTS = (("plan", 1.0, 2.5), ("annual", 2.0, NAN), ("ten", NAN, 0.25), ("mail", 0.0, 0.0))


def names(drawn: Any) -> list[str]:
    found: list[str] = drawn.layout.yaxis.ticktext.tolist()
    return found


def test_parts_stand_by_what_they_differ_to_the_side_that_they_favour() -> None:
    drawn = margin_bars(frame(*PARTS), stage="bm25")

    assert names(drawn) == ["annual", "plan", "ten", "mail"]
    assert drawn.data[0].x.tolist() == [2.0, -1.5, -0.25, 0.0]
    assert drawn.data[0].marker.color.tolist() == [BLUE, VERMILLION, VERMILLION, BLUE]
    assert drawn.layout.yaxis2.ticktext.tolist() == ["+2.000", "-1.500", "-0.250", "+0.000"]
    assert "margin +0.250" in drawn.layout.title.text


@settings(max_examples=25)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(1, 12))
def test_the_bars_sum_to_the_margin_and_the_last_says_how_many_it_stands_for(
    values: list[float], n: int
) -> None:
    table = frame(*((f"part {i}", value, 0.0) for i, value in enumerate(values)))
    drawn = margin_bars(table, stage="bm25", n=n)

    assert drawn.data[0].x.sum() == pytest.approx(sum(values))
    assert len(drawn.data[0].x) == min(len(values), n + 1)
    if len(values) > n:
        rest = len(values) - n
        assert names(drawn)[-1] == f"{rest} other{'s' if rest > 1 else ''} together"
        assert drawn.data[0].marker.color.tolist()[-1] == INK


def test_what_is_no_part_of_a_chunk_is_not_said_of_it() -> None:
    drawn = margin_bars(frame(*PARTS), stage="bm25")

    said = drawn.data[0].hovertext.tolist()
    assert said[0] == "annual<br>chunk: +2.000<br>difference: +2.000"
    assert said[2] == "ten<br>against: +0.250<br>difference: -0.250"


def test_the_first_view_of_a_stage_is_taken_unless_another_is_named() -> None:
    both = pd.concat([frame(*PARTS), frame(("x", 1.0, 0.0)).assign(view="passage tokens")])

    assert len(margin_bars(both, stage="bm25").data[0].x) == 4
    assert names(margin_bars(both, stage="bm25", view="passage tokens")) == ["x"]


def test_a_score_without_parts_says_so() -> None:
    drawn = margin_bars(frame(), stage="bm25")

    assert drawn.layout.annotations[0].text == "This score has no parts."


def test_a_stage_that_is_not_there_and_a_missing_column_are_refused() -> None:
    with pytest.raises(InvalidRecordError, match="finds no 'dense' in the frame; it has bm25 'te"):
        margin_bars(frame(*PARTS), stage="dense")
    with pytest.raises(InvalidRecordError, match="'difference' is missing"):
        margin_bars(frame(*PARTS).drop(columns="difference"), stage="bm25")


def test_hostile_words_are_harmless(hostile_text: str, harmless: Callable[[Any], bool]) -> None:
    assert harmless(margin_bars(frame((hostile_text, 1.0, 0.0)), stage="bm25"))
