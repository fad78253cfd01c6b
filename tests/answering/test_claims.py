"""Which sentence of an answer cites which passage."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.answering import ABSTENTION, claims
from whymiss.answering.claims import is_abstention


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ten days [1].", [("Ten days.", (1,))]),
        ("Ten days. [1]", [("Ten days.", (1,))]),
        ("Ten days. [1] Cards are fast. [2]", [("Ten days.", (1,)), ("Cards are fast.", (2,))]),
        ("Ten days [1, 3] or so [3; 2].", [("Ten days or so.", (1, 3, 2))]),
        ("Ten days [1-3].", [("Ten days.", (1, 2, 3))]),
        ("Ten days [1][2]【3】.", [("Ten days.", (1, 2, 3))]),
        ("[1] says ten days.", [("says ten days.", (1,))]),
        ("Ten days.\n[2]", [("Ten days.", (2,))]),
        ("Ten days.\n[2] Cards are fast.", [("Ten days.", ()), ("Cards are fast.", (2,))]),
        ("- ten days [1]\n- no fee [2]", [("ten days", (1,)), ("no fee", (2,))]),
        ("Ten days [9999-1].", [("Ten days.", (9999, 1))]),
        ("See [a] and [12345].", [("See [a] and [12345].", ())]),
        ("[1] [2]", []),
        ("", []),
    ],
)
def test_markers_go_to_their_sentence(
    text: str, expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert [(c.text, c.cited) for c in claims(text)] == expected


@given(st.text(alphabet="ab .\n[]123,-?!", max_size=60))
def test_claims_are_stretches_of_the_answer_in_order(text: str) -> None:
    found = claims(text)
    assert all(0 <= c.start < c.end <= len(text) for c in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ABSTENTION, True),
        (f"“{ABSTENTION.upper()}” [1]", True),
        ("The passages do not\nanswer this question", True),
        (f"{ABSTENTION} Try support.", False),
        ("The passages do not answer this.", False),
        ("", False),
    ],
)
def test_an_abstention_is_the_sentence_and_nothing_else(text: str, expected: bool) -> None:
    assert is_abstention(text) is expected
