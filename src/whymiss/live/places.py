"""Where the chunks of a configuration stand in the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.live.cuts import DocumentCut

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """One row per chunk, by document and then as they stand in it.

    documents : number of the document of each row, ascending.
    starts, ends : characters of the corpus; see `Corpus.bases`.
    prefixes, prefix_of : every distinct prefix, and which of them a chunk has.
    """

    documents: Ints
    starts: Ints
    ends: Ints
    prefixes: tuple[str, ...]
    prefix_of: Ints

    @classmethod
    def of(cls, cuts: Sequence[DocumentCut], bases: Ints) -> Self:
        """The places of all chunks of the documents of a corpus."""
        counts = np.array([len(cut) for cut in cuts], dtype=np.int64)
        documents = np.repeat(np.arange(len(cuts)), counts)
        every = np.concatenate([np.empty((0, 2), np.int64), *(cut.places for cut in cuts)])
        every = every + bases[documents][:, None]
        numbers: dict[str, int] = {}
        told = (numbers.setdefault(prefix, len(numbers)) for cut in cuts for prefix in cut.prefixes)
        prefix_of = np.fromiter(told, np.int64, len(documents))
        return cls(documents, every[:, 0].copy(), every[:, 1].copy(), tuple(numbers), prefix_of)

    def __len__(self) -> int:
        return len(self.documents)
