"""The scale is plotly's, without plotly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.colors import sample_colorscale

from whymiss.plots.colours import SCALE, on_scale

SHARES = st.lists(st.floats(0, 1), min_size=1)


@given(SHARES, st.booleans())
def test_a_colour_of_the_scale_is_the_one_that_plotly_mixes(
    shares: list[float], low_first: bool
) -> None:
    name = f"{SCALE}_r" if low_first else SCALE
    assert on_scale(np.array(shares), low_first=low_first) == sample_colorscale(name, shares)


@pytest.mark.parametrize(
    ("low_first", "first"), [(False, "rgb(0, 34, 78)"), (True, "rgb(254, 232, 56)")]
)
def test_the_scale_begins_dark_and_for_ranks_bright(low_first: bool, first: str) -> None:
    assert on_scale(np.array([0.0]), low_first=low_first) == [first]
