"""Records refuse what contradicts itself, and never hold what cannot be stored."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.errors import FilterError, InvalidRecordError
from whymiss.records import (
    Chunk,
    Clause,
    Context,
    Document,
    Hit,
    Query,
    Ranking,
    Score,
    Span,
    canonical_json,
    digest,
    freeze_metadata,
)

HALF = "a\ud800b"


def chunk(chunk_id: str = "c", doc_id: str = "d", start: int = 0, text: str = "abc") -> Chunk:
    end = start + len(text)
    return Chunk(
        chunk_id=chunk_id, doc_id=doc_id, start=start, end=end, text=text, n_tokens=3,
        parent_start=start, parent_end=end,
    )  # fmt: skip


def hit(rank: int, chunk_id: str = "c", score: float = 1.0) -> Hit:
    return Hit(chunk_id=chunk_id, doc_id="d", start=0, score=score, rank=rank)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"doc_id": ""}, "needs a doc_id"),
        ({"doc_id": " d"}, "without surrounding white space"),
        ({"allowed": "staff"}, r"must be a list of names; got 'staff'\. Write \['staff'\]"),
        ({"allowed": 5}, "must be a list of names; got 5"),
        ({"allowed": [5]}, "a principal is a name; got 5"),
        ({"allowed": ["staff", None]}, "a principal is a name; got None"),
        ({"allowed": [""]}, "a principal is a name; got ''"),
        ({"allowed": ["  "]}, "a principal is a name; got '  '"),
        ({"allowed": [HALF]}, "not Unicode"),
        ({"text": HALF}, r"text holds text that is not Unicode \(character 1\)"),
        ({"title": HALF}, "title holds text that is not Unicode"),
        ({"doc_id": HALF}, "doc_id holds text that is not Unicode"),
        ({"metadata": {"a": {"b": 1}}}, "Flatten it"),
        ({"metadata": {"a": [[1]]}}, "Flatten it"),
        ({"metadata": {"a": math.nan}}, "must be finite"),
        ({"metadata": {"a": [1.0, math.inf]}}, "must be finite"),
        ({"metadata": {"a": HALF}}, "not Unicode"),
        ({"metadata": {HALF: "a"}}, "not Unicode"),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidRecordError, match=complaint):
        Document(**{"doc_id": "d", "text": "t", **fields})


def test_a_document_sorts_its_readers_and_freezes_its_metadata() -> None:
    document = Document(
        doc_id="d", text="t", allowed=["b", "a", "b"],  # type: ignore[arg-type]
        metadata={"tags": ["x", "y"], "n": np.int64(3), "on": np.True_, 5: None},  # type: ignore[dict-item]
    )  # fmt: skip
    assert document.allowed == ("a", "b")
    assert dict(document.metadata) == {"tags": ("x", "y"), "n": 3, "on": True, "5": None}
    assert type(document.metadata["n"]) is int
    with pytest.raises(TypeError, match="does not support item assignment"):
        document.metadata["n"] = 4  # type: ignore[index]


def test_a_content_hash_follows_text_and_syntax_alone() -> None:
    document = Document(doc_id="d", text="t")
    assert (
        dataclasses.replace(document, title="T", allowed=("*",)).content_hash
        == document.content_hash
    )
    assert dataclasses.replace(document, text="u").content_hash != document.content_hash
    assert dataclasses.replace(document, syntax="rst").content_hash != document.content_hash
    assert (
        Document(doc_id="d", text="t", content_hash="made up").content_hash == document.content_hash
    )


def test_a_frozen_copy_does_not_follow_its_original() -> None:
    original: dict[str, Any] = {"tags": ["a"]}
    frozen = freeze_metadata(original)
    original["tags"].append("b")
    original["more"] = 1
    assert dict(frozen) == {"tags": ("a",)}


@pytest.mark.parametrize(
    "ends", [(3, 3), (5, 3), (-1, 3), (0, 0)], ids=["empty", "turned", "negative", "nothing"]
)
def test_a_span_holds_at_least_one_character(ends: tuple[int, int]) -> None:
    with pytest.raises(InvalidRecordError, match="parent_start <= start < end <= parent_end"):
        Span(start=ends[0], end=ends[1])


def test_a_span_lies_in_its_parent_and_is_its_own_when_it_has_none() -> None:
    assert Span(start=2, end=5) == Span(start=2, end=5, parent_start=2, parent_end=5)
    with pytest.raises(InvalidRecordError, match="0, 2, 5, 4"):
        Span(start=2, end=5, parent_start=0, parent_end=4)


def test_a_chunk_has_as_many_characters_as_its_span() -> None:
    with pytest.raises(
        InvalidRecordError, match=r"text has 3 characters but its span \[0, 4\) has 4"
    ):
        dataclasses.replace(chunk(), end=4)
    assert dataclasses.replace(chunk(), prefix="Title\n").indexed_text == "Title\nabc"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"op": "like"}, "unknown operator 'like'"),
        ({"op": "in"}, "'in' takes a list"),
        ({"value": ["a"]}, "'in' takes a list, every other operator one value"),
        ({"value": None}, "got NoneType"),
        ({"value": {"a": 1}}, "got dict"),
        ({"op": "in", "value": [None]}, "got NoneType"),
        ({"value": math.inf}, "must be finite"),
        ({"field": ""}, "name of a field"),
    ],
)
def test_a_clause_that_cannot_be_compared_is_refused(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(FilterError, match=complaint):
        Clause(**{"field": "f", "op": "eq", "value": "v", **fields})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"text": "  \n"}, "at least one word"),
        ({"text": None}, "at least one word; got None"),
        ({"principals": "staff"}, r"Write \['staff'\]"),
        ({"principals": None}, "must be a list of names; got None"),
        ({"principals": [""]}, "a principal is a name"),
    ],
)
def test_a_query_needs_words_and_names(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRecordError, match=complaint):
        Query(**{"query_id": "q", "text": "t", **fields})


def test_a_ranking_has_every_rank_once_and_every_chunk_once() -> None:
    with pytest.raises(InvalidRecordError, match=r"needs ranks 1\.\.2 in order; got \[1, 3\]"):
        Ranking(query_id="q", stage="dense", hits=(hit(1, "a"), hit(3, "b")))
    with pytest.raises(InvalidRecordError, match="a chunk more than once"):
        Ranking(query_id="q", stage="dense", hits=(hit(1, "a"), hit(2, "a")))
    with pytest.raises(InvalidRecordError, match="finite score; got nan"):
        hit(1, score=math.nan)


@given(
    items=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0])),
        unique_by=lambda item: item[:2],
    ),
    seed=st.randoms(use_true_random=False),
)
def test_ranking_of_is_a_full_sort_whatever_the_order(items: list[Any], seed: Any) -> None:
    scored = [(chunk(f"{d}{s}", d, s), score, {"p": score}) for d, s, score in items]
    expected = [f"{d}{s}" for d, s, _ in sorted(items, key=lambda i: (-i[2], i[0], i[1]))]
    seed.shuffle(scored)
    ranking = Ranking.of("q", "dense", scored)
    assert list(ranking.chunk_ids) == expected
    assert ranking.top(2).chunk_ids == tuple(expected[:2])


@pytest.mark.parametrize(
    ("value", "reason"), [(math.nan, ""), (0.5, "because"), (math.inf, ""), (-math.inf, "because")]
)
def test_a_score_is_nan_exactly_with_a_reason_and_never_infinite(value: float, reason: str) -> None:
    with pytest.raises(InvalidRecordError, match="NaN exactly when a reason is given"):
        Score(measure="m", value=value, undefined_because=reason)


def test_a_context_stays_within_its_budget() -> None:
    with pytest.raises(InvalidRecordError, match="Context of 9 tokens exceeds its budget of 8"):
        Context(passages=(), dropped=(), text="", n_tokens=9, budget=8)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_are_equal_for_equal_parts_only(left: list[str], right: list[str]) -> None:
    assert (digest(*left) == digest(*right)) == (left == right)


def test_canonical_json_is_equal_for_equal_values_and_refuses_others() -> None:
    assert (
        canonical_json({"b": {2, 1}, "a": freeze_metadata({"x": [1]})})
        == '{"a":{"x":[1]},"b":[1,2]}'
    )
    with pytest.raises(TypeError, match="cannot write object"):
        canonical_json(object())
