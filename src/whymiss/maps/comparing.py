"""What changed between two configurations: whose true neighbours are others, wherever it is drawn.

A point that moved may have the same neighbours, and one that stood still may have lost all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.nearest import nearest_others
from whymiss.text import intersection_length

if TYPE_CHECKING:
    from whymiss.maps.embedding_map import EmbeddingMap
    from whymiss.protocols import Vectors

COMPARED: Final = (
    "id_before", "id_after", "doc_id", "section", "excerpt", "x_before", "y_before", "x_after",
    "y_after", "changed", "shared_text", "entered", "left",
)  # fmt: skip
_SHARE: Final = 0.5
_NEIGHBOURS: Final = 10

Spans = Sequence[tuple[str, int, int]]
Point = Mapping[Hashable, Any]


def compare(before: EmbeddingMap, after: EmbeddingMap) -> pd.DataFrame:
    """One row per chunk of the second map, with its counterpart in the first.

    Two chunks are counterparts when they share at least half of the shorter one's characters; of
    several the one that shares most of both together. `changed` is the share of the ten true
    neighbours in the first map that have no counterpart among the ten in the second, NaN where the
    chunk itself has none; neighbours that overlap the chunk's own text do not count.

    Returns
    -------
    DataFrame
        `COMPARED`, most changed first. `shared_text` is the share of both texts together that they
        have in common. `entered` and `left` name neighbours that came and went. Chunks without a
        counterpart have NA in `id_before`; chunks of the first map that none answers to follow
        with NA in `id_after`.
    """
    old, new = _points(before.chunks), _points(after.chunks)
    spans_old, spans_new = _spans(old), _spans(new)
    partner = _partners(spans_old, spans_new)
    near_old = _neighbours(before.vectors, spans_old)
    near_new = _neighbours(after.vectors, spans_new)
    rows = []
    for j, i in enumerate(partner):
        row = _row(None if i is None else old[i], new[j])
        if i is not None:
            left, entered = _changes(near_old[i], near_new[j], spans_old, spans_new)
            row["changed"] = len(left) / len(near_old[i]) if near_old[i] else np.nan
            row["left"] = tuple(_name(old[k]) for k in left)
            row["entered"] = tuple(_name(new[k]) for k in entered)
            row["shared_text"] = _jaccard(spans_old[i], spans_new[j])
        rows.append(row)
    answered = set(partner)
    rows += [_row(point, None) for i, point in enumerate(old) if i not in answered]
    frame = pd.DataFrame(rows, columns=list(COMPARED))
    return frame.sort_values("changed", ascending=False, kind="stable", ignore_index=True)


def _points(frame: pd.DataFrame) -> Sequence[Point]:
    return frame[["id", "doc_id", "section", "excerpt", "start", "end", "x", "y"]].to_dict(
        "records"
    )


def _spans(points: Sequence[Point]) -> Spans:
    return [(point["doc_id"], int(point["start"]), int(point["end"])) for point in points]


def _same_passage(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    shorter = min(one[2] - one[1], other[2] - other[1])
    return one[0] == other[0] and intersection_length(one[1:], other[1:]) >= _SHARE * shorter > 0


def _jaccard(one: tuple[str, int, int], other: tuple[str, int, int]) -> float:
    shared = intersection_length(one[1:], other[1:])
    return shared / (one[2] - one[1] + other[2] - other[1] - shared)


def _partners(old: Spans, new: Spans) -> list[int | None]:
    """For each new span the old one that it shares most with; None where none is the same."""
    by_document: dict[str, list[int]] = {}
    for i, span in enumerate(old):
        by_document.setdefault(span[0], []).append(i)
    found: list[int | None] = []
    for span in new:
        same = [i for i in by_document.get(span[0], ()) if _same_passage(old[i], span)]
        found.append(max(same, key=lambda i: (_jaccard(old[i], span), -i)) if same else None)
    return found


def _neighbours(vectors: Vectors, spans: Spans) -> list[list[int]]:
    """The nearest rows of each chunk that are another text."""
    n = len(spans)
    if n < 2:
        return [[] for _ in spans]
    # Overlapping chunks of a document are near for no other reason than that.
    rows, _ = nearest_others(vectors, min(n - 1, 2 * _NEIGHBOURS))
    return [
        [j for j in near.tolist() if not _overlap(spans[i], spans[j])][:_NEIGHBOURS]
        for i, near in enumerate(rows)
    ]


def _overlap(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return one[0] == other[0] and intersection_length(one[1:], other[1:]) > 0


def _changes(
    before: Sequence[int], after: Sequence[int], old: Spans, new: Spans
) -> tuple[list[int], list[int]]:
    """Neighbours before that none after answers to, and the other way round."""
    left = [i for i in before if not any(_same_passage(old[i], new[j]) for j in after)]
    entered = [j for j in after if not any(_same_passage(old[i], new[j]) for i in before)]
    return left, entered


def _name(point: Point) -> str:
    return f"{point['doc_id']}: {point['section']}" if point["section"] else str(point["doc_id"])


def _row(old: Point | None, new: Point | None) -> dict[str, Any]:
    shown = new or old
    assert shown is not None
    return {
        "id_before": old["id"] if old else pd.NA,
        "id_after": new["id"] if new else pd.NA,
        **{name: shown[name] for name in ("doc_id", "section", "excerpt")},
        "x_before": old["x"] if old else np.nan,
        "y_before": old["y"] if old else np.nan,
        "x_after": new["x"] if new else np.nan,
        "y_after": new["y"] if new else np.nan,
        "changed": np.nan,
        "shared_text": np.nan,
        "entered": (),
        "left": (),
    }
