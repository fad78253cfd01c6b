"""Looking things up among the points of a map, a whole column at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.maps.points import POINTS
from whymiss.plots.cluster_labels import ClusterLabel, cluster_labels
from whymiss.plots.map_rows import marks_of
from whymiss.plots.map_words import point_lines
from whymiss.plots.marks import MARKS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from whymiss.maps.embedding_map import EmbeddingMap

    Rows = NDArray[np.int64]

Place = tuple[str, int, int]
"""Characters [start, end) of a document, by its id."""

_COLOURINGS: Final = (
    "cluster_label", "doc_id", "kept", "hubness", "rank", "score", "left_at", "role",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a map by their row in its frame.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "kind": "chunk", "id": ["c1", "c2"], "doc_id": "a.md", "title": "Refunds",
    ...     "section": ["Cards", "Time"], "excerpt": ["By card.", "Ten days."],
    ...     "start": [0, 8], "end": [8, 17],
    ... })
    >>> from types import SimpleNamespace
    >>> points = Points(SimpleNamespace(frame=frame))
    >>> points.rows(["c2"]).tolist(), points.containing("TEN refunds").tolist()
    ([1], [1])
    >>> points.touching([("a.md", 0, 9)]).tolist(), points.spans(np.array([1]))
    ([0, 1], [('a.md', 8, 17)])
    """

    map: EmbeddingMap

    @property
    def frame(self) -> pd.DataFrame:
        """One row per point."""
        return self.map.frame

    @cached_property
    def ids(self) -> NDArray[Any]:
        """The id of every point."""
        return self.frame["id"].to_numpy(dtype=object)

    @cached_property
    def roles(self) -> NDArray[Any]:
        """The key in `plots.marks.MARKS` of every point, "" for none."""
        return marks_of(self.frame)

    @cached_property
    def marks(self) -> Mapping[str, Rows]:
        """The rows of every role."""
        return {role: np.flatnonzero(self.roles == role) for role in MARKS}

    @cached_property
    def labels(self) -> Sequence[ClusterLabel]:
        """The names of topics, the largest first."""
        return cluster_labels(self.map.chunks)

    def rows(self, ids: Sequence[str]) -> Rows:
        """The rows of points, ascending.

        Raises
        ------
        InvalidRecordError : no point has one of the ids.
        """
        return np.unique(self.each(ids))

    def each(self, ids: Sequence[str]) -> Rows:
        """The row of every point, in the order of the ids.

        Raises
        ------
        InvalidRecordError : no point has one of the ids.
        """
        found = self._found(ids)
        if (found < 0).any():
            unknown = ids[int(np.flatnonzero(found < 0)[0])]
            raise InvalidRecordError(
                f"no point of the map has the id {unknown!r}; the column `id` of its frame has all."
            )
        return found

    def picked(self, which: ArrayLike) -> Rows:
        """The rows of what is named by id, by row or by a mask, ascending.

        Raises
        ------
        InvalidRecordError : there is no such point.
        """
        given, n = np.atleast_1d(np.asarray(which)), len(self.frame)
        if given.dtype == np.bool_ and given.shape == (n,):
            return np.flatnonzero(given)
        if given.size and given.dtype.kind not in "iufb":
            return self.rows([str(name) for name in given])
        wrong = given[(given < 0) | (given >= n)]
        if given.size and (given.ndim != 1 or given.dtype.kind not in "iu" or len(wrong)):
            got = int(wrong[0]) if len(wrong) else f"{given.dtype} of shape {given.shape}"
            raise InvalidRecordError(
                f"select needs ids, rows from 0 to {n - 1}, or a mask of {n} points; got {got}."
            )
        return np.unique(given.astype(np.int64))

    def known(self, ids: Sequence[str]) -> Rows:
        """The rows of those ids that are on the map, ascending."""
        found = self._found(ids)
        return np.unique(found[found >= 0])

    def touching(self, places: Sequence[Place]) -> Rows:
        """The chunks that have a character of the places."""
        chunks = self.frame.loc[self.frame["kind"] == "chunk", ["doc_id", "start", "end"]]
        wanted = pd.DataFrame(list(places), columns=["doc_id", "from", "to"])
        pairs = chunks.reset_index(names="row").merge(wanted, on="doc_id")
        shared = pairs[["end", "to"]].min(axis=1) > pairs[["start", "from"]].max(axis=1)
        return np.unique(pairs.loc[shared, "row"].to_numpy(dtype=np.int64))

    def containing(self, text: str) -> Rows:
        """The points whose title, section or excerpt contain every word of a text, in any case.

        Raises
        ------
        InvalidRecordError : there is no word.
        """
        wanted = text.casefold().split()
        if not wanted:
            raise InvalidRecordError("points are found by words; type at least one.")
        clear = np.ones(len(self.frame), dtype=np.bool_)
        for word in wanted:
            clear &= self._texts.str.contains(word, regex=False).to_numpy(dtype=np.bool_)
        return np.flatnonzero(clear)

    def spans(self, rows: Rows) -> list[Place]:
        """Where the chunks among some rows stand in their documents."""
        some = self.frame.iloc[rows]
        chunks = some[some["kind"] == "chunk"]
        columns = (chunks[name].tolist() for name in ("doc_id", "start", "end"))
        return list(zip(*columns, strict=True))

    def said(self, row: int, colour_by: str) -> str:
        """What is known of a point, as plain text in lines."""
        record = self.frame.iloc[row].to_dict()
        return "\n".join(point_lines(record, self.roles[row], colour_by))

    @cached_property
    def colourings(self) -> list[str]:
        """The columns with a value that the map can be coloured by."""
        fields = (name for name in self.frame.columns if name not in POINTS)
        return [name for name in (*_COLOURINGS, *fields) if self._tells(name)]

    def _tells(self, column: str) -> bool:
        values = self.frame[column]
        return bool(((values != "") if column == "role" else values.notna()).any())

    def _found(self, ids: Sequence[str]) -> Rows:
        found = self._index.get_indexer(pd.Index(ids, dtype=object))
        # A question may be called as a chunk is: the chunk comes first, as in `edges`.
        return np.where(found < 0, -1, self._first[found]) if len(self._first) else found

    @cached_property
    def _first(self) -> Rows:
        return np.flatnonzero(~self.frame["id"].duplicated().to_numpy())

    @cached_property
    def _index(self) -> pd.Index:
        index: pd.Index = pd.Index(self.ids[self._first], dtype=object)
        return index

    @cached_property
    def _texts(self) -> pd.Series:
        said = self.frame[["title", "section", "excerpt"]].fillna("").astype(str)
        return (said["title"] + "\n" + said["section"] + "\n" + said["excerpt"]).str.casefold()
