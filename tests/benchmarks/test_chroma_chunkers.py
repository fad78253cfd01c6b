"""The chunkers that repeat Chroma's report, worked by hand: a benchmark is only as good as they."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from benchmarking import benchmark
from hypothesis import given
from hypothesis import strategies as st

chroma_chunkers = benchmark("chroma_chunkers")


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def with_special(texts: Sequence[str]) -> list[int]:
    return [len(text) + 2 for text in texts]


def recursive(text: str, size: int, overlap: int = 0, lengths=characters) -> list[tuple[int, int]]:
    return chroma_chunkers.RecursiveText(size=size, overlap=overlap, lengths=lengths)(text)


def test_pieces_keep_the_separator_in_front_and_are_merged_up_to_the_size() -> None:
    # "aaaa" 4, " bbbb" 5, " cc" 3: 4 + 5 fit into 10, 3 more do not
    assert recursive("aaaa bbbb cc", 10) == [(0, 9), (9, 12)]
    assert recursive("aaaa bbbb cc", 12) == [(0, 12)]


def test_the_last_pieces_within_the_overlap_are_repeated() -> None:
    # " bbbb" is 5 long
    assert recursive("aaaa bbbb cc", 10, 5) == [(0, 9), (4, 12)]
    assert recursive("aaaa bbbb cc", 10, 4) == [(0, 9), (9, 12)]


def test_the_overlap_gives_way_to_a_piece_that_would_not_fit_behind_it() -> None:
    # " bbbb" 5 and " ccccc" 6 are more than 10
    assert recursive("aaaa bbbb ccccc", 10, 5) == [(0, 9), (9, 15)]


def test_only_what_is_too_long_is_split_deeper() -> None:
    # Lines: 18 and 4. The first: "aa" and 16. That one: 13 and " cc". The 13: 8 and 5 characters.
    text = "aa.bbbbbbbbbbbb cc\n\ndd"
    assert recursive(text, 8) == [(0, 2), (2, 10), (10, 15), (15, 18), (18, 22)]


def test_special_tokens_are_counted_for_each_piece_and_each_join() -> None:
    # pieces 3, 4, 4; 3 + 4 + 2 for the join are more than 8
    assert recursive("a b c", 8, lengths=with_special) == [(0, 1), (1, 3), (3, 5)]
    assert recursive("a b c", 9, lengths=with_special) == [(0, 3), (3, 5)]


def test_a_dropped_piece_takes_its_join_along() -> None:
    # pieces 3, 4, 4, 4: two make 9 or 10, a third is too much for 14; one of 4 is the overlap
    assert recursive("a b c d", 14, 4, with_special) == [(0, 3), (1, 5), (3, 7)]


def test_a_piece_as_long_as_the_size_is_split() -> None:
    # "xx" 4, " yyyy" 7; two characters make 3 + 3 + 2
    alone = [(at, at + 1) for at in range(2, 7)]
    assert recursive("xx yyyy", 7, lengths=with_special) == [(0, 2), *alone]
    assert recursive("xx yyyy", 8, lengths=with_special) == [(0, 2), (2, 7)]


@given(st.text("ab .?!\n", max_size=60), st.integers(1, 20), st.integers(0, 19))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, size: int, overlap: int) -> None:
    chunks = recursive(text, size, min(overlap, size - 1))
    ends = [0, *(end for _, end in chunks)]
    assert ends[-1] == len(text)
    assert all(start <= end for (start, _), end in zip(chunks, ends, strict=False))
    assert ends == sorted(set(ends))
    assert all(0 < end - start <= size for start, end in chunks)


@given(st.text("ab .?!\n", max_size=60), st.integers(1, 20))
def test_without_overlap_the_chunks_are_the_text(text: str, size: int) -> None:
    assert "".join(text[start:end] for start, end in recursive(text, size)) == text


def test_windows_of_tokens_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    # Five tokens of "ab€cd"; the second and third hold the bytes of the same character.
    encoding = SimpleNamespace(
        encode_ordinary=lambda text: [1, 2, 3, 4, 5],
        decode_with_offsets=lambda tokens: ("ab€cd", [0, 2, 2, 3, 4]),
    )
    monkeypatch.setattr(chroma_chunkers, "cl100k", lambda: encoding)
    windows = chroma_chunkers.TokenText(size=2)
    assert windows("ab€cd") == [(0, 2), (2, 4), (4, 5)]


def test_a_missing_tokenizer_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    with pytest.raises(SystemExit, match="pip install bpe-openai"):
        chroma_chunkers.TokenText(size=2)("ab")
