"""A map as data: true neighbours by brute force, means over chunks, topics by size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping import drawn, nearest_by_hand, piece, spread

from whymiss.errors import InvalidRecordError
from whymiss.maps.embedding_map import EDGES, EmbeddingMap
from whymiss.maps.points import question_points
from whymiss.projection.distortion import distortion


def a_map(n: int, seed: int = 0, n_questions: int = 2, **fields: Any) -> EmbeddingMap:
    rng = np.random.default_rng(seed)
    made = drawn(
        [piece(f"d{i % 5}", 10 * i, 10 * i + 9) for i in range(n)], spread(n, seed=seed),
        rng.normal(size=(n, 2)), **fields,
    )  # fmt: skip
    asked = pd.DataFrame(
        {
            "query_id": [f"q{i}" for i in range(n_questions)],
            "text": ["Why?"] * n_questions,
            "lost_at": [""] * n_questions,
        }
    )
    points = question_points(
        asked, rng.normal(size=(n_questions, 2)), topics=np.full(n_questions, -1), labels=[]
    )
    return made.with_questions(points, spread(n_questions, seed=seed + 1000))


@given(n=st.integers(1, 40), k=st.integers(1, 12), seed=st.integers(0, 99), data=st.data())
def test_edges_are_the_true_neighbours_and_tell_which_the_plane_keeps(
    n: int, k: int, seed: int, data: st.DataObject
) -> None:
    made = a_map(n, seed)
    row = data.draw(st.integers(0, n + 1))
    of = made.frame["id"][row]
    edges = made.edges(of, k=k)
    own = {row} if row < n else set()
    vector = made.vectors[row] if row < n else made.asked[row - n]
    true = nearest_by_hand(vector, made.vectors, k, own)
    assert tuple(edges.columns) == EDGES
    assert edges["to_id"].tolist() == [made.frame["id"][i] for i in true]
    assert edges["from_id"].tolist() == [of] * len(true)
    assert edges["neighbour"].tolist() == list(range(1, len(true) + 1))
    cosines = [float(made.vectors[i].astype(float) @ vector.astype(float)) for i in true]
    assert edges["cosine"].tolist() == pytest.approx(cosines, abs=1e-6)
    xy = made.frame[["x", "y"]].to_numpy()
    away = np.linalg.norm(xy[:n] - xy[row], axis=1)
    drawn_near = [i for i in np.argsort(away).tolist() if i not in own][:k]
    assert edges["kept"].tolist() == [i in drawn_near for i in true]


def test_the_share_of_kept_edges_is_what_the_distortion_says() -> None:
    made = a_map(60)
    for row in (0, 17, 59):
        kept = made.edges(made.frame["id"][row], k=10)["kept"].mean()
        assert kept == pytest.approx(made.distortion.kept[row])


def test_an_equal_vector_is_a_neighbour_and_the_point_itself_is_none() -> None:
    vectors = spread(6)
    vectors[[1, 4]] = vectors[0]
    made = drawn([piece("d", 10 * i, 10 * i + 9) for i in range(6)], vectors)
    assert made.edges("d:10-19", k=2)["to_id"].tolist() == ["d:0-9", "d:40-49"]
    assert made.edges("d:10-19", k=9)["neighbour"].tolist() == [1, 2, 3, 4, 5]


def test_what_is_no_point_of_the_map_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match=r"no point of the map has the id 'd9:1-2'"):
        a_map(5).edges("d9:1-2")
    for k in (0, -3):
        with pytest.raises(InvalidRecordError, match=f"k of at least 1; got {k}"):
            a_map(5).edges("d0:0-9", k=k)


def test_a_single_chunk_has_no_neighbours() -> None:
    edges = a_map(1).edges("d0:0-9")
    assert tuple(edges.columns) == EDGES
    assert len(edges) == 0
    assert a_map(1).edges("q0")["to_id"].tolist() == ["d0:0-9"]


def test_the_summary_is_the_mean_over_chunks() -> None:
    made = a_map(50)
    found = distortion(made.vectors, made.frame[["x", "y"]].to_numpy()[:50])
    assert made.summary == {
        "kept": found.kept.mean(), "trustworthiness": found.trustworthiness.mean(),
        "continuity": found.continuity.mean(),
    }  # fmt: skip
    few = a_map(20)
    assert all(np.isnan(value) for value in few.summary.values())
    assert few.distortion.undefined_because.startswith("20 points are too few")


def test_what_was_measured_is_not_measured_again() -> None:
    other = distortion(spread(30), np.random.default_rng(1).normal(size=(30, 2)))
    assert a_map(30, measured=other).distortion is other


def test_topics_are_counted_largest_first_without_what_has_none() -> None:
    chunks = [piece(d, 10 * i, 10 * i + 9) for i, d in enumerate("aabbcca")]
    made = drawn(chunks, spread(7), topics=[2, 2, 0, 2, 1, 0, -1], labels=["fee", "sync", "lock"])
    assert made.topics.to_dict("records") == [
        {"cluster": 2, "cluster_label": "lock", "n_chunks": 3, "n_documents": 2},
        {"cluster": 0, "cluster_label": "fee", "n_chunks": 2, "n_documents": 2},
        {"cluster": 1, "cluster_label": "sync", "n_chunks": 1, "n_documents": 1},
    ]
    assert len(drawn(chunks, spread(7), topics=[-1] * 7).topics) == 0


def test_chunks_and_questions_are_the_two_parts_of_the_frame() -> None:
    made = a_map(7, n_questions=3)
    assert (len(made.frame), len(made.chunks), len(made.questions)) == (10, 7, 3)
    assert made.chunks["kind"].tolist() == ["chunk"] * 7
    assert made.questions["id"].tolist() == ["q0", "q1", "q2"]
    assert made.asked.shape == (3, 16)
    assert repr(made) == "EmbeddingMap: 7 chunks by UMAP, 3 questions"


def test_a_first_picture_is_not_compared_with_a_fitted_map() -> None:
    with pytest.raises(InvalidRecordError, match="one is of projection 'pca', the other of 'umap'"):
        a_map(5, projection="pca").compare(a_map(5))
