"""The points of a map as a tidy frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.text import excerpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.records import Chunk, Document

POINTS: Final = (
    "kind", "id", "doc_id", "title", "section", "start", "end", "excerpt", "n_tokens", "x", "y",
    "cluster", "cluster_label", "kept", "hubness", "score", "rank", "role", "left_at",
)  # fmt: skip
"""The columns of a map; metadata of the documents follow as columns of their own."""

TYPES: Final = {
    "start": "Int64", "end": "Int64", "n_tokens": "Int64", "cluster": "Int64", "rank": "Int64",
    "x": "float64", "y": "float64", "kept": "float64", "hubness": "float64", "score": "float64",
}  # fmt: skip

EXCERPT: Final = 160
"""Characters of an excerpt."""

_JOINED: Final = " > "


def chunk_points(
    chunks: Sequence[Chunk],
    documents: Mapping[str, Document],
    places: NDArray[np.float64],
    *,
    topics: NDArray[np.int64],
    labels: Sequence[str],
    kept: NDArray[np.float64],
    hubness: NDArray[np.float64],
) -> pd.DataFrame:
    """One row per chunk, in the order of the index; nothing is known of any question yet.

    Parameters
    ----------
    documents : by doc_id, for titles and metadata; what a section says of itself comes first.
    topics : the topic of each chunk, -1 for none; `labels` are theirs.
    """
    titles = {doc_id: document.title for doc_id, document in documents.items()}
    frame = pd.DataFrame(
        {
            "kind": "chunk",
            "id": [chunk.chunk_id for chunk in chunks],
            "doc_id": [chunk.doc_id for chunk in chunks],
            "title": [titles.get(chunk.doc_id, "") for chunk in chunks],
            "section": [_JOINED.join(chunk.headings) for chunk in chunks],
            "start": [chunk.start for chunk in chunks],
            "end": [chunk.end for chunk in chunks],
            "excerpt": [excerpt(chunk.text, (), EXCERPT) for chunk in chunks],
            "n_tokens": [chunk.n_tokens for chunk in chunks],
            "x": places[:, 0],
            "y": places[:, 1],
            "cluster": topics,
            "cluster_label": [labels[topic] if topic >= 0 else "" for topic in topics.tolist()],
            "kept": kept,
            "hubness": hubness,
            "score": np.nan,
            "rank": pd.NA,
            "role": "",
            "left_at": pd.NA,
        },
        columns=list(POINTS),
    )
    metadata = _metadata(chunks, documents)
    return pd.concat([frame.astype(TYPES), metadata], axis=1)


def _metadata(chunks: Sequence[Chunk], documents: Mapping[str, Document]) -> pd.DataFrame:
    """A column for each field of metadata; one named like a column of the map gets a prefix."""
    own = {doc_id: document.metadata for doc_id, document in documents.items()}
    fields = sorted(
        {name for found in own.values() for name in found}
        | {name for chunk in chunks for name in chunk.metadata}
    )
    columns: dict[str, list[Any]] = {}
    for name in fields:
        of_documents = {doc_id: found.get(name) for doc_id, found in own.items()}
        column = f"metadata.{name}" if name in POINTS else name
        columns[column] = [
            _plain(chunk.metadata.get(name, of_documents.get(chunk.doc_id))) for chunk in chunks
        ]
    return pd.DataFrame(columns, index=range(len(chunks)), dtype=object)


def _plain(value: Any) -> Any:
    """Several values as one text, so that they can be compared and drawn."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def question_points(
    asked: pd.DataFrame,
    places: NDArray[np.float64],
    *,
    topics: NDArray[np.int64],
    labels: Sequence[str],
    role: str = "",
) -> pd.DataFrame:
    """One row per question.

    Parameters
    ----------
    role : "question" for the one that is looked at.
    asked : the columns query_id, text and lost_at: the stage that lost the evidence, "" for none,
        NA where it cannot be judged.
    """
    frame = pd.DataFrame(
        {
            "kind": "question",
            "id": asked["query_id"].to_numpy(),
            "doc_id": "",
            "title": "",
            "section": "",
            "excerpt": [excerpt(text, (), EXCERPT) for text in asked["text"]],
            "x": places[:, 0],
            "y": places[:, 1],
            "cluster": topics,
            "cluster_label": [labels[topic] if topic >= 0 else "" for topic in topics.tolist()],
            "role": role,
            "left_at": asked["lost_at"].to_numpy(),
        },
        columns=list(POINTS),
    )
    return frame.astype(TYPES)
