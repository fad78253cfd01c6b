"""Stretches of a document hold its text exactly, and say what the encoder and the search miss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.chunking import build_chunks, make_chunker
from whymiss.config import ChunkingConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.boundaries import BOUNDARIES, KINDS, boundaries_frame
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document
from whymiss.testing import RegexTokenizer

TEXT = "# Plans\n\nTen euros a month.\n\n## Annual\n\nPaid once, in January. Phone support is free."


def chunk_of(text: str, start: int, end: int, **fields: int) -> Chunk:
    return Chunk(
        chunk_id=f"{start}-{end}", doc_id="d", start=start, end=end, text=text[start:end],
        n_tokens=fields.pop("n_tokens", 5), parent_start=start, parent_end=end, **fields,
    )  # fmt: skip


@st.composite
def cut_documents(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    text = draw(st.text("ab \n#é<", min_size=1, max_size=40))
    place = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(place, place), max_size=6, unique=True))
    return text, [(min(p), max(p)) for p in pairs if p[0] != p[1]]


@given(cut_documents())
def test_chunks_and_gaps_hold_every_character_and_overlaps_what_is_held_twice(
    cut: tuple[str, list[tuple[int, int]]],
) -> None:
    text, spans = cut
    document = Document(doc_id="d", text=text)
    found = boundaries_frame(document, [chunk_of(text, *span) for span in spans])

    assert all(text[r.start : r.end] == r.text for r in found.itertuples())
    # The oracle: how many chunks hold each character.
    held = [sum(start <= i < end for start, end in spans) for i in range(len(text))]
    for kind, wanted in (("gap", lambda n: n == 0), ("overlap", lambda n: n > 1)):
        rows = found[found["kind"] == kind]
        covered = [i for row in rows.itertuples() for i in range(row.start, row.end)]
        assert covered == [i for i, n in enumerate(held) if wanted(n)]
    chunks = found[found["kind"] == "chunk"]
    assert list(zip(chunks["start"], chunks["end"], strict=True)) == sorted(spans)
    assert chunks["number"].tolist() == list(range(1, len(spans) + 1))


@pytest.mark.parametrize("strategy", ["fixed", "heading", "sentence", "recursive"])
def test_what_a_chunker_made_is_told_as_it_is(strategy: str) -> None:
    document = Document(doc_id="d", text=TEXT)
    config = ChunkingConfig(strategy=strategy, size=16)
    tokenizer = RegexTokenizer()
    spans = make_chunker(config, tokenizer).spans(document)
    chunks = build_chunks(document, spans, config=config, tokenizer=tokenizer, max_tokens=256)
    found = boundaries_frame(document, chunks)

    assert list(found.columns) == list(BOUNDARIES)
    mine = found[found["kind"] == "chunk"]
    assert mine["n_tokens"].tolist() == [chunk.n_tokens for chunk in chunks]
    assert mine["section"].tolist() == [" > ".join(chunk.headings) for chunk in chunks]
    gaps = found[found["kind"] == "gap"]
    assert set(gaps["note"]) <= {"white space"}
    order = [KINDS.index(kind) for kind in found["kind"]]
    assert order == sorted(order)


def test_headings_are_told_with_the_path_to_them() -> None:
    found = boundaries_frame(Document(doc_id="d", text=TEXT), [])
    headings = found[found["kind"] == "heading"]
    assert headings["section"].tolist() == ["Plans", "Plans > Annual"]
    assert headings["start"].tolist() == [0, TEXT.index("## Annual")]


def test_what_the_encoder_does_not_read_begins_at_the_token_behind_the_limit() -> None:
    # 7 tokens with 2 special ones: of the 5 words the encoder sees 3.
    text = "ten euros a month now"
    chunk = chunk_of(text, 0, len(text), n_tokens=7, n_truncated=2)
    document = Document(doc_id="d", text=text)
    found = boundaries_frame(document, [chunk], tokenizer=RegexTokenizer())
    (tail,) = found[found["kind"] == "unread"].itertuples()
    assert (tail.text, tail.n_tokens, tail.number) == ("month now", 2, 1)


def test_a_chunk_of_which_the_prefix_took_all_the_room_is_not_read_at_all() -> None:
    chunk = chunk_of("ten euros", 0, 9, n_tokens=300, n_truncated=44)
    document = Document(doc_id="d", text="ten euros")
    found = boundaries_frame(document, [chunk], tokenizer=RegexTokenizer())
    assert found[found["kind"] == "unread"]["text"].tolist() == ["ten euros"]


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(0, 20)], "whole in chunk 1"),
        ([(0, 20), (4, 20)], "whole in chunks 1, 2"),
        ([(0, 8), (8, 20)], "cut over chunks 1, 2"),
        ([(12, 20)], "in no chunk"),
    ],
)
def test_evidence_says_which_chunks_hold_it(spans: list[tuple[int, int]], said: str) -> None:
    text = "ten euros a month now"
    evidence = EvidenceSpan(doc_id="d", start=4, end=9)
    chunks = [chunk_of(text, *span) for span in spans]
    found = boundaries_frame(Document(doc_id="d", text=text), chunks, evidence=[evidence])
    assert found[found["kind"] == "evidence"]["note"].tolist() == [said]


def test_evidence_in_what_is_not_read_says_so() -> None:
    text = "ten euros a month now"
    chunk = chunk_of(text, 0, len(text), n_tokens=7, n_truncated=2)
    spans = [EvidenceSpan(doc_id="d", start=s, end=e) for s, e in ((4, 9), (12, 17))]
    found = boundaries_frame(
        Document(doc_id="d", text=text), [chunk], evidence=spans, tokenizer=RegexTokenizer()
    )
    assert found[found["kind"] == "evidence"]["note"].tolist() == [
        "whole in chunk 1",
        "whole in chunk 1, but not read to its end by the encoder",
    ]


def test_text_that_no_chunk_holds_is_told_apart_from_white_space() -> None:
    text = "ten euros\n\na month"
    found = boundaries_frame(Document(doc_id="d", text=text), [chunk_of(text, 0, 9)])
    assert found[found["kind"] == "gap"]["note"].tolist() == ["in no chunk"]
    both = [chunk_of(text, 0, 9), chunk_of(text, 11, 18)]
    found = boundaries_frame(Document(doc_id="d", text=text), both)
    assert found[found["kind"] == "gap"]["note"].tolist() == ["white space"]


def test_other_documents_are_left_out() -> None:
    other = Chunk(chunk_id="c", doc_id="e", start=0, end=1, text="x", n_tokens=1,
                  parent_start=0, parent_end=1)  # fmt: skip
    span = EvidenceSpan(doc_id="e", start=0, end=1)
    found = boundaries_frame(Document(doc_id="d", text="abc"), [other], evidence=[span])
    assert found["kind"].tolist() == ["gap"]


def test_a_document_without_text_has_no_stretches() -> None:
    assert not len(boundaries_frame(Document(doc_id="d", text=""), []))


def test_what_cannot_be_told_is_refused() -> None:
    document = Document(doc_id="d", text="ten euros")
    with pytest.raises(InvalidRecordError, match="the index is behind the document"):
        boundaries_frame(document, [chunk_of("ten pound", 0, 9)])
    with pytest.raises(InvalidRecordError, match=r"1 chunk is truncated.*tokenizer alone"):
        boundaries_frame(document, [chunk_of("ten euros", 0, 9, n_truncated=1)])
    span = EvidenceSpan(doc_id="d", start=4, end=10)
    with pytest.raises(InvalidRecordError, match="ends behind the 9 characters of 'd'"):
        boundaries_frame(document, [], evidence=[span])
