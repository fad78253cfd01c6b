"""Points as a frame: one row per chunk, its document's metadata beside it, nothing overwritten."""

from __future__ import annotations

import numpy as np
import pandas as pd
from mapping import drawn, piece, spread

from whymiss.maps.points import POINTS, TYPES, question_points
from whymiss.records import Document


def test_a_chunk_is_a_row_with_where_it_stands_and_what_it_is_of() -> None:
    document = Document(doc_id="d", text="x" * 400, title="Plans", allowed=["*"])
    chunk = piece("d", 3, 303, "A long text, " * 30, headings=("Plans", "Annual"))
    frame = drawn([chunk], spread(1), [[1, 2]], documents=[document], labels=["fee"]).frame
    (row,) = frame.to_dict("records")
    assert tuple(frame.columns) == POINTS
    assert {name: str(frame[name].dtype) for name in TYPES} == TYPES
    assert row["section"] == "Plans > Annual"
    assert (row["kind"], row["id"], row["title"], row["start"], row["end"], row["n_tokens"]) == (
        "chunk", "d:3-303", "Plans", 3, 303, 3,
    )  # fmt: skip
    assert (row["x"], row["y"], row["cluster"], row["cluster_label"]) == (1, 2, 0, "fee")
    assert row["excerpt"].startswith("A long text")
    assert 150 < len(row["excerpt"]) <= 160
    assert row["role"] == ""
    assert frame[["left_at", "rank"]].isna().all(axis=None)
    assert np.isnan(row["score"])


def test_metadata_are_columns_and_those_named_like_a_column_have_a_prefix() -> None:
    documents = [
        Document(doc_id="a", text="x" * 9, metadata={"plan": "annual", "kind": "guide", "x": 7}),
        Document(doc_id="b", text="x" * 9, metadata={"tags": ["new", "old"], "rank": "top"}),
    ]
    chunks = [
        piece("a", 0, 4), piece("a", 4, 9, metadata={"plan": "monthly", "part": 2}),
        piece("b", 0, 9), piece("gone", 0, 3),
    ]  # fmt: skip
    frame = drawn(chunks, spread(4), documents=documents).frame
    own = ["metadata.kind", "part", "plan", "metadata.rank", "tags", "metadata.x"]
    assert list(frame.columns) == [*POINTS, *own]
    assert frame["kind"].tolist() == ["chunk"] * 4
    assert frame["x"].tolist() == [0.0] * 4
    assert frame["metadata.kind"].tolist() == ["guide", "guide", None, None]
    assert frame["metadata.x"].tolist() == [7, 7, None, None]
    # What a section says of itself comes before its document.
    assert frame["plan"].tolist() == ["annual", "monthly", None, None]
    assert frame["part"].tolist() == [None, 2, None, None]
    assert frame["tags"].tolist() == [None, None, "new, old", None]
    assert frame["title"].tolist() == [""] * 4


def test_questions_are_rows_of_their_own() -> None:
    asked = pd.DataFrame(
        {"query_id": ["q1", "q2"], "text": ["Why?", "How?"], "lost_at": ["select", pd.NA]}
    )
    frame = question_points(
        asked,
        np.array([[1.0, 2], [3, 4]]),
        topics=np.array([0, -1]),
        labels=["fee"],
        role="question",
    )
    assert tuple(frame.columns) == POINTS
    assert frame["kind"].tolist() == frame["role"].tolist() == ["question"] * 2
    assert frame["excerpt"].tolist() == ["Why?", "How?"]
    assert frame["left_at"][0] == "select"
    assert pd.isna(frame["left_at"][1])
    assert frame["cluster_label"].tolist() == ["fee", ""]
    assert frame["start"].isna().all()
    assert frame["kept"].isna().all()
