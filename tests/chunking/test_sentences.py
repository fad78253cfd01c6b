"""Where sentences begin."""

from __future__ import annotations

from itertools import pairwise

import pytest

from whymiss.chunking import sentence_starts


def sentences(text: str) -> list[str]:
    starts = [*map(int, sentence_starts(text)), len(text)]
    return [text[a:b].strip() for a, b in pairwise(starts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is due. Pay it.", ["It is due.", "Pay it."]),
        ("Dr. Li paid EUR 3.50 today. Why?", ["Dr. Li paid EUR 3.50 today.", "Why?"]),
        ("See Fig. 3 and No. 5. Go on.", ["See Fig. 3 and No. 5.", "Go on."]),
        ("Well... maybe not. But yes… perhaps.", ["Well... maybe not.", "But yes… perhaps."]),
        ("Wait... What? No!", ["Wait...", "What?", "No!"]),
        ('He said "Stop!" and left. "Go." Yes.', ['He said "Stop!" and left.', '"Go."', "Yes."]),
        ("1. Open it. Close it.\n2. Save.", ["1. Open it.", "Close it.", "2. Save."]),
        ("J. R. R. Tolkien wrote. End.", ["J. R. R. Tolkien wrote.", "End."]),
        ("Use e.g. this in the U.S. army. End.", ["Use e.g. this in the U.S. army.", "End."]),
        ("これは文です。次！本当？はい", ["これは文です。", "次！", "本当？", "はい"]),
        ("「終わり。」と言った。次。", ["「終わり。」と言った。", "次。"]),
        ("A title\n\nThen text", ["A title", "Then text"]),
        ("Take:\n- one\n- two", ["Take:", "- one", "- two"]),
        ("no end", ["no end"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_begin_where_a_reader_says_so(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected
