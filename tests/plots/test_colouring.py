"""The hues of the maps can be told apart, on white and on black, by everybody."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.plots.colouring import PALETTE, by_number, by_value

Floats = npt.NDArray[np.float64]

# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
# Ottosson (2020).
TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                   [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
TO_OKLAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                     [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def linear(colour: str) -> Floats:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Floats) -> Floats:
    seen: Floats = TO_OKLAB @ np.cbrt(TO_LMS @ np.clip(rgb, 0, 1))
    return seen


@pytest.mark.parametrize("paper", ["#FFFFFF", "#111111"])
def test_every_hue_stands_out_on_white_and_on_black(paper: str) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    for colour in PALETTE:
        low, high = sorted(float(weights @ linear(c)) for c in (colour, paper))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_hues_look_alike(sight: str) -> None:
    seen = [oklab(SIGHT[sight] @ linear(colour)) for colour in PALETTE]
    nearest = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
    # A hundredth or two is what people notice side by side; without hue, blue and green are .086.
    assert nearest >= 0.08


VALUES = st.lists(st.one_of(st.none(), st.sampled_from(["", " ", "a", "b"]), st.integers(0, 20)))


@given(VALUES.filter(bool))
def test_every_value_is_in_one_group_with_its_count(values: list[object]) -> None:
    groups = by_value(pd.Series(values, dtype=object), undefined="none").groups
    assert np.sum([group.rows for group in groups], axis=0).tolist() == [1] * len(values)
    counts = [int(group.name.rpartition("(")[2].strip(")")) for group in groups]
    assert counts == [int(group.rows.sum()) for group in groups]


NUMBERS = st.one_of(st.floats(-1e300, 1e300), st.sampled_from([np.nan, np.inf, -np.inf]))


@given(st.lists(NUMBERS, min_size=1))
def test_every_number_is_in_one_group_and_within_its_scale(values: list[float]) -> None:
    drawn = by_number(pd.Series(values, dtype=float), undefined="none")
    assert np.sum([group.rows for group in drawn.groups], axis=0).tolist() == [1] * len(values)
    known = [value for value in values if np.isfinite(value)]
    assert all(drawn.scale["cmin"] <= value <= drawn.scale["cmax"] for value in known)
    assert bool(drawn.scale) == bool(known)
    assert not known or drawn.scale["cmin"] < drawn.scale["cmax"]


def test_values_that_are_lists_or_dates_are_values_too() -> None:
    mixed = pd.Series([[1, 2], [1, 2], pd.Timestamp("2026-01-02"), pd.NaT], dtype=object)
    names = [group.name for group in by_value(mixed, undefined="none").groups]
    assert names == ["none (1)", "[1, 2] (2)", "2026-01-02 00:00:00 (1)"]
