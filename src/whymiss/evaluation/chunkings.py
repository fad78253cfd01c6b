"""Ways to chunk one document, side by side, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from whymiss.chunking.structure import outline
from whymiss.evaluation.boundaries import boundaries_frame
from whymiss.evaluation.cuts import chunk_summary
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.protocols import Tokenizer
from whymiss.records import Chunk, Document
from whymiss.text import Interval

CHUNKINGS: Final = (
    "chunking", "n_chunks", "tokens_least", "tokens_median", "tokens_most", "n_truncated",
    "n_unread", "n_gaps", "n_tables", "tables_whole", "n_evidence", "evidence_whole",
)  # fmt: skip


def chunkings_frame(
    document: Document,
    chunkings: Mapping[str, Iterable[Chunk]],
    *,
    evidence: Sequence[EvidenceSpan] = (),
    tokenizer: Tokenizer | None = None,
) -> pd.DataFrame:
    """One row per way to chunk a document: sizes, what the encoder would cut, what is kept whole.

    `tokens_*` count what the encoder is given of a chunk, its prefix and special tokens included.
    `n_truncated` chunks are longer than it reads, by `n_unread` tokens together. `n_gaps` places
    with visible text are in no chunk. A table is whole where one chunk holds all of it, evidence
    where one does and the encoder reads that chunk to its end.

    Parameters
    ----------
    chunkings : the chunks by the name of the way; those of other documents are left out.
    evidence : pinned spans; those of other documents are left out.
    tokenizer : as for `boundaries_frame`.

    Raises
    ------
    InvalidRecordError : as `boundaries_frame` does.

    Examples
    --------
    >>> document = Document(doc_id="d", text="Ten euros. Paid once.")
    >>> def chunk(start: int, end: int) -> Chunk:
    ...     return Chunk(chunk_id=str(start), doc_id="d", start=start, end=end, n_tokens=5,
    ...                  text=document.text[start:end], parent_start=start, parent_end=end)
    >>> spans = [EvidenceSpan(doc_id="d", start=4, end=15)]
    >>> found = chunkings_frame(
    ...     document, {"one": [chunk(0, 21)], "two": [chunk(0, 11), chunk(11, 21)]}, evidence=spans)
    >>> found[["chunking", "n_chunks", "n_evidence", "evidence_whole"]].values.tolist()
    [['one', 1, 1, 1], ['two', 2, 1, 0]]
    """
    rows = [
        _row(name, document, list(chunks), evidence, tokenizer)
        for name, chunks in chunkings.items()
    ]
    return pd.DataFrame(rows, columns=list(CHUNKINGS)).astype(
        {"tokens_least": "Int64", "tokens_median": "Float64", "tokens_most": "Int64"}
    )


def _row(
    name: str,
    document: Document,
    chunks: Sequence[Chunk],
    evidence: Sequence[EvidenceSpan],
    tokenizer: Tokenizer | None,
) -> dict[str, Any]:
    borders = boundaries_frame(document, chunks, evidence=evidence, tokenizer=tokenizer)
    summary = chunk_summary(borders)
    least, median, most = summary.tokens or (None, None, None)
    tables = [
        (block.start, block.end)
        for block in outline(document.text, document.syntax).blocks
        if block.kind == "table"
    ]
    spans = [(c.start, c.end) for c in chunks if c.doc_id == document.doc_id]
    return {
        "chunking": name,
        "n_chunks": summary.n_chunks,
        "tokens_least": least,
        "tokens_median": median,
        "tokens_most": most,
        "n_truncated": summary.n_truncated,
        "n_unread": summary.n_unread,
        "n_gaps": summary.n_gaps,
        "n_tables": len(tables),
        "tables_whole": sum(_holds(document.text, spans, table) for table in tables),
        "n_evidence": sum(summary.fates.values()),
        "evidence_whole": summary.fates["whole"],
    }


def _holds(text: str, chunks: Iterable[Interval], block: Interval) -> bool:
    """Whether one chunk holds all of a block but the white space at its ends."""
    whole = text[slice(*block)]
    start = block[0] + len(whole) - len(whole.lstrip())
    end = block[0] + len(whole.rstrip())
    return any(chunk[0] <= start and end <= chunk[1] for chunk in chunks)
