"""Lines that many documents repeat, and what their tokens cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from whymiss.neighbourhood.boilerplate import CHUNKS, LINES, Boilerplate
from whymiss.neighbourhood.ground import Ground

GroundOf = Callable[..., Ground]

FOOT = "Page {n} of 9, printed for internal use."
WORDS = ("One", "Two", "Three", "Four")
TEXTS = {f"d{i}": f"{word} has its own words.\n{FOOT.format(n=i)}" for i, word in enumerate(WORDS)}


def test_a_footer_of_four_pages_is_found_with_what_it_costs(ground_of: GroundOf) -> None:
    found = Boilerplate(ground_of(TEXTS), {})
    (row,) = found.lines.to_dict("records")

    assert row["line"] == FOOT.format(n=0)
    assert (row["n_documents"], row["n_chunks"]) == (4, 4)
    # Page 0 of 9 , printed for internal use . : ten tokens, "internal" being of eight letters.
    assert (row["n_tokens"], row["wasted_tokens"]) == (10, 30)
    assert tuple(found.lines.columns) == LINES

    chunks = found.chunks
    ink = len(FOOT.format(n=0).replace(" ", ""))
    whole = len("".join(TEXTS["d0"].split()))
    assert chunks.set_index("doc_id").loc["d0", "share"] == pytest.approx(ink / whole)
    assert chunks["boilerplate_tokens"].tolist() == [10] * 4
    assert tuple(chunks.columns) == CHUNKS


def test_two_documents_may_quote_each_other(ground_of: GroundOf) -> None:
    two = {name: TEXTS[name] for name in ("d0", "d1")}

    assert len(Boilerplate(ground_of(two), {}).lines) == 0


def test_what_the_versions_of_one_thing_repeat_is_their_text(ground_of: GroundOf) -> None:
    ground = ground_of(
        {name: f"{word} is here\n{FOOT}" for name, word in zip(TEXTS, WORDS, strict=True)}
    )
    lines = {len(Boilerplate(ground, dict.fromkeys(some, "d0")).lines)
             for some in (["d0", "d1", "d2"], ["d0", "d1", "d2", "d3"])}  # fmt: skip

    assert lines == {0}
    assert len(Boilerplate(ground, dict.fromkeys(["d0", "d1"], "d0")).lines) == 1


def test_headings_of_one_or_two_words_are_no_boilerplate(ground_of: GroundOf) -> None:
    texts = {word: f"See also\n{word} stands here" for word in WORDS}

    assert len(Boilerplate(ground_of(texts), {}).lines) == 0


def test_a_line_twice_in_one_document_counts_its_document_once(ground_of: GroundOf) -> None:
    texts = {"a": f"{FOOT}\n{FOOT}", "b": FOOT, "c": "Other words stand here."}

    assert len(Boilerplate(ground_of(texts), {}).lines) == 0
    (row,) = Boilerplate(ground_of({**texts, "c": FOOT}), {}).lines.to_dict("records")
    assert row["wasted_tokens"] == 3 * row["n_tokens"]
