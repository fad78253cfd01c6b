"""Chunks that repeat each other: the same text, or most of it, in two places of an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.neighbourhood.ground import NEAR_DUPLICATE, Ground
from whymiss.neighbourhood.nearest import pairs_above
from whymiss.neighbourhood.shingles import Shingles, plain_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.records import Chunk

    Rows = NDArray[np.int64]

DUPLICATES: Final = (
    "chunk_id", "other_id", "doc_id", "other_doc_id", "start", "other_start", "cosine",
    "containment", "jaccard", "kind",
)  # fmt: skip

SAME_TEXT: Final = 0.5
"""A text repeats another where most of the smaller one's shingles stand in the other."""

_FEWEST: Final = 8
"""Shingles below which a text is too short to be told a copy by a part of it."""


def near_duplicates(ground: Ground) -> pd.DataFrame:
    """Pairs of chunks that repeat each other: in two documents first, then the most alike.

    Candidates are all pairs of a cosine of at least 0.85, not only the nearest of each chunk. A
    pair is a near duplicate where most (0.5) of the smaller text's three-word shingles stand in
    the other; chunks of one document that overlap are none, for what they share is one text.

    Returns
    -------
    DataFrame
        `DUPLICATES`. `kind` is "copy" (the same words), "contained" (all shingles of the smaller
        one are in the other) or "edited". `containment` and `jaccard` are of shingles.
    """
    texts = [chunk.text for chunk in ground.chunks]
    shingles = Shingles.of(texts)
    words = [tuple(plain_words(text)) for text in texts]
    overlap = _overlapping(ground)
    rows: list[dict[str, Any]] = []
    for first, second, cosines in pairs_above(ground.vectors, NEAR_DUPLICATE):
        apart = ~overlap(first, second)
        first, second, cosines = first[apart], second[apart], cosines[apart]
        contained, jaccard = shingles.containment(first, second), shingles.jaccard(first, second)
        short = np.minimum(shingles.counts[first], shingles.counts[second]) < _FEWEST
        for at in np.flatnonzero(contained >= SAME_TEXT).tolist():
            pair = int(first[at]), int(second[at])
            same = words[pair[0]] == words[pair[1]]
            if same or not short[at]:
                kind = "copy" if same else "contained" if contained[at] == 1 else "edited"
                told = float(cosines[at]), float(contained[at]), float(jaccard[at]), kind
                rows.append(_row(ground.chunks, pair, told))
    frame = pd.DataFrame(rows, columns=list(DUPLICATES))
    # What stands in two documents competes for one question; a page may well repeat itself.
    within = (frame["doc_id"] == frame["other_doc_id"]).rename("within")
    order = ["within", "jaccard", "cosine", "chunk_id", "other_id"]
    down = [True, False, False, True, True]
    return (
        frame.assign(within=within)
        .sort_values(order, ascending=down, ignore_index=True)
        .drop(columns="within")
    )


def _overlapping(ground: Ground) -> Callable[[Rows, Rows], NDArray[np.bool_]]:
    """Tells which pairs share characters of one document."""
    starts = np.array([chunk.start for chunk in ground.chunks])
    ends = np.array([chunk.end for chunk in ground.chunks])
    of = ground.documents

    def overlap(first: Rows, second: Rows) -> NDArray[np.bool_]:
        within = (starts[first] < ends[second]) & (starts[second] < ends[first])
        found: NDArray[np.bool_] = (of[first] == of[second]) & within
        return found

    return overlap


def _row(
    chunks: Sequence[Chunk], pair: tuple[int, int], told: tuple[float, float, float, str]
) -> dict[str, Any]:
    one, other = chunks[pair[0]], chunks[pair[1]]
    cosine, contained, jaccard, kind = told
    return {
        "chunk_id": one.chunk_id, "other_id": other.chunk_id, "doc_id": one.doc_id,
        "other_doc_id": other.doc_id, "start": one.start, "other_start": other.start,
        "cosine": cosine, "containment": contained, "jaccard": jaccard, "kind": kind,
    }  # fmt: skip
