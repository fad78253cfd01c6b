"""A search space with some rows taken out and others put in, without building anything anew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from whymiss.retrieval.bm25 import TermIndex
from whymiss.retrieval.space import SearchSpace
from whymiss.retrieval.terms import term_splitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.index import Catalogue, Snapshot
    from whymiss.protocols import Vectors
    from whymiss.records import Chunk

_ADDED = -1


def edited_space(
    space: SearchSpace,
    *,
    drop: Collection[int] = (),
    add: Sequence[Chunk] = (),
    vectors: Vectors | None = None,
    states: Mapping[str, str] | None = None,
    catalogue: Catalogue | None = None,
) -> SearchSpace:
    """The space without some rows and with others; what BM25 counted of the rest is kept.

    The result has no table, so that it is searched exactly.

    Parameters
    ----------
    drop : row numbers that go. A row that is changed is dropped and added.
    add, vectors : chunks that come, and their vectors, shape (len(add), dimension).
    states : documents whose rows are now of another state. Of a document that had no rows it is
        the stored one.
    catalogue : the documents, when they change too.
    """
    snapshot, catalogue = space.snapshot, catalogue or space.catalogue
    origins = _origins(snapshot.chunks, set(drop), sorted(add, key=_place))
    order = sorted(range(len(add)), key=lambda i: _place(add[i]))
    fresh = iter(order)
    which = [next(fresh) if origin == _ADDED else _ADDED for origin in origins]
    chunks = tuple(
        snapshot.chunks[origin] if new == _ADDED else add[new]
        for origin, new in zip(origins, which, strict=True)
    )
    edited = replace(
        snapshot,
        chunks=chunks,
        vectors=_matrix(snapshot, origins, which, vectors),
        states=_states(chunks, {**catalogue.states, **snapshot.states, **(states or {})}),
        table=None,
    )
    made = SearchSpace(edited, catalogue)
    texts = [chunk.indexed_text for chunk in add]
    for key, terms in _term_indexes(space).items():
        split = term_splitter(*key[1:])
        edit = EditedTerms.of(terms, np.array(origins, np.int64), texts, which, split)
        made.derived(key, partial(_same, edit))
    return made


def revectored_space(space: SearchSpace, vectors: Vectors) -> SearchSpace:
    """The same rows with other vectors, shape (len(rows), dimension)."""
    snapshot = replace(space.snapshot, vectors=vectors, table=None)
    made = SearchSpace(snapshot, space.catalogue)
    for key, terms in _term_indexes(space).items():
        made.derived(key, partial(_same, terms))
    return made


def recatalogued_space(space: SearchSpace, catalogue: Catalogue) -> SearchSpace:
    """The same rows under other documents: other permissions or metadata."""
    made = SearchSpace(space.snapshot, catalogue)
    for key, terms in _term_indexes(space).items():
        made.derived(key, partial(_same, terms))
    return made


@dataclass(frozen=True, slots=True)
class EditedTerms:
    """The term counts of an edited space: those of the rows that stayed, and of the new ones.

    `moved[row]` is where an old row stands now, -1 where it is gone.
    """

    base: Any
    moved: NDArray[np.int64]
    added: TermIndex
    added_rows: NDArray[np.int64]
    lengths: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        base: Any,
        origins: NDArray[np.int64],
        texts: Sequence[str],
        which: Sequence[int],
        split: Callable[[str], list[str]],
    ) -> EditedTerms:
        """Terms of an edited space.

        `origins` has for each row the old row, or -1; `which` its number among the new `texts`.
        """
        added = TermIndex.of(texts, split)
        rows = np.empty(len(texts), np.int64)
        lengths = np.empty(len(origins))
        kept = origins != _ADDED
        lengths[kept] = base.lengths[origins[kept]]
        for row, new in enumerate(which):
            if new != _ADDED:
                rows[new] = row
                lengths[row] = added.lengths[new]
        moved = np.full(len(base.lengths), _ADDED, np.int64)
        moved[origins[kept]] = np.flatnonzero(kept)
        return cls(base, moved, added, rows, lengths)

    def postings(self, term: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows that hold a term, and how often."""
        old, counts = self.base.postings(term)
        new, more = self.added.postings(term)
        rows = self.moved[old]
        kept = rows != _ADDED
        return (
            np.concatenate([rows[kept], self.added_rows[new]]),
            np.concatenate([counts[kept], more]),
        )


def _place(chunk: Chunk) -> tuple[str, int, str]:
    return chunk.doc_id, chunk.start, chunk.chunk_id


def _origins(chunks: Sequence[Chunk], drop: set[int], add: Sequence[Chunk]) -> list[int]:
    """For each row of the result the old row, or -1 where a new one (in order) stands."""
    origins: list[int] = []
    at = 0
    for chunk in add:
        place = bisect_left(chunks, _place(chunk), key=_place)
        origins += [row for row in range(at, place) if row not in drop]
        origins.append(_ADDED)
        at = place
    return origins + [row for row in range(at, len(chunks)) if row not in drop]


def _matrix(
    snapshot: Snapshot, origins: Sequence[int], which: Sequence[int], vectors: Vectors | None
) -> Vectors:
    made: Vectors = np.empty((len(origins), snapshot.vectors.shape[1]), snapshot.vectors.dtype)
    old = np.array(origins, np.int64)
    made[old != _ADDED] = snapshot.vectors[old[old != _ADDED]]
    for row, new in enumerate(which):
        if new != _ADDED:
            assert vectors is not None
            made[row] = vectors[new]
    return made


def _states(chunks: Sequence[Chunk], known: Mapping[str, str]) -> dict[str, str]:
    # One that is not stored is of no state that could be current.
    return {doc_id: known.get(doc_id, "") for doc_id in {chunk.doc_id for chunk in chunks}}


def _term_indexes(space: SearchSpace) -> dict[tuple[Any, ...], Any]:
    """The term counts that were made of a space, by their key."""
    return {
        key: value
        for key, value in space._derived.items()
        if isinstance(key, tuple) and key[0] == "terms"
    }


def _same(value: Any) -> Any:
    return value
