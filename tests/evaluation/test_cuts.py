"""What borders do to evidence, against counting by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.evaluation.boundaries import boundaries_frame
from whymiss.evaluation.cuts import chunk_summary, evidence_cuts
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document
from whymiss.testing import RegexTokenizer

TEXT = "ten euros a month now"
#       0   4     10 12    18


def frame(
    spans: list[tuple[int, int]], gold: list[tuple[int, int]], text: str = TEXT, **last: int
) -> pd.DataFrame:
    """The table of a text; `last` are fields of the last chunk."""
    chunks = [
        Chunk(chunk_id=f"{start}-{end}", doc_id="d", start=start, end=end, text=text[start:end],
              n_tokens=last.get("n_tokens", 5) if n == len(spans) else 5,
              n_truncated=last.get("n_truncated", 0) if n == len(spans) else 0,
              parent_start=start, parent_end=end)
        for n, (start, end) in enumerate(spans, 1)
    ]  # fmt: skip
    evidence = [EvidenceSpan(doc_id="d", start=start, end=end) for start, end in gold]
    return boundaries_frame(
        Document(doc_id="d", text=text), chunks, evidence=evidence, tokenizer=RegexTokenizer()
    )


@pytest.mark.parametrize(
    ("spans", "fate", "parts", "n_pieces"),
    [
        ([(0, 20)], "whole", (1,), 1),
        ([(0, 8), (4, 20)], "whole", (1, 2), 1),
        ([(0, 6), (6, 8), (8, 20)], "cut", (1, 2, 3), 3),
        ([(0, 6)], "cut", (1,), 1),
        ([(12, 20)], "nowhere", (), 0),
    ],
)
def test_evidence_is_whole_cut_or_nowhere(
    spans: list[tuple[int, int]], fate: str, parts: tuple[int, ...], n_pieces: int
) -> None:
    (found,) = evidence_cuts(frame(spans, [(4, 9)]))
    assert (found.fate, found.parts, found.n_pieces) == (fate, parts, n_pieces)


def test_evidence_beyond_the_limit_is_whole_but_unread() -> None:
    # 7 tokens with 2 special ones: of the 5 words the encoder sees 3, up to "a".
    found = evidence_cuts(frame([(0, 21)], [(4, 9), (12, 17)], n_tokens=7, n_truncated=2))
    assert [cut.fate for cut in found] == ["whole", "unread"]
    # Another chunk that holds it and is read to its end brings it back.
    found = evidence_cuts(frame([(10, 17), (0, 21)], [(12, 17)], n_tokens=7, n_truncated=2))
    assert [cut.fate for cut in found] == ["whole"]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6, unique=True),
    st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(lambda p: p[0] != p[1]),
)
def test_parts_hold_some_of_it_and_whole_ones_all(
    pairs: list[tuple[int, int]], gold: tuple[int, int]
) -> None:
    spans = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    wanted = set(range(min(gold), max(gold)))
    (found,) = evidence_cuts(frame(spans, [(min(gold), max(gold))]))
    held = [set(range(*span)) for span in spans]
    assert found.parts == tuple(n for n, some in enumerate(held, 1) if some & wanted)
    assert found.whole == tuple(n for n, some in enumerate(held, 1) if some >= wanted)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=7, unique=True))
def test_an_overlap_names_exactly_the_chunks_that_hold_it(pairs: list[tuple[int, int]]) -> None:
    spans = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    made = frame(spans, [])
    for row in made[made["kind"] == "overlap"].itertuples():
        holding = [n for n, (s, e) in enumerate(spans, 1) if s <= row.start and row.end <= e]
        assert row.note == f"chunks {', '.join(map(str, holding))}"


def test_a_summary_counts_chunks_tokens_fates_and_what_is_lost() -> None:
    made = frame([(0, 3), (4, 9), (12, 21)], [(0, 3), (1, 6), (10, 11)], n_tokens=8, n_truncated=1)
    found = chunk_summary(made)
    assert (found.n_chunks, found.tokens) == (3, (5, 5.0, 8))
    assert found.fates == {"whole": 1, "unread": 0, "cut": 1, "nowhere": 1}
    assert (found.n_truncated, found.n_unread) == (1, 1)
    # " " is nothing, " a " is.
    assert found.n_gaps == 1


def test_a_document_without_chunks_has_no_tokens_to_speak_of() -> None:
    found = chunk_summary(frame([], [(4, 9)]))
    assert (found.n_chunks, found.tokens) == (0, None)
    assert found.fates["nowhere"] == 1
