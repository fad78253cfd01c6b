"""Chunks that repeat each other, and those that only speak of the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from whymiss.neighbourhood.duplicates import DUPLICATES, near_duplicates
from whymiss.neighbourhood.ground import Ground

GroundOf = Callable[..., Ground]

TEXT = (
    "Annual plans include phone support at no charge from eight to six on working days and the "
    "desk calls back within four hours when the line is busy or the crew is out"
)


def found(ground_of: GroundOf, *texts: str, **more: object) -> pd.DataFrame:
    return near_duplicates(ground_of({f"d{i}": t for i, t in enumerate(texts)}, **more))


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (TEXT.upper() + "!", "copy"),
        (TEXT + " Ask us.", "contained"),
        (TEXT.replace("four hours", "two days"), "edited"),
    ],
)
def test_a_repeated_text_is_found_and_called_by_its_kind(
    ground_of: GroundOf, other: str, kind: str
) -> None:
    made = found(ground_of, TEXT, other, "Invoices are sent by mail on the first of each month")

    assert made[["doc_id", "other_doc_id", "kind"]].values.tolist() == [["d0", "d1", kind]]
    assert tuple(made.columns) == DUPLICATES


def test_the_same_words_in_another_order_are_no_copy(ground_of: GroundOf) -> None:
    # To this encoder, which only counts words, both are the same.
    backwards = " ".join(reversed(TEXT.split()))

    assert len(found(ground_of, TEXT, backwards)) == 0


def test_a_copy_is_no_near_duplicate_where_the_embedding_sets_it_apart(
    ground_of: GroundOf,
) -> None:
    apart = {"d0": [1.0, 0.0], "d1": [0.8, 0.6]}

    assert len(found(ground_of, TEXT, TEXT, vectors=apart)) == 0
    assert len(found(ground_of, TEXT, TEXT, vectors={**apart, "d1": [0.9, 0.43]})) == 1


def test_a_heading_that_stands_in_many_places_is_told_by_all_its_words_or_not(
    ground_of: GroundOf,
) -> None:
    same = {f"d{i}": [1.0] for i in range(3)}
    made = found(ground_of, "Support by phone", "support by phone", TEXT + " Support by phone",
                 vectors=same)  # fmt: skip

    assert made[["doc_id", "other_doc_id"]].values.tolist() == [["d0", "d1"]]


def test_chunks_that_overlap_share_one_text_and_repeat_nothing(ground_of: GroundOf) -> None:
    ground = ground_of({"d": f"{TEXT} {TEXT}"}, size=len(TEXT.split()))
    assert len(near_duplicates(ground)) == 1

    first, second = ground.chunks
    moved = replace(second, start=first.start + 5, end=first.start + 5 + len(second.text))
    snapshot = replace(ground.space.snapshot, chunks=(first, moved))
    touching = replace(ground, space=replace(ground.space, snapshot=snapshot))
    assert len(near_duplicates(touching)) == 0


def test_what_stands_in_two_documents_comes_before_what_one_page_repeats(
    ground_of: GroundOf,
) -> None:
    texts = {"a": f"{TEXT} {TEXT}", "b": TEXT.replace("four", "nine")}
    made = near_duplicates(ground_of(texts, size=len(TEXT.split())))

    assert made["other_doc_id"].tolist() == ["b", "b", "a"]


def test_an_empty_index_and_one_row_repeat_nothing(ground_of: GroundOf) -> None:
    one = ground_of({"a": TEXT})

    assert len(near_duplicates(one)) == 0
    assert tuple(near_duplicates(one).columns) == DUPLICATES
