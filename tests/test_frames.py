"""Tables have the columns they promise, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss import frames
from whymiss.pipeline import Pipeline
from whymiss.records import Clause, Document, Query, Trace


@pytest.fixture(scope="module")
def trace(pipeline_of: Callable[..., Pipeline]) -> Trace:
    corpus = [
        Document(doc_id="a", text="annual plan refund", allowed=["*"]),
        Document(doc_id="b", text="monthly plan", allowed=["*"]),
        Document(doc_id="c", text="annual plan refund", allowed=["*"]),
    ]
    return pipeline_of(corpus, {"retrieval.k": 2}).run(Query(query_id="q", text="annual refund"))


def test_documents_have_their_metadata_as_columns_of_their_own() -> None:
    documents = [
        Document(doc_id="a", text="t", metadata={"plan": "annual", "title": "clash"}),
        Document(doc_id="b", text="t", title="B", metadata={"year": 2024}),
    ]
    frame = frames.documents_frame(documents)
    assert list(frame.columns) == [*frames.DOCUMENTS, "metadata.title", "plan", "year"]
    assert frame["title"].tolist() == ["", "B"]
    assert frame["plan"].isna().tolist() == [False, True]


def test_frames_of_nothing_have_their_columns() -> None:
    assert list(frames.documents_frame([]).columns) == list(frames.DOCUMENTS)
    assert list(frames.chunks_frame([]).columns) == list(frames.CHUNKS)
    assert list(frames.files_frame([]).columns) == list(frames.FILES)


def test_a_stage_frame_tells_the_fate_of_every_selected_chunk(trace: Trace) -> None:
    frame = frames.stages_frame(trace)
    assert list(frame.columns) == ["stage", "rank", "score", "chunk_id", "doc_id", "start", "fate"]
    selected = frame[frame["stage"] == "select"]
    assert selected[["doc_id", "fate"]].values.tolist() == [["a", "in context"], ["c", "duplicate"]]
    assert frame[(frame["stage"] == "fuse") & (frame["doc_id"] == "b")]["fate"].tolist() == [""]


def test_a_summary_follows_the_order_of_the_stages(trace: Trace) -> None:
    frame = frames.summary_frame(trace)
    assert frame["stage"].tolist() == ["embed", "filter", "dense", "bm25", "fuse", "select", "pack"]
    assert frame["n_hits"].tolist()[2:6] == [3, 2, 3, 2]
    assert frame["best_doc"].tolist()[2:6] == ["a"] * 4


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        (Clause(field="year", op="ge", value=2024), "year >= 2024"),
        (Clause(field="plan", op="in", value=["a", "b"]), "plan in a, b"),
        (Clause(field="plan", op="ne", value=True), "plan != True"),
    ],
)
def test_a_clause_reads_as_a_person_writes_it(clause: Clause, text: str) -> None:
    assert frames.clause_text(clause) == text


def test_rows_for_json_hold_plain_values_only() -> None:
    frame = pd.DataFrame(
        {
            "t": [("a", None), ("b", float("nan"))],
            "n": pd.array([1, None], dtype="Int64"),
            "x": [0.5, float("nan")],
            "m": [{"k": (1,)}, None],
            "flag": [True, False],
        }
    )
    assert json.loads(json.dumps(frames.records(frame), allow_nan=False)) == [
        {"t": ["a", None], "n": 1, "x": 0.5, "m": {"k": [1]}, "flag": True},
        {"t": ["b", None], "n": None, "x": None, "m": None, "flag": False},
    ]


@given(text=st.text(max_size=30), width=st.integers(1, 20))
def test_a_shortened_text_is_one_line_of_at_most_its_width(text: str, width: int) -> None:
    line = frames.short(text, width)
    assert len(line) <= width
    assert len(line.splitlines()) <= 1
    assert line.endswith("…") or line == " ".join(text.split())
