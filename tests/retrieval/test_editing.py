"""An edited space is the one that would have been built from scratch over the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import IndexConfig, RetrievalConfig
from whymiss.index import Catalogue, Manifest, Snapshot
from whymiss.records import Chunk, Clause, Document, Query
from whymiss.retrieval import BM25Retriever, DenseRetriever, SearchSpace
from whymiss.retrieval.bm25 import TermIndex
from whymiss.retrieval.editing import edited_space, recatalogued_space, revectored_space
from whymiss.retrieval.terms import term_splitter
from whymiss.testing import HashingEncoder

ENCODER = HashingEncoder(dimension=16)
WORDS = ("annual", "monthly", "plans", "plan", "refund", "the", "FW-1042", "card", "fee", "days")
QUERIES = [
    Query(query_id="one", text="annual plan refund FW-1042"),
    Query(query_id="two", text="monthly fee", principals=("staff",)),
    Query(query_id="three", text="card days", where=(Clause(field="tier", op="eq", value="a"),)),
    Query(query_id="four", text="nothing of it"),
]
DOCUMENTS = {
    "a": Document(doc_id="a", text="", allowed=("*",), metadata={"tier": "a"}),
    "b": Document(doc_id="b", text="", allowed=("staff",), metadata={"tier": "b"}),
    "c": Document(doc_id="c", text="", allowed=("*",)),
}


@dataclass
class Ids:
    """Chunk ids that were never given before, in no order."""

    given: int = 0

    def next(self) -> str:
        self.given += 1
        return f"{(self.given * 7919) % 1000:03}-{self.given}"


def chunk(ids: Ids, doc_id: str, start: int, words: Sequence[str], tier: str) -> Chunk:
    text = " ".join(words) or "!"
    return Chunk(
        chunk_id=ids.next(), doc_id=doc_id, start=start, end=start + len(text), text=text,
        n_tokens=len(words), parent_start=start, parent_end=start + len(text),
        metadata={"tier": tier} if tier else {},
    )  # fmt: skip


def catalogue(documents: dict[str, Document] = DOCUMENTS) -> Catalogue:
    states = dict.fromkeys(documents, "now")
    return Catalogue(1, documents, states, states, states)


def built(
    chunks: Sequence[Chunk],
    vectors: np.ndarray,
    states: dict[str, str],
    documents: dict[str, Document] = DOCUMENTS,
) -> SearchSpace:
    """A space made from scratch: rows sorted, nothing counted yet."""
    order = sorted(
        range(len(chunks)),
        key=lambda i: (chunks[i].doc_id, chunks[i].start, chunks[i].chunk_id),
    )
    ordered = tuple(chunks[i] for i in order)
    snapshot = Snapshot(
        name="main", version=1, chunks=ordered,
        manifest=Manifest(
            knobs={}, model_version=ENCODER.model_version, dimension=ENCODER.dimension
        ),
        vectors=vectors[order] if order else np.empty((0, ENCODER.dimension), np.float32),
        states={c.doc_id: states.get(c.doc_id, "now") for c in ordered},
    )  # fmt: skip
    return SearchSpace(snapshot, catalogue(documents))


CONFIGS = [
    RetrievalConfig(),
    RetrievalConfig(stemmer="", stop_words=False, bm25_k1=0.9, bm25_b=0.2),
    RetrievalConfig(filter_mode="post", candidate_depth=5),
]


def found(space: SearchSpace) -> list[object]:
    """All that a search of a space gives."""
    vectors = ENCODER.encode_queries([query.text for query in QUERIES])
    results: list[object] = [
        (c.chunk_id, space.snapshot.row_of[c.chunk_id]) for c in space.snapshot.chunks
    ]
    results += [space.visible(query).tolist() for query in QUERIES]
    results.append(sorted(space.stale_documents()))
    for config in CONFIGS:
        depth = config.candidate_depth
        dense = DenseRetriever(space, ENCODER, retrieval=config, index=IndexConfig())
        bm25 = BM25Retriever(space, retrieval=config)
        for candidates in [
            *dense.find(QUERIES, vectors, depth=depth),
            *bm25.find(QUERIES, depth=depth),
        ]:
            results.append((candidates.rows.tolist(), candidates.scores.tolist()))
    return results


def count_terms(space: SearchSpace) -> None:
    """Let a space count its terms, so that an edit has counts to keep."""
    for config in CONFIGS:
        BM25Retriever(space, retrieval=config).find(QUERIES, depth=3)


pieces = st.tuples(
    st.sampled_from(sorted(DOCUMENTS)),
    st.integers(0, 8),
    st.lists(st.sampled_from(WORDS), max_size=6),
    st.sampled_from(["", "a", "b"]),
)


@dataclass
class Model:
    """The rows of a space as a plain list, and every edit made to it."""

    ids: Ids = field(default_factory=Ids)
    chunks: list[Chunk] = field(default_factory=list)
    vectors: list[np.ndarray] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def make(self, some: Sequence[tuple[str, int, list[str], str]]) -> list[Chunk]:
        return [chunk(self.ids, *one) for one in some]

    def add(self, chunks: Sequence[Chunk], vectors: np.ndarray) -> None:
        self.chunks += chunks
        self.vectors += list(vectors)

    def drop(self, gone: set[str]) -> None:
        kept = [i for i, c in enumerate(self.chunks) if c.chunk_id not in gone]
        self.chunks = [self.chunks[i] for i in kept]
        self.vectors = [self.vectors[i] for i in kept]

    def forget_documents_without_rows(self) -> None:
        there = {c.doc_id for c in self.chunks}
        self.states = {d: state for d, state in self.states.items() if d in there}

    def space(self) -> SearchSpace:
        vectors = np.array(self.vectors, np.float32).reshape(-1, ENCODER.dimension)
        return built(self.chunks, vectors, self.states)


@given(st.data(), st.booleans())
def test_a_chain_of_edits_searches_as_a_space_built_from_scratch(
    data: st.DataObject, counted: bool
) -> None:
    model = Model()
    first = model.make(data.draw(st.lists(pieces, max_size=8)))
    model.add(first, ENCODER.encode_documents([c.text for c in first]))
    space = model.space()
    for n in range(data.draw(st.integers(1, 3))):
        if counted:
            count_terms(space)
        rows = len(space.snapshot)
        drop = data.draw(st.sets(st.integers(0, max(0, rows - 1)))) if rows else set()
        add = model.make(data.draw(st.lists(pieces, max_size=4)))
        vectors = ENCODER.encode_documents([c.text for c in add])
        states = data.draw(st.sampled_from([{}, {"a": f"edit {n}"}]))
        edited = edited_space(space, drop=drop, add=add, vectors=vectors, states=states)
        model.drop({space.snapshot.chunks[row].chunk_id for row in drop})
        model.add(add, vectors)
        model.states = {**model.states, **states}
        model.forget_documents_without_rows()
        space, scratch = edited, model.space()

        assert found(space) == found(scratch)
        assert np.array_equal(space.snapshot.vectors, scratch.snapshot.vectors)
        assert space.snapshot.states == scratch.snapshot.states


@given(st.lists(pieces, min_size=1, max_size=8), st.data())
def test_terms_of_an_edited_space_are_those_counted_anew(
    some: list[tuple[str, int, list[str], str]], data: st.DataObject
) -> None:
    model = Model()
    chunks = model.make(some)
    model.add(chunks, ENCODER.encode_documents([c.text for c in chunks]))
    space = model.space()
    count_terms(space)
    drop = data.draw(st.sets(st.integers(0, len(chunks) - 1)))
    add = model.make(data.draw(st.lists(pieces, max_size=4)))
    edited = edited_space(
        space, drop=drop, add=add, vectors=ENCODER.encode_documents([c.text for c in add])
    )
    for config in CONFIGS:
        split = term_splitter(config.stemmer, config.stop_words)
        anew = TermIndex.of([c.text for c in edited.snapshot.chunks], split)
        kept = BM25Retriever(edited, retrieval=config).terms

        assert not isinstance(kept, TermIndex)
        assert kept.lengths.tolist() == anew.lengths.tolist()
        for term in {*anew.vocabulary, *split(" ".join(WORDS)), "of", "no such term"}:
            assert sorted(zip(*map(list, kept.postings(term)), strict=True)) == sorted(
                zip(*map(list, anew.postings(term)), strict=True)
            )


def small() -> SearchSpace:
    ids = Ids()
    chunks = [
        chunk(ids, "a", 0, ["annual", "plan"], ""),
        chunk(ids, "a", 20, ["monthly", "fee"], "b"),
        chunk(ids, "b", 0, ["refund"], ""),
    ]
    return built(chunks, ENCODER.encode_documents([c.text for c in chunks]), {})


def test_a_row_that_is_changed_is_dropped_and_added_in_its_place() -> None:
    space = small()
    old = space.snapshot.chunks[1]
    new = replace(old, text="annual fee!", end=old.start + 11)
    made = edited_space(space, drop=[1], add=[new], vectors=ENCODER.encode_documents([new.text]))

    assert [c.text for c in made.snapshot.chunks] == ["annual plan", "annual fee!", "refund"]
    assert space.snapshot.chunks[1] is old


def test_an_edit_leaves_the_space_that_it_is_made_of_as_it_was() -> None:
    space = small()
    before = found(space)
    chunks, vectors = space.snapshot.chunks[:1], ENCODER.encode_documents(["fee"])
    new = [replace(chunks[0], chunk_id="new", text="fee", end=3)]
    made = edited_space(space, drop=[0, 2], add=new, vectors=vectors, states={"a": "then"})
    found(made)

    assert found(space) == before


def test_a_document_that_had_no_rows_is_of_the_stored_state() -> None:
    new = chunk(Ids(9), "c", 0, ["fee"], "")
    made = edited_space(small(), add=[new], vectors=ENCODER.encode_documents(["fee"]))

    assert made.snapshot.states["c"] == "now"
    assert made.stale_documents() == frozenset()


def test_a_document_that_is_not_stored_is_stale() -> None:
    new = chunk(Ids(9), "gone", 0, ["fee"], "")
    made = edited_space(small(), add=[new], vectors=ENCODER.encode_documents(["fee"]))

    assert made.stale_documents() == {"gone"}


def test_states_of_documents_without_rows_are_gone_and_new_ones_are_known() -> None:
    made = edited_space(small(), drop=[2], states={"a": "then"})

    assert made.snapshot.states == {"a": "then"}
    assert made.stale_documents() == {"a"}


def test_an_edited_space_is_searched_exactly_for_it_has_no_table() -> None:
    space = small()
    held = replace(space, snapshot=replace(space.snapshot, table=object()))

    assert edited_space(held).snapshot.table is None
    assert revectored_space(held, held.snapshot.vectors).snapshot.table is None
    assert recatalogued_space(held, held.catalogue).snapshot.table is not None


def test_other_vectors_change_what_is_dense_and_keep_the_counted_terms() -> None:
    space = small()
    count_terms(space)
    turned = space.snapshot.vectors[::-1].copy()
    made = revectored_space(space, turned)

    assert found(made) == found(built(space.snapshot.chunks, turned, {}))
    kept, before = (BM25Retriever(s, retrieval=CONFIGS[0]).terms for s in (made, space))
    assert kept is before


def test_other_documents_change_who_sees_what_at_once() -> None:
    space = small()
    count_terms(space)
    found(space)
    closed = {**DOCUMENTS, "a": replace(DOCUMENTS["a"], allowed=("staff",), metadata={})}
    made = recatalogued_space(space, catalogue(closed))
    chunks, vectors = space.snapshot.chunks, space.snapshot.vectors

    assert found(made) == found(built(chunks, vectors, {}, closed))
    assert found(made) != found(space)
    kept, before = (BM25Retriever(s, retrieval=CONFIGS[0]).terms for s in (made, space))
    assert kept is before


@pytest.mark.parametrize("drop", [[], [0], [0, 1, 2]])
def test_an_edit_without_new_rows_needs_no_vectors(drop: list[int]) -> None:
    made = edited_space(small(), drop=drop)

    assert len(made.snapshot) == 3 - len(drop)
    assert made.snapshot.vectors.shape == (3 - len(drop), ENCODER.dimension)
