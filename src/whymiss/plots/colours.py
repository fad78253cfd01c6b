"""The colours of every chart and map: seen on white and on black, safe for colour-blind readers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

INK: Final = "#888"
GRID: Final = "rgba(128,128,128,.25)"
BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
"""Of Okabe and Ito (2008), those that stand out at 3 to 1 on both white and black."""
SCALE: Final = "Cividis"
"""Runs from dark blue to yellow and reads the same to colour-blind people (Nuñez et al. 2018)."""

_STOPS: Final = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74",
                 "#c3b369", "#e1cc55", "#fee838")  # fmt: skip
"""The scale at equal steps, as plotly draws it."""


def on_scale(shares: npt.NDArray[np.float64], *, low_first: bool = False) -> list[str]:
    """The colours of a scale from 0 to 1, mixed between its stops as plotly mixes them.

    Parameters
    ----------
    shares : (n,), within 0 to 1.
    low_first : the lowest is the brightest.

    Examples
    --------
    >>> on_scale(np.array([0.0, 0.5]))
    ['rgb(0, 34, 78)', 'rgb(125, 124, 118)']
    """
    stops = _STOPS[::-1] if low_first else _STOPS
    parts = np.array([[int(stop[i : i + 2], 16) / 255 for i in (1, 3, 5)] for stop in stops])
    at = np.linspace(0, 1, len(stops))
    mixed = np.stack([np.interp(shares, at, part) for part in parts.T], axis=1)
    whole = np.rint(mixed * 255).astype(np.int64)
    return [f"rgb({red}, {green}, {blue})" for red, green, blue in whole.tolist()]
