"""Texts by the runs of words they share: as sets of tuples say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.neighbourhood.shingles import Shingles

TEXTS = st.lists(
    st.lists(st.sampled_from("a b c d e".split()), max_size=9).map(" ".join),  # noqa: SIM905
    min_size=2, max_size=2,
)  # fmt: skip


def runs(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)} or {tuple(words)} - {()}


@given(TEXTS)
def test_containment_and_jaccard_are_those_of_the_sets_of_runs(texts: list[str]) -> None:
    made = Shingles.of(texts)
    one, other = map(runs, texts)
    fewer, either = min(len(one), len(other)), len(one | other)

    for first, second in ((0, 1), (1, 0)):
        contained = made.containment([first], [second])[0]
        assert contained == (len(one & other) / fewer if fewer else 0)
        jaccard = made.jaccard([first], [second])[0]
        assert jaccard == pytest.approx(len(one & other) / either if either else 0)


def test_one_changed_word_of_ten_costs_three_of_eight_runs() -> None:
    text = "one two three four five six seven eight nine ten"
    made = Shingles.of([text, text.replace("five", "5")])

    # 8 runs each; those that begin at "three", "four" and "five" differ.
    assert made.containment([0], [1])[0] == 5 / 8
    assert made.jaccard([0], [1])[0] == 5 / 11


def test_letters_in_another_case_and_marks_between_words_are_no_difference() -> None:
    made = Shingles.of(["Phone support: FREE, always!", "phone support free always"])

    assert made.jaccard([0], [1])[0] == 1
