"""A reranker that reads no chunk twice for one question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from whymiss.reranking import LateInteractionReranker
from whymiss.reranking.rerank import checked_scores

if TYPE_CHECKING:
    from whymiss.protocols import Reranker
    from whymiss.records import Chunk, Query

_AT_ONCE: Final = 64
_SLOWLY: Final = 8
"""A cross-encoder takes a fifth of a second for so many: a newer search waits no longer."""


class KeptScores:
    """A reranker that keeps its scores, and may be stopped while it reads.

    Parameters
    ----------
    known : scores by chunk id, of this question; added to.
    check : called before every few chunks; raises when they are no longer wanted.
    quick : whether reading takes milliseconds, as late interaction with stored tokens does.
    """

    def __init__(
        self,
        reranker: Reranker,
        known: dict[str, float],
        check: Callable[[], None],
        *,
        quick: bool,
    ) -> None:
        self.known = known
        self.quick = quick
        self._reranker = reranker
        self._check = check

    @property
    def model_version(self) -> str:
        """The reranker's version."""
        return self._reranker.model_version

    def scores(self, query: Query, chunks: Sequence[Chunk]) -> list[float]:
        """One score per chunk.

        Raises
        ------
        ModelError : the reranker gave another number of scores than chunks, or one that is not
            finite.
        """
        new = [chunk for chunk in chunks if chunk.chunk_id not in self.known]
        step = _AT_ONCE if self.quick else _SLOWLY
        for first in range(0, len(new), step):
            self._check()
            some = new[first : first + step]
            found = checked_scores(self._reranker, query, some)
            self.known.update(zip((chunk.chunk_id for chunk in some), found, strict=True))
        return [self.known[chunk.chunk_id] for chunk in chunks]

    def lacks(self, chunks: Sequence[Chunk]) -> bool:
        """Whether tokens of some of these chunks are not stored where they should be."""
        inner = self._reranker
        return isinstance(inner, LateInteractionReranker) and inner.lacks(chunks)
