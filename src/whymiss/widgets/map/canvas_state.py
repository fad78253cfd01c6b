"""The state of the map's canvas as the browser reads it, checked against the points there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.plots.marks import ASKED, KEPT, MARKS, TORN
from whymiss.widgets.map.buffers import code_bytes, flag_bytes, row_bytes, rows_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from whymiss.widgets.map.colours import PointColours

View = tuple[float, float, float]
"""x and y of the middle of what is seen, and how far is seen around it, in units of the map."""


def look_state(colours: PointColours, *, n: int = 0) -> dict[str, Any]:
    """The colours of n points and their key.

    Raises
    ------
    InvalidRecordError : there is not one code a point.
    """
    if len(colours.codes) != n:
        raise InvalidRecordError(
            f"the map has {n} points and the colours {len(colours.codes)} codes; give one a point."
        )
    return {
        "codes": code_bytes(colours.codes),
        "colours": list(colours.colours),
        "faint": colours.faint,
        "title": colours.title,
        "key": [{"text": line.text, "code": line.code} for line in colours.key],
        "scale": colours.scale,
    }


def mark_state(
    marks: Mapping[str, ArrayLike], standing: ArrayLike | None, *, n: int
) -> dict[str, Any]:
    """What has a mark, the last on top, and what does not step back: `MapCanvas.mark`.

    >>> mark_state({"evidence": [1]}, None, n=2)["items"][0]["text"]
    'evidence (1)'
    """
    if unknown := [role for role in marks if role not in MARKS]:
        raise ConfigError(f"mark needs roles of {', '.join(MARKS)}; got {unknown[0]!r}.")
    written = {role: row_bytes(marks.get(role, ()), n=n, who="mark") for role in MARKS}
    together = np.concatenate([rows_of(rows) for rows in written.values()])
    rows, times = np.unique(together, return_counts=True)
    if (times > 1).any():
        raise InvalidRecordError(
            f"mark needs one role a row; row {int(rows[times > 1][0])} has several."
        )
    items = []
    for role, mine in written.items():
        mark, count = MARKS[role], len(mine) // 4
        if count:
            items.append({
                "symbol": mark.symbol, "colour": mark.colour, "size": mark.among(count),
                "ring": mark.ring, "quiet": role == ASKED, "text": f"{mark.name} ({count:,})",
                "rows": mine,
            })  # fmt: skip
    flags = b"" if standing is None else flag_bytes(standing, n=n, who="mark")
    return {"items": items, "standing": flags}


def edge_state(starts: ArrayLike, ends: ArrayLike, kept: ArrayLike, *, n: int) -> dict[str, Any]:
    """Lines between points, and what they mean: `MapCanvas.draw_edges`.

    >>> [line["text"] for line in edge_state([0, 0], [1, 2], [True, False], n=3)["key"]]
    ['true neighbour, kept by the map (1)', 'true neighbour, torn off by the map (1)']
    """
    rows = [row_bytes(side, n=n, who="draw_edges") for side in (starts, ends)]
    lengths = {len(rows[0]) // 4, len(rows[1]) // 4, np.size(kept)}
    if len(lengths) > 1:
        raise InvalidRecordError(
            "draw_edges needs a start, an end and a truth value for each line; got "
            f"{', '.join(map(str, sorted(lengths)))} of them."
        )
    together = np.asarray(kept, dtype=np.bool_)
    solid, dashed = int(together.sum()), int((~together).sum())
    key = [
        {"text": f"{text} ({count:,})", "dashed": text == TORN}
        for text, count in ((KEPT, solid), (TORN, dashed))
        if count
    ]
    return {"starts": rows[0], "ends": rows[1], "kept": together.astype("u1").tobytes(), "key": key}


def view_state(at: Any) -> list[float] | None:
    """Where a person looks; None for all points.

    Raises
    ------
    InvalidRecordError : they are not three finite numbers, the last above 0.

    >>> view_state((0, 1, 2.5))
    [0.0, 1.0, 2.5]
    """
    if at is None:
        return None
    numbers = np.asarray(at, dtype=np.float64)
    if numbers.shape != (3,) or not np.isfinite(numbers).all() or numbers[2] <= 0:
        raise InvalidRecordError(
            "view needs x, y and how far is seen around them, above 0, or None for all points; "
            f"got {at!r}."
        )
    return [float(number) for number in numbers]
