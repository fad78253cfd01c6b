"""Arrays as the bytes that a browser reads, little-endian, checked on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.errors import InvalidRecordError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NO_VALUE: Final = 65_535
"""The code of a point without a value."""


def place_bytes(places: ArrayLike) -> bytes:
    """Places as float32, x and y in turn.

    Parameters
    ----------
    places : (n, 2), in any unit.

    Raises
    ------
    InvalidRecordError : another shape, or a number that is not finite as a float32.

    Examples
    --------
    >>> place_bytes([[1.0, 0.0]]).hex(" ", 4)
    '0000803f 00000000'
    """
    given = np.asarray(places, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != 2:
        raise InvalidRecordError(
            f"show_points needs places of shape (n, 2); got {given.shape}. Give each "
            "point one x and one y."
        )
    with np.errstate(over="ignore"):
        narrow = given.astype("<f4")
    lost = ~np.isfinite(narrow).all(axis=1)
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise InvalidRecordError(
            f"show_points needs finite places; {int(lost.sum())} of {len(given)} have none, the "
            f"first is row {row}: {given[row].tolist()}. Leave those points out."
        )
    return narrow.tobytes()


def code_bytes(codes: NDArray[np.int64]) -> bytes:
    """Codes as uint16, -1 as 65535.

    >>> code_bytes(np.array([0, 258, -1])).hex(" ", 2)
    '0000 0201 ffff'
    """
    return np.where(codes < 0, NO_VALUE, codes).astype("<u2").tobytes()


def flag_bytes(flags: ArrayLike, *, n: int, who: str) -> bytes:
    """Truth values as one byte each.

    Raises
    ------
    InvalidRecordError : they are not n truth values.

    Examples
    --------
    >>> flag_bytes([True, False], n=2, who="mark")
    b'\\x01\\x00'
    """
    given = np.asarray(flags)
    if given.shape != (n,) or given.dtype != np.bool_:
        raise InvalidRecordError(
            f"{who} needs a truth value for each of {n} points; got {given.dtype} of shape "
            f"{given.shape}."
        )
    return given.astype("u1").tobytes()


def row_bytes(rows: ArrayLike, *, n: int, who: str) -> bytes:
    """Rows as uint32, in the order given.

    Raises
    ------
    InvalidRecordError : they are no whole numbers from 0 to n - 1.

    Examples
    --------
    >>> row_bytes([1, 0], n=2, who="select").hex(" ", 4)
    '01000000 00000000'
    >>> row_bytes([2], n=2, who="select")
    Traceback (most recent call last):
    whymiss.errors.InvalidRecordError: select needs rows from 0 to 1; got 2.
    """
    given = np.asarray(rows)
    if given.size == 0:
        return b""
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        hint = " For a mask, give np.flatnonzero(mask)." if given.dtype == np.bool_ else ""
        raise InvalidRecordError(
            f"{who} needs rows as whole numbers in one dimension; got {given.dtype} of shape "
            f"{given.shape}.{hint}"
        )
    wrong = given[(given < 0) | (given >= n)]
    if len(wrong):
        known = f"rows from 0 to {n - 1}" if n else "no row, since the map has no point"
        raise InvalidRecordError(f"{who} needs {known}; got {int(wrong[0])}.")
    return given.astype("<u4").tobytes()


def rows_of(buffer: Any) -> NDArray[np.int64]:
    """What `row_bytes` wrote.

    >>> rows_of(row_bytes([3, 1], n=4, who="select")).tolist()
    [3, 1]
    """
    return np.frombuffer(buffer, "<u4").astype(np.int64)
