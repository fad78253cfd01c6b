"""The documents a live search works on, at one version of the store."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from whymiss.errors import DocumentError
from whymiss.index import Catalogue, Store, catalogue_version, read_catalogue, read_documents
from whymiss.records import Document

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Corpus:
    """One version of a store's documents with their texts, by doc_id, and who may read them."""

    catalogue: Catalogue
    documents: tuple[Document, ...]

    @cached_property
    def bases(self) -> NDArray[np.int64]:
        """What to add to a position in each document to name a character of all of them in a row.

        There is one character between two documents, so that the end of one is not the beginning
        of the next.
        """
        lengths = [len(document.text) + 1 for document in self.documents]
        return np.cumsum([0, *lengths], dtype=np.int64)[:-1]

    @cached_property
    def by_id(self) -> dict[str, Document]:
        """The documents by their ids."""
        return {document.doc_id: document for document in self.documents}

    def document(self, doc_id: str) -> Document:
        """One document.

        Raises
        ------
        DocumentError : there is none of this id.
        """
        if doc_id not in self.by_id:
            raise DocumentError(f"there is no document {doc_id!r}; `Live.documents` has all.")
        return self.by_id[doc_id]

    def named(self, doc_ids: Sequence[str]) -> dict[str, Document]:
        """The named documents; unknown ids are left out."""
        return {doc_id: self.by_id[doc_id] for doc_id in doc_ids if doc_id in self.by_id}


class CorpusReader:
    """Reads the documents of a store, and again only when they have changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._corpus: Corpus | None = None
        self._lock = threading.Lock()

    def read(self) -> Corpus:
        """The documents at their newest version."""
        with self._lock:
            kept = self._corpus
            if kept is None or kept.catalogue.version != catalogue_version(self._store):
                catalogue = read_catalogue(self._store)
                found = read_documents(self._store, list(catalogue.documents))
                kept = self._corpus = Corpus(catalogue, tuple(found[d] for d in sorted(found)))
            return kept
