"""Landmarks: sentences that give back the text, chosen evenly, with notes that are true."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping import PAGES, page

from whymiss.embedding import TokenStore
from whymiss.maps.atoms import Atoms, gather, sentence_spans
from whymiss.records import Document
from whymiss.retrieval import SearchSpace
from whymiss.testing import HashingEncoder

PROSE = st.text(st.sampled_from([*"aB1 .?!\n。\t\u00a0\x1c-\"'"]), max_size=80) | st.text(
    max_size=60
)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenStore:
    encoder = HashingEncoder()
    store = TokenStore(tmp_path / "tokens", encoder.model_version)
    store.build(PAGES, encoder)
    return store


@pytest.fixture
def space(space_of: Callable[..., SearchSpace]) -> SearchSpace:
    return space_of(PAGES, size=14)


def gathered(
    space: SearchSpace,
    tokens: TokenStore | None,
    *,
    documents: Sequence[Document] = PAGES,
    rows: Sequence[int] | None = None,
    **fields: Any,
) -> Atoms:
    rows = list(range(len(space.snapshot))) if rows is None else rows
    hashes = {document.doc_id: document.content_hash for document in documents}
    return gather(
        documents,
        [space.snapshot.chunks[row] for row in rows],
        space.snapshot.vectors[list(rows)],
        **{"hashes": hashes, "tokens": tokens, **fields},
    )


def told(atoms: Atoms) -> set[tuple[str, bool, str]]:
    """Every atom as (document, whether a sentence, text)."""
    return {
        (atoms.documents[number], bool(sentence), text)
        for number, sentence, text in zip(
            atoms.document_of, atoms.is_sentence, atoms.texts, strict=True
        )
    }


# Sentences


@given(PROSE)
def test_sentences_are_the_whole_text_without_white_space(text: str) -> None:
    spans = sentence_spans(text)
    assert spans.shape == (len(spans), 2)
    assert spans.dtype == np.int64
    pieces = [text[start:end] for start, end in spans.tolist()]
    assert all(piece and piece == piece.strip() for piece in pieces)
    assert (spans[1:, 0] >= spans[:-1, 1]).all()
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)


def test_what_lies_between_sentences_is_white_space_alone() -> None:
    text = "  One day. \n\n Another day?\tYes. "
    assert [text[a:b] for a, b in sentence_spans(text).tolist()] == [
        "One day.", "Another day?", "Yes.",
    ]  # fmt: skip
    assert sentence_spans("").shape == sentence_spans(" \n").shape == (0, 2)


# Gathering


def test_a_sentence_is_the_mean_of_its_token_vectors_and_a_chunk_is_as_embedded(
    space: SearchSpace, tokens: TokenStore
) -> None:
    atoms = gathered(space, tokens)
    n_chunks = len(space.snapshot)
    assert atoms.is_sentence.tolist() == [False] * n_chunks + [True] * (len(atoms) - n_chunks)
    assert atoms.vectors[:n_chunks].tobytes() == space.snapshot.vectors.tobytes()
    assert list(atoms.texts[:n_chunks]) == [chunk.text for chunk in space.snapshot.chunks]
    by_hash = {document.content_hash: document for document in PAGES}
    wanted = [
        (document.content_hash, text)
        for document in PAGES
        for text in re.findall(r"[^.]+\.", document.text)
    ]
    sentences = [(h, text) for h, is_one, text in told(atoms) if is_one]
    assert sorted(sentences) == sorted((h, text.strip()) for h, text in wanted)
    for row in range(n_chunks, len(atoms)):
        document = by_hash[atoms.documents[atoms.document_of[row]]]
        (found,) = HashingEncoder().document_tokens([document.text])
        start = document.text.index(atoms.texts[row])
        inside = (found.offsets.starts >= start) & (
            found.offsets.ends <= start + len(atoms.texts[row])
        )
        mean = found.vectors[inside].astype(np.float64).sum(axis=0)
        np.testing.assert_allclose(atoms.vectors[row], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(atoms.vectors, axis=1), 1, atol=1e-5)
    assert atoms.notes == ()


def test_pieces_of_fewer_than_eight_tokens_are_no_landmarks(
    tmp_path: Path, space_of: Callable[..., SearchSpace]
) -> None:
    seven, eight = "One two three four five six.", "One two three four five six seven."
    document = Document(doc_id="d", text=f"# Heading\n\n{seven} {eight}", allowed=["*"])
    encoder = HashingEncoder()
    assert encoder.tokenizer.count([seven, eight]) == [7, 8]
    store = TokenStore(tmp_path, encoder.model_version)
    store.build([document], encoder)
    atoms = gathered(space_of([document]), store, documents=[document])
    assert [text for _, is_one, text in told(atoms) if is_one] == [eight]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_documents_without_tokens_give_no_sentences_and_are_counted(
    n: int, space: SearchSpace, tokens: TokenStore
) -> None:
    gone = [document.content_hash for document in PAGES[:n]]
    tokens.drop(gone)
    atoms = gathered(space, tokens)
    # Their chunks are landmarks all the same.
    assert {h for h, is_one, _ in told(atoms) if not is_one} == {d.content_hash for d in PAGES}
    assert {h for h, is_one, _ in told(atoms) if is_one}.isdisjoint(gone)
    counted = "1 document" if n == 1 else f"{n} documents"
    assert atoms.notes == (
        (f"fitted without the sentences of {counted}, whose token vectors are not stored",)
        if n
        else ()
    )


def test_without_a_token_store_no_document_has_sentences(space: SearchSpace) -> None:
    atoms = gathered(space, None)
    assert not atoms.is_sentence.any()
    assert len(atoms) == len(space.snapshot)
    assert "sentences of 12 documents" in atoms.notes[0]


def test_chunks_of_documents_that_have_changed_since_are_left_out(
    space: SearchSpace, tokens: TokenStore
) -> None:
    current = {d.doc_id: d.content_hash for d in PAGES if d.doc_id != "billing-1.md"}
    documents = [d for d in PAGES if d.doc_id in current]
    atoms = gathered(space, tokens, documents=documents, hashes=current)
    stale = next(d for d in PAGES if d.doc_id == "billing-1.md")
    assert stale.content_hash not in atoms.documents
    assert not any("billing1" in text for text in atoms.texts)
    assert len(atoms.documents) == 11


@settings(max_examples=25)
@given(most=st.integers(1, 140), data=st.data())
def test_the_choice_is_the_same_in_any_order_and_never_of_more_than_it_may(
    most: int, data: st.DataObject, space_of: Callable[..., SearchSpace],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    encoder = HashingEncoder()
    tokens = TokenStore(tmp_path_factory.getbasetemp() / "order", encoder.model_version)
    tokens.build(PAGES, encoder)
    space = space_of(PAGES, size=14)
    n_chunks, n_sentences = len(space.snapshot), 57
    atoms = gathered(space, tokens, most=most)
    assert len(atoms) == len(told(atoms)) == min(most, n_chunks + n_sentences)
    # Chunks have half of the room, or what sentences leave of it.
    of_chunks = min(n_chunks, max(most // 2, most - n_sentences))
    assert int((~atoms.is_sentence).sum()) == of_chunks
    other = gathered(
        space,
        tokens,
        documents=data.draw(st.permutations(PAGES)),
        rows=data.draw(st.permutations(range(n_chunks))),
        most=most,
    )
    assert told(other) == told(atoms)
    vectors = {t: v.tobytes() for t, v in zip(atoms.texts, atoms.vectors, strict=True)}
    assert {t: v.tobytes() for t, v in zip(other.texts, other.vectors, strict=True)} == vectors
    if most >= n_chunks + n_sentences:
        assert atoms.notes == ()
    else:
        assert atoms.notes == (
            f"fitted on {len(atoms) - of_chunks} of {n_sentences} sentences and {of_chunks} of "
            f"{n_chunks} chunks, evenly chosen; all others are placed among them",
        )


def test_a_document_that_goes_leaves_the_choice_of_the_others(
    space: SearchSpace, tokens: TokenStore
) -> None:
    before = gathered(space, tokens, most=40)
    stay = [d for d in PAGES if d.doc_id != "storage-2.md"]
    rows = [r for r, c in enumerate(space.snapshot.chunks) if c.doc_id != "storage-2.md"]
    after = gathered(space, tokens, documents=stay, rows=rows, most=40)
    gone = next(d for d in PAGES if d.doc_id == "storage-2.md").content_hash
    assert {one for one in told(before) if one[0] != gone} <= told(after)
    assert len(after) == 40


def test_equal_texts_of_two_documents_are_one_landmark_document(
    tmp_path: Path, space_of: Callable[..., SearchSpace]
) -> None:
    one = page("billing", 1)
    twin = Document(doc_id="twin.md", text=one.text, allowed=["*"])
    encoder = HashingEncoder()
    store = TokenStore(tmp_path, encoder.model_version)
    store.build([one, twin], encoder)
    atoms = gathered(space_of([one, twin]), store, documents=[one, twin])
    assert atoms.documents == (one.content_hash,)
    assert atoms.is_sentence.tolist() == [False, False] + [True] * 6


def test_nothing_at_all_is_gathered_from_nothing(space: SearchSpace) -> None:
    atoms = gathered(space, None, documents=[], rows=[])
    assert atoms.vectors.shape == (0, 64)
    assert (len(atoms), atoms.documents, atoms.texts, atoms.notes) == (0, (), (), ())
