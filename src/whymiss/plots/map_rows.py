"""What a row of a map's frame is drawn as: its colour, its mark, and whether it steps back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from whymiss.plots.colouring import Colouring, Mask, by_number, by_value
from whymiss.plots.marks import ASKED
from whymiss.stages import STAGES

REACHED: Final = "reached the context"
UNDEFINED: Final = {
    "cluster": "in no cluster",
    "cluster_label": "in no cluster",
    "left_at": "undefined: no question looked at, or no evidence known",
    "rank": "not ranked",
    "role": "no role",
    "score": "not ranked",
}
"""What a missing value of a column means."""
_LOOKED_AT: Final = ("retrieved", "displacing", "evidence")


def coloured_by(rows: pd.DataFrame, column: str) -> Colouring:
    """Numbers on a scale, anything else by its most frequent values.

    >>> rows = pd.DataFrame({"doc_id": ["a.md", "b.md", "a.md"], "rank": [1, 3, None]})
    >>> [group.name for group in coloured_by(rows, "doc_id").groups]
    ['a.md (2)', 'b.md (1)']
    >>> coloured_by(rows, "rank").groups[0].name
    'not ranked (1)'
    """
    values = rows[column]
    undefined = UNDEFINED.get(column, f"{column} undefined")
    if column == "cluster":
        return by_value(values.astype("Int64").mask(values == -1), undefined=undefined)
    if column == "left_at":
        return by_value(values.replace("", REACHED), undefined=undefined, order=STAGES)
    # A column of the metadata may hold numbers as objects.
    typed = values.convert_dtypes()
    if pd.api.types.is_numeric_dtype(typed) and not pd.api.types.is_bool_dtype(typed):
        return by_number(typed, undefined=undefined, low_first=column == "rank")
    return by_value(values, undefined=undefined)


def marks_of(rows: pd.DataFrame) -> npt.NDArray[Any]:
    """The key in `MARKS` of each row, "" for a chunk without a role."""
    asked = (rows["kind"] == "question") & (rows["role"] == "")
    return np.where(asked, ASKED, rows["role"].to_numpy(dtype=object))


def looked_at(rows: pd.DataFrame, ends: Collection[str] = ()) -> Mask:
    """Which rows the question's marks or the lines to neighbours draw the eye to.

    Parameters
    ----------
    ends : the ids at which lines end.
    """
    found: Mask = rows["id"].isin(list(ends)).to_numpy() | np.isin(marks_of(rows), _LOOKED_AT)
    return found


def standing(rows: pd.DataFrame, ends: Collection[str] = ()) -> Mask:
    """Which rows do not step back: what the question ranked and the lines join; else everything.

    >>> rows = pd.DataFrame({"id": ["c1", "c2"], "kind": "chunk", "role": "", "rank": [None, None]})
    >>> standing(rows).tolist(), standing(rows, ["c2"]).tolist()
    ([True, True], [False, True])
    """
    clear: Mask = rows["id"].isin(list(ends)).to_numpy() | rows["rank"].notna().to_numpy()
    return clear | (not looked_at(rows, ends).any())
