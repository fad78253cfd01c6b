"""What the borders of a document's chunks do to the evidence in it, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from whymiss.text import Interval

Fate = Literal["whole", "unread", "cut", "nowhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCut:
    """One evidence span and the chunks that touch it.

    start, end : characters [start, end) of the document.
    parts : numbers of the chunks that hold some of it; `whole` of those that hold all of it.
    fate : "whole" in a chunk that the encoder reads to its end; "unread" where it is whole, but
        no encoder reads all of it; "cut" over several chunks, or held by one in part; "nowhere".
    """

    start: int
    end: int
    parts: tuple[int, ...]
    whole: tuple[int, ...]
    fate: Fate

    @property
    def n_pieces(self) -> int:
        """How many chunks it takes to read it: 1 where one holds it whole, 0 where none does."""
        return 1 if self.whole else len(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSummary:
    """The chunks of one document in numbers.

    tokens : the fewest, the median and the most of a chunk; None without chunks.
    fates : of the evidence spans, each with how many there are.
    n_truncated : chunks with a tail beyond the encoder's limit; `n_unread` tokens of them.
    n_gaps : places with visible text that no chunk holds.
    """

    n_chunks: int
    tokens: tuple[int, float, int] | None
    fates: dict[Fate, int]
    n_truncated: int
    n_unread: int
    n_gaps: int


def evidence_cuts(boundaries: pd.DataFrame) -> tuple[EvidenceCut, ...]:
    """How the chunks of a document cut each evidence span, in the order of the text.

    Parameters
    ----------
    boundaries : the stretches of one document, as `boundaries_frame` gives them.

    Examples
    --------
    >>> boundaries = pd.DataFrame({
    ...     "kind": ["evidence", "chunk", "chunk"], "number": [1, 1, 2], "start": [4, 0, 8],
    ...     "end": [12, 8, 20], "n_tokens": [None, 5, 6],
    ... })
    >>> (found,) = evidence_cuts(boundaries)
    >>> found.fate, found.parts, found.n_pieces
    ('cut', (1, 2), 2)
    """
    chunks = boundaries[boundaries["kind"] == "chunk"]
    starts, ends = (chunks[name].to_numpy(np.int64) for name in ("start", "end"))
    numbers = chunks["number"].to_numpy(np.int64)
    # The encoder reads a chunk up to where its unread tail begins.
    unread = boundaries[boundaries["kind"] == "unread"]
    tails = dict(zip(unread["number"], unread["start"], strict=True))
    read = np.array([tails.get(n, end) for n, end in zip(numbers, ends, strict=True)], np.int64)
    found = []
    for start, end in _spans(boundaries):
        touching = (starts < end) & (start < ends)
        holding = (starts <= start) & (end <= ends)
        whole = tuple(numbers[holding].tolist())
        parts = tuple(numbers[touching].tolist())
        fate = _fate(parts, whole, read=bool((holding & (end <= read)).any()))
        found.append(EvidenceCut(start=start, end=end, parts=parts, whole=whole, fate=fate))
    return tuple(found)


def chunk_summary(boundaries: pd.DataFrame) -> ChunkSummary:
    """Chunks, tokens, what becomes of the evidence, and what is lost, of one document.

    Parameters
    ----------
    boundaries : the stretches of one document, as `boundaries_frame` gives them.

    Examples
    --------
    >>> boundaries = pd.DataFrame({
    ...     "kind": ["chunk", "chunk", "unread", "gap"], "number": [1, 2, 2, 1],
    ...     "start": [0, 9, 15, 8], "end": [8, 20, 20, 9], "n_tokens": [5, 8, 2, None],
    ...     "text": ["Ten days", "once a year", " year", " "],
    ... })
    >>> found = chunk_summary(boundaries)
    >>> found.n_chunks, found.tokens, found.n_truncated, found.n_unread, found.n_gaps
    (2, (5, 6.5, 8), 1, 2, 0)
    """
    kinds = boundaries["kind"]
    tokens = boundaries["n_tokens"][kinds == "chunk"].to_numpy(np.int64)
    unread = boundaries["n_tokens"][kinds == "unread"].to_numpy(np.int64)
    fates = [cut.fate for cut in evidence_cuts(boundaries)]
    return ChunkSummary(
        n_chunks=len(tokens),
        tokens=(int(tokens.min()), float(np.median(tokens)), int(tokens.max()))
        if len(tokens)
        else None,
        fates={fate: fates.count(fate) for fate in ("whole", "unread", "cut", "nowhere")},
        n_truncated=len(unread),
        n_unread=int(unread.sum()),
        n_gaps=sum(bool(str(text).strip()) for text in boundaries["text"][kinds == "gap"]),
    )


def _spans(boundaries: pd.DataFrame) -> list[Interval]:
    rows = boundaries[boundaries["kind"] == "evidence"]
    return list(zip(rows["start"].tolist(), rows["end"].tolist(), strict=True))


def _fate(parts: Sequence[int], whole: Sequence[int], *, read: bool) -> Fate:
    if whole:
        return "whole" if read else "unread"
    return "cut" if parts else "nowhere"
