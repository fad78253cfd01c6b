"""Which chunk is meant: by id, by record, by its rank, or by words that stand in it alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from whymiss.errors import InvalidRecordError
from whymiss.explain.run import Run
from whymiss.records import Chunk, Hit, Passage
from whymiss.text import counted, locate_quote

ChunkLike = str | int | Chunk | Hit | Passage
"""A chunk_id or its beginning, a quote, a rank (from 1), or a record of one chunk."""

_SHOWN: Final = 5


def chosen_row(wanted: ChunkLike, run: Run) -> int:
    """The row of the one chunk that is meant.

    Raises
    ------
    InvalidRecordError : there is none, or more than one.
    """
    if isinstance(wanted, bool) or not isinstance(wanted, (str, int, Chunk, Hit, Passage)):
        raise InvalidRecordError(
            "explain needs a chunk as its chunk_id, a quote from it, its rank or a record; got "
            f"{type(wanted).__name__}."
        )
    if isinstance(wanted, int):
        return _at_rank(wanted, run)
    if isinstance(wanted, str):
        return _named(wanted, run)
    ids = wanted.chunk_ids if isinstance(wanted, Passage) else (wanted.chunk_id,)
    if len(ids) != 1:
        raise InvalidRecordError(
            f"explain needs one chunk; passage {wanted!s:.40} stands for {len(ids)}: "
            f"{_listed(ids)}. Name one of them."
        )
    return _by_id(ids[0], run)


def rival_row(row: int, run: Run) -> int:
    """The chunk that is ranked first, or, where that is this one, the second.

    Raises
    ------
    InvalidRecordError : no other chunk is ranked.
    """
    for other in run.ranked.rows.tolist():
        if other != row:
            return int(other)
    raise InvalidRecordError(
        "explain needs another chunk to compare with; the question ranks no other. "
        "Name one as `against`."
    )


def _at_rank(rank: int, run: Run) -> int:
    rows = run.ranked.rows
    if not 1 <= rank <= len(rows):
        raise InvalidRecordError(
            f"explain needs a rank from 1 to {len(rows)}, as many chunks as are ranked; got {rank}."
        )
    return int(rows[rank - 1])


def _by_id(chunk_id: str, run: Run) -> int:
    row = run.space.snapshot.row_of.get(chunk_id)
    if row is None:
        raise InvalidRecordError(
            f"explain knows no chunk {chunk_id!r} in index {run.space.snapshot.name!r}; it may "
            "have been built anew since. The frame `chunks` has all."
        )
    return row


def _named(wanted: str, run: Run) -> int:
    known = run.space.snapshot.row_of
    if wanted in known:
        return known[wanted]
    begun = [row for chunk_id, row in known.items() if wanted and chunk_id.startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    quoted = _quoting(wanted, run.space.snapshot.chunks)
    if len(quoted) == 1:
        return quoted[0]
    ids = [run.chunk(row).chunk_id for row in (quoted or begun)]
    said = f"it stands in {counted(len(quoted), 'chunk')}" if quoted else (
        f"{counted(len(begun), 'chunk_id begins', 'chunk_ids begin')} so"
    )  # fmt: skip
    found = f"{said}: {_listed(ids)}. Quote more of it" if ids else "no chunk holds it"
    raise InvalidRecordError(
        f"explain needs the id of one chunk, or words that stand in one alone; got {wanted!r:.80}: "
        f"{found}, or name the chunk by its id."
    )


def _quoting(quote: str, chunks: Sequence[Chunk]) -> list[int]:
    """Rows whose text holds a quote; white space and typography are forgiven where none does."""
    if not quote.strip():
        return []
    exact = [row for row, chunk in enumerate(chunks) if quote in chunk.text]
    return exact or [row for row, chunk in enumerate(chunks) if locate_quote(chunk.text, quote)]


def _listed(ids: Sequence[Any]) -> str:
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(map(str, ids[:_SHOWN])) + more
