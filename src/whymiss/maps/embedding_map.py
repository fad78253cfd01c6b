"""An index as a map: where its chunks stand, how far that is true, and what a question finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.maps.comparing import compare
from whymiss.nearest import nearest
from whymiss.projection.distortion import Distortion, distortion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.maps.surface import Projection
    from whymiss.projection.job import FitJob
    from whymiss.protocols import Vectors

EDGES: Final = ("from_id", "to_id", "neighbour", "cosine", "kept")


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingMap:
    """What `Workbench.map` gives: points as data, and ways to draw them.

    frame : one row per point, `maps.points.POINTS` and the documents' metadata; chunks first, in
        the order of the index, then questions. `x` and `y` have no unit: the mean of the landmarks
        is the origin, and they lie one unit from it (root mean square). `kept` is the share of a
        chunk's ten true neighbours that are among its ten nearest on the plane.
    vectors : of the chunks, shape (n, dimension); `asked` of the questions, in the frame's order.
    projection : "umap", or "pca" while nothing is fitted.
    fitting : the fit that runs in the background; None when none does. Ask for the map again when
        it is done.
    notes : what the map leaves out or cannot say, and why.
    """

    frame: pd.DataFrame
    vectors: Vectors
    asked: Vectors
    projection: Projection
    measured: Distortion | None = None
    fitting: FitJob | None = None
    notes: tuple[str, ...] = ()

    @property
    def chunks(self) -> pd.DataFrame:
        """The points that are chunks."""
        return self.frame.iloc[: len(self.vectors)]

    @property
    def questions(self) -> pd.DataFrame:
        """The points that are questions."""
        return self.frame.iloc[len(self.vectors) :]

    @cached_property
    def distortion(self) -> Distortion:
        """What the plane does to neighbours, chunk by chunk; takes seconds for many thousands."""
        if self.measured is not None:
            return self.measured
        return distortion(self.vectors, self._places[: len(self.vectors)])

    @cached_property
    def summary(self) -> Mapping[str, float]:
        """Means over the chunks: "kept", "trustworthiness", "continuity"; NaN where undefined."""
        found = self.distortion
        return {
            "kept": float(found.kept.mean()),
            "trustworthiness": float(found.trustworthiness.mean()),
            "continuity": float(found.continuity.mean()),
        }

    @cached_property
    def topics(self) -> pd.DataFrame:
        """One row per topic: its label, how many chunks and documents, the largest first."""
        chunks = self.chunks[self.chunks["cluster"] >= 0]
        groups = chunks.groupby(["cluster", "cluster_label"], sort=True)
        table = groups.agg(n_chunks=("id", "size"), n_documents=("doc_id", "nunique"))
        return table.reset_index().sort_values(
            ["n_chunks", "cluster"], ascending=[False, True], ignore_index=True
        )

    def edges(self, of: str, *, k: int = 10) -> pd.DataFrame:
        """The true neighbours of a point: the k chunks nearest to it by cosine, nearest first.

        Parameters
        ----------
        of : the id of a chunk or question of this map.

        Returns
        -------
        DataFrame
            `EDGES`; `kept` says whether the neighbour is also among the k nearest on the plane.

        Raises
        ------
        InvalidRecordError : no point has this id, or k is below 1.
        """
        if k < 1:
            raise InvalidRecordError(f"edges needs k of at least 1; got {k}.")
        row = self._row(of)
        n = len(self.vectors)
        itself = np.arange(n) == row
        k = min(k, n - int(itself.any()))
        if k < 1:
            return pd.DataFrame(columns=list(EDGES))
        vector = self.vectors[row] if row < n else self.asked[row - n]
        rows, cosines = nearest(vector[None], self.vectors, k, without=[itself])
        away = ((self._places[:n] - self._places[row]) ** 2).sum(axis=1)
        drawn = set(np.argsort(np.where(itself, np.inf, away), kind="stable")[:k].tolist())
        return pd.DataFrame(
            {
                "from_id": of,
                "to_id": self.frame["id"].to_numpy()[rows[0]],
                "neighbour": np.arange(1, k + 1),
                "cosine": cosines[0],
                "kept": [near in drawn for near in rows[0].tolist()],
            },
            columns=list(EDGES),
        )

    def compare(self, after: EmbeddingMap) -> pd.DataFrame:
        """What another configuration changes, passage by passage, by their true neighbours.

        `maps.comparing.compare` tells the columns; `plots.map_changes` draws them.

        Raises
        ------
        InvalidRecordError : one of the maps is a first picture, the other a fitted one.
        """
        if self.projection != after.projection:
            raise InvalidRecordError(
                "two maps are compared on the same landmarks; one is of projection "
                f"{self.projection!r}, the other of {after.projection!r}. Ask for both with "
                "wait=True."
            )
        return compare(self, after)

    def figure(self, *, colour_by: str = "cluster_label", edges_of: str | None = None) -> Any:
        """The map as a plotly figure.

        Parameters
        ----------
        colour_by : a column of the frame, such as "doc_id", "kept", "hubness", "rank", "left_at"
            or a field of metadata.
        edges_of : the id of a point whose true neighbours are joined to it.

        Raises
        ------
        ConfigError : the frame has no such column.
        InvalidRecordError : no point has this id.
        """
        from whymiss.plots import embedding_map

        edges = None if edges_of is None else self.edges(edges_of)
        return embedding_map(self.frame, colour_by=colour_by, edges=edges, title=self.title)

    @property
    def title(self) -> str:
        """What is drawn, in a few words."""
        how = "by UMAP" if self.projection == "umap" else "by principal components"
        return f"{len(self.vectors):,} chunks {how}"

    def with_questions(self, points: pd.DataFrame, asked: Vectors) -> EmbeddingMap:
        """The same with further points for questions."""
        frame = pd.concat([self.frame, points], ignore_index=True)
        return replace(self, frame=frame, asked=np.concatenate([self.asked, asked]))

    def __repr__(self) -> str:
        lines = [f"EmbeddingMap: {self.title}"]
        if self.questions.size:
            lines[0] += f", {len(self.questions)} questions"
        if self.fitting is not None:
            lines.append(f"UMAP is being fitted: {self.fitting.step.what}")
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        from whymiss.maps.notebook import map_html

        return map_html(self)

    @cached_property
    def _places(self) -> NDArray[np.float64]:
        return self.frame[["x", "y"]].to_numpy(np.float64)

    def _row(self, point: str) -> int:
        found = np.flatnonzero((self.frame["id"] == point).to_numpy())
        if not len(found):
            raise InvalidRecordError(
                f"no point of the map has the id {point!r}; the column `id` of its frame has all."
            )
        return int(found[0])
