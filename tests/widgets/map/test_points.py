"""Points are found by place and by word as a reader would find them, one after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import InvalidRecordError
from whymiss.widgets.map.points import Points

spans = st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.integers(0, 12))
texts = st.text(alphabet="aAbB ", max_size=6)


def points(chunks: list[tuple[Any, ...]], **columns: Any) -> Points:
    frame = pd.DataFrame(chunks, columns=["doc_id", "start", "end"])
    ids = [f"c{n}" for n in range(len(frame))]
    asked = pd.DataFrame({"kind": ["question"], "id": ["q"], "doc_id": [""]})
    frame = pd.concat([frame.assign(kind="chunk", id=ids, **columns), asked], ignore_index=True)
    return Points(SimpleNamespace(frame=frame))  # type: ignore[arg-type]


@given(st.lists(spans, max_size=8), st.lists(spans, max_size=5))
def test_a_chunk_touches_a_place_when_they_share_a_character(
    chunks: list[tuple[str, int, int]], places: list[tuple[str, int, int]]
) -> None:
    def characters(span: tuple[str, int, int]) -> set[tuple[str, int]]:
        return {(span[0], at) for at in range(span[1], span[2])}

    wanted = [
        row
        for row, chunk in enumerate(chunks)
        if any(characters(chunk) & characters(place) for place in places)
    ]
    assert points(chunks).touching(places).tolist() == wanted


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=6), texts)
def test_every_word_has_to_stand_somewhere_in_the_point(
    said: list[tuple[str, str, str]], text: str
) -> None:
    columns = dict(zip(("title", "section", "excerpt"), map(list, zip(*said, strict=True)),
                       strict=True))  # fmt: skip
    made = points([("a", 0, 1)] * len(said), **columns)
    if not text.split():
        with pytest.raises(InvalidRecordError, match="type at least one"):
            made.containing(text)
        return
    wanted = [
        row
        for row, parts in enumerate(said)
        if all(any(word in part.lower() for part in parts) for word in text.lower().split())
    ]
    assert made.containing(text).tolist() == wanted


def test_of_two_points_of_one_id_the_chunk_is_meant() -> None:
    made = points([("a", 0, 1), ("a", 1, 2)])
    made.frame.loc[2, "id"] = "c1"
    assert made.rows(["c1"]).tolist() == [1]
    assert made.each(["c1", "c0"]).tolist() == [1, 0]
    assert made.known(["c1", "nobody"]).tolist() == [1]
    assert made.spans(np.array([1, 2])) == [("a", 1, 2)]
