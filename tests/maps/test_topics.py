"""Groups by vectors, and labels whose weights can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.maps.topics import assigned, centres, labels, n_topics
from whymiss.testing import HashingEncoder

IDS = st.lists(st.integers(-1, 3), min_size=1, max_size=12)


def groups(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)


def test_labels_are_by_class_based_tf_idf() -> None:
    # Words: group 0 apple x2, pear; group 1 apple, plum. A = 5 / 2; apple stands 3 times in all.
    # Group 0: apple 2/3 ln(1 + 2.5/3) = 0.404, pear 1/3 ln(1 + 2.5/1) = 0.418.
    # Group 1: apple 1/2 ln(1 + 2.5/3) = 0.303, plum 1/2 ln(1 + 2.5/1) = 0.626.
    texts = ["apple apple pear", "apple plum"]
    assert labels(texts, groups(0, 1), 2) == ("pear, apple", "plum, apple")
    # One apple more in group 0: 3/4 ln(1 + 3/4) = 0.420 against 1/4 ln(1 + 3/1) = 0.347.
    assert labels(["apple apple apple pear", "apple plum"], groups(0, 1), 2)[0] == "apple, pear"


def test_equal_weights_go_by_the_alphabet_and_three_words_are_enough() -> None:
    assert labels(["delta bravo charlie alpha"], groups(0), 1) == ("alpha, bravo, charlie",)


def test_a_word_within_another_is_not_said_twice() -> None:
    assert labels(["invoice invoices invoice card"], groups(0), 1) == ("invoice, card",)


def test_function_words_numbers_and_letters_tell_nothing() -> None:
    assert labels(["the of and 12 1042 3.50 ab x refund"], groups(0), 1) == ("refund",)


def test_groups_without_texts_or_words_have_an_empty_label() -> None:
    assert labels(["refund", "12 the"], groups(1, 2), 4) == ("", "refund", "", "")
    assert labels([], groups(), 3) == ("", "", "")
    assert labels([], groups(), 0) == ()
    # What is in no group counts nowhere.
    assert labels(["refund", "secret secret"], groups(0, -1), 1) == ("refund",)


@given(st.permutations(range(6)))
def test_labels_do_not_depend_on_the_order_of_the_texts(order: list[int]) -> None:
    texts = [
        "monthly fee", "monthly bill", "fee bill", "photo sync", "sync folder", "photo folder",
    ]  # fmt: skip
    numbers = groups(0, 0, 0, 1, 1, 1)
    assert labels([texts[i] for i in order], numbers[order], 2) == labels(texts, numbers, 2)


def test_hostile_words_become_labels_of_letters_alone(hostile_strings: tuple[str, ...]) -> None:
    n = len(hostile_strings)
    made = labels(hostile_strings, np.arange(n), n)
    assert len(made) == n
    assert any("script" in label for label in made)
    for label in made:
        assert not set(label) & set('<>"=()[]{}$\\\n\r\x00\u202e')


@pytest.mark.parametrize(("n", "most"), [(0, 2), (1, 2), (8, 2), (18, 3), (3200, 40), (10**6, 40)])
def test_so_many_groups_are_made(n: int, most: int) -> None:
    assert n_topics(n) == most


def test_centres_are_the_same_every_time_and_of_length_one() -> None:
    vectors = HashingEncoder().encode_documents([f"word{i} other{i % 7}" for i in range(80)])
    one, other = (centres(vectors, 6, seed=42) for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert one.shape == (6, 64)
    assert one.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-6)
    assert len(set(assigned(vectors, one).tolist())) == 6


@pytest.mark.filterwarnings("error")
def test_there_are_no_more_centres_than_distinct_vectors() -> None:
    vectors = np.repeat(np.eye(3, 5, dtype=np.float32), 4, axis=0)
    found = centres(vectors, 8, seed=1)
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, np.eye(3, 5).tolist()))
    assert centres(vectors[:0], 8, seed=1).shape == (0, 5)


@given(IDS)
def test_each_vector_is_of_the_centre_that_is_nearest(numbers: list[int]) -> None:
    basis = np.eye(4, dtype=np.float32)
    vectors = basis[[max(0, number) for number in numbers]]
    assert assigned(vectors, basis).tolist() == [max(0, number) for number in numbers]
    assert assigned(vectors, basis[:0]).tolist() == [-1] * len(numbers)
