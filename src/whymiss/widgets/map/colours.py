"""What a map is coloured by, as the canvas draws it: a code a point, the colours of the codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.pages.markup import visible
from whymiss.plots.colouring import Colouring, Group, shares
from whymiss.plots.colours import on_scale
from whymiss.plots.labels import number
from whymiss.plots.map_rows import coloured_by
from whymiss.widgets.map.buffers import NO_VALUE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_STEPS: Final = 256
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|rgb\(\d{1,3}, ?\d{1,3}, ?\d{1,3}\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """A line of the key: what the points of a code have in common, as plain text."""

    text: str
    code: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointColours:
    """The colour of every point of a map.

    codes : (n,), into `colours`; -1 for a point without a value, which is drawn hollow.
    colours : "#rgb", "#rrggbb" or "rgb(r, g, b)".
    title : what the map is coloured by.
    key : a line for each code that has a name, -1 among them.
    faint : the code of values that share the grey, drawn below the others; -1 for none.
    scale : what the first and the last colour stand for, where codes are steps of a scale.

    Raises
    ------
    InvalidRecordError : a code has no colour, there are too many codes, a colour is none.

    Examples
    --------
    >>> PointColours(codes=np.array([0, 1, -1]), colours=("#0072B2", "#D55E00")).title
    ''
    """

    codes: NDArray[np.int64]
    colours: tuple[str, ...]
    title: str = ""
    key: tuple[KeyLine, ...] = ()
    faint: int = -1
    scale: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        codes, n = np.asarray(self.codes), len(self.colours)
        if codes.ndim != 1 or not (np.issubdtype(codes.dtype, np.integer) or codes.size == 0):
            raise InvalidRecordError(
                "PointColours needs codes as whole numbers, one a point; got "
                f"{codes.dtype} of shape {codes.shape}."
            )
        if n > NO_VALUE:
            raise InvalidRecordError(
                f"PointColours needs at most {NO_VALUE} colours; got {n}. Let rare values "
                "share one."
            )
        if codes.size and not -1 <= codes.min() <= codes.max() < n:
            wrong = codes.min() if codes.min() < -1 else codes.max()
            raise InvalidRecordError(
                f"PointColours needs codes from -1 to {n - 1}, for {n} colours; got {wrong}."
            )
        if unknown := [colour for colour in self.colours if not _COLOUR.fullmatch(colour)]:
            raise InvalidRecordError(
                "PointColours needs colours such as '#0072B2' or 'rgb(0, 114, 178)'; got "
                f"{unknown[0]!r}."
            )


def colours_of(frame: pd.DataFrame, column: str) -> PointColours:
    """The colours that `plots.map_figure.embedding_map` draws a column of a map's frame in.

    Parameters
    ----------
    frame : as `whymiss.maps` gives it; the codes follow its rows.

    Raises
    ------
    ConfigError : the frame has no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"doc_id": ["a.md", None, "a.md"], "kept": [0.0, 1.0, 0.5]})
    >>> drawn = colours_of(frame, "doc_id")
    >>> drawn.codes.tolist(), [line.text for line in drawn.key]
    ([0, -1, 0], ['doc_id undefined (1)', 'a.md (2)'])
    >>> colours_of(frame, "kept").scale
    ('0', '1')
    """
    if column not in frame.columns:
        raise ConfigError(
            f"the map cannot be coloured by {column!r}; the frame has "
            f"{', '.join(map(str, frame.columns))}."
        )
    found = coloured_by(frame, column)
    codes = np.full(len(frame), -1, dtype=np.int64)
    colours: list[str] = []
    faint, key = -1, []
    for group in found.groups:
        code = -1 if group.hollow else len(colours)
        if found.scale and not group.hollow:
            codes[group.rows] = _steps(found, group)
            continue
        codes[group.rows] = code
        if not group.hollow:
            colours.append(group.marker["color"])
        faint = code if group.faint else faint
        # A direction of writing that is turned could show one value and hold another.
        key.append(KeyLine(text=visible(group.words), code=code))
    if found.scale:
        low_first = found.scale["reversescale"]
        colours = on_scale(np.linspace(0, 1, _STEPS), low_first=low_first)
    return PointColours(
        codes=codes, colours=tuple(colours), title=f"coloured by {visible(str(column))}",
        key=tuple(key), faint=faint, scale=_ends(found),
    )  # fmt: skip


def _steps(found: Colouring, group: Group) -> NDArray[np.int64]:
    values = np.asarray(group.marker["color"], dtype=np.float64)
    up = shares(values, found.scale["cmin"], found.scale["cmax"])
    return np.rint(up * (_STEPS - 1)).astype(np.int64)


def _ends(found: Colouring) -> tuple[str, str] | None:
    """The ends of the scale in words; whole numbers without a point."""
    if not found.scale:
        return None
    low, high = found.scale["cmin"], found.scale["cmax"]
    if low.is_integer() and high.is_integer():
        return f"{low:,.0f}", f"{high:,.0f}"
    return number(low), number(high)
