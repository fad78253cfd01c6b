"""The canvas colours a map as the plotly figure does, and codes say what the colours mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots.colouring import HOLLOW
from whymiss.plots.map_rows import coloured_by
from whymiss.widgets.map.colours import PointColours, colours_of

VALUES = st.lists(
    st.one_of(st.none(), st.sampled_from(["", "a.md", "<b>"]), st.integers(0, 15).map(str)),
    min_size=1,
)
NUMBERS = st.lists(
    st.one_of(st.floats(-1e300, 1e300), st.sampled_from([np.nan, np.inf, 0.0])), min_size=1
)


def parts(colour: str) -> list[int]:
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]


@given(VALUES)
def test_a_value_has_the_colour_of_the_plotly_map(values: list[str | None]) -> None:
    frame = pd.DataFrame({"doc_id": pd.Series(values, dtype=object)})
    drawn = colours_of(frame, "doc_id")
    seen = [HOLLOW if code < 0 else drawn.colours[code] for code in drawn.codes]
    assert seen == coloured_by(frame, "doc_id").fill.tolist()


@given(VALUES)
def test_every_code_has_a_line_of_the_key_and_its_count(values: list[str | None]) -> None:
    drawn = colours_of(pd.DataFrame({"doc_id": pd.Series(values, dtype=object)}), "doc_id")
    counts = dict(zip(*np.unique(drawn.codes, return_counts=True), strict=True))
    assert {line.code: f"({counts[line.code]:,})" for line in drawn.key} == {
        line.code: line.text.rpartition(" ")[2] for line in drawn.key
    }
    assert {line.code for line in drawn.key} == set(counts)


@given(NUMBERS, st.sampled_from(["kept", "rank"]))
def test_a_number_has_the_colour_of_the_plotly_map_but_for_a_step(
    values: list[float], column: str
) -> None:
    frame = pd.DataFrame({column: values})
    drawn = colours_of(frame, column)
    for code, colour in zip(drawn.codes, coloured_by(frame, column).fill, strict=True):
        if code < 0:
            assert colour == HOLLOW
        else:
            gap = np.abs(np.subtract(parts(drawn.colours[code]), parts(colour)))
            # A step of the scale of 256 is at most this wide in one of the three.
            assert gap.max() <= 2


def test_of_ranks_the_lowest_is_the_brightest() -> None:
    drawn = colours_of(pd.DataFrame({"rank": [1, 40, None]}), "rank")
    assert drawn.codes.tolist() == [0, 255, -1]
    assert sum(parts(drawn.colours[0])) > sum(parts(drawn.colours[255]))
    assert drawn.scale == ("1", "40")
    assert [line.text for line in drawn.key] == ["not ranked (1)"]


def test_values_that_share_the_grey_are_the_faint_code() -> None:
    frame = pd.DataFrame({"doc_id": [f"{i}.md" for i in range(10)]})
    drawn = colours_of(frame, "doc_id")
    assert drawn.codes.tolist().count(drawn.faint) == 2
    assert "2 other values (2)" in [line.text for line in drawn.key]
    assert colours_of(frame[:3], "doc_id").faint == -1


def test_the_key_is_plain_text_whose_hidden_marks_are_seen() -> None:
    frame = pd.DataFrame({"doc_id": ["<b>&\u202e"]})
    assert [line.text for line in colours_of(frame, "doc_id").key] == ["<b>&⟨U+202E⟩ (1)"]


def test_a_column_that_is_not_there_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="coloured by 'topic'; the frame has doc_id"):
        colours_of(pd.DataFrame({"doc_id": ["a"]}), "topic")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"codes": np.array([2])}, "codes from -1 to 1, for 2 colours; got 2"),
        ({"codes": np.array([-2])}, "codes from -1 to 1, for 2 colours; got -2"),
        ({"codes": np.array([0.5])}, "codes as whole numbers, one a point; got float64"),
        ({"codes": np.array([[0]])}, r"codes as whole numbers, one a point; got int64 of"),
        ({"colours": ("#888", "red; x")}, "colours such as '#0072B2' or .* got 'red; x'"),
        ({"colours": ("#888",) * 70_000}, "at most 65535 colours; got 70000"),
    ],
)
def test_colours_that_cannot_be_drawn_are_refused(fields: dict[str, Any], said: str) -> None:
    given_fields = {"codes": np.array([0]), "colours": ("#888", "#999999"), **fields}
    with pytest.raises(InvalidRecordError, match=said):
        PointColours(**given_fields)
