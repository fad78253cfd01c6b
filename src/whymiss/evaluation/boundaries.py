"""Where a document was cut into chunks, as a table of stretches of its text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import pandas as pd

from whymiss.chunking.structure import outline
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.protocols import Tokenizer
from whymiss.records import Chunk, Document
from whymiss.text import counted, merge_spans

BOUNDARIES: Final = ("kind", "number", "start", "end", "n_tokens", "section", "note", "text")
KINDS: Final = ("heading", "evidence", "chunk", "overlap", "unread", "gap")

_Row = tuple[str, int, int, int, int | None, str, str]


def boundaries_frame(
    document: Document,
    chunks: Iterable[Chunk],
    *,
    evidence: Sequence[EvidenceSpan] = (),
    tokenizer: Tokenizer | None = None,
) -> pd.DataFrame:
    """The stretches of a document's text that its chunks, and what is said of them, make.

    Chunks and gaps together hold every character, so that the text can be put together from them.
    `plots.chunk_boundaries` and `pages.boundaries.boundaries_html` draw the table.

    =============  ==============================================================================
    kind           "heading": a section, from its heading to its end; "evidence": a required span;
                   "chunk"; "overlap": what more than one chunk holds; "unread": the end of a chunk
                   beyond the encoder's limit; "gap": what no chunk holds and no search can find
    number         counts the rows of a kind from 1; of an "unread" row, that of its chunk
    start, end     characters [start, end) of the document
    n_tokens       of a chunk, as the encoder counts it, its prefix and special tokens included; of
                   an "unread" row, those that it does not see; NA for the others
    section        the headings above, outer before inner, joined by " > "
    note           the chunks of an overlap; those that hold the evidence whole or in parts, and
                   whether the encoder reads it; of a gap, whether it is more than white space
    text           the characters themselves
    =============  ==============================================================================

    Parameters
    ----------
    chunks : of the document; those of other documents are left out.
    evidence : pinned spans; those of other documents are left out.
    tokenizer : the encoder's, `workbench.encoder().tokenizer`; needed where a chunk is truncated,
        as only it knows where.

    Returns
    -------
    DataFrame
        Rows by kind in the order of `KINDS`, then as they stand in the text.

    Raises
    ------
    InvalidRecordError : a chunk does not hold what the document says there, a span is a quote
        without a place or ends behind the text, or the tokenizer is missing.

    Examples
    --------
    >>> document = Document(doc_id="d", text="Ten euros. Paid once.")
    >>> chunk = Chunk(chunk_id="c", doc_id="d", start=0, end=10, text="Ten euros.", n_tokens=5,
    ...               parent_start=0, parent_end=10)
    >>> found = boundaries_frame(document, [chunk])
    >>> found[["kind", "start", "end", "text"]].values.tolist()
    [['chunk', 0, 10, 'Ten euros.'], ['gap', 10, 21, ' Paid once.']]
    """
    mine = sorted(
        (chunk for chunk in chunks if chunk.doc_id == document.doc_id),
        key=lambda chunk: (chunk.start, chunk.end, chunk.chunk_id),
    )
    for chunk in mine:
        _check_chunk(chunk, document)
    unread = list(_unread(mine, tokenizer))
    rows = [
        *_headings(document),
        *_evidence(document, mine, evidence, unread),
        *(
            ("chunk", i, c.start, c.end, c.n_tokens, " > ".join(c.headings), "")
            for i, c in enumerate(mine, 1)
        ),
        *_overlaps(mine),
        *unread,
        *_gaps(document, mine),
    ]
    table = [(*row, document.text[row[2] : row[3]]) for row in rows]
    return pd.DataFrame(table, columns=list(BOUNDARIES)).astype({"n_tokens": "Int64"})


def _check_chunk(chunk: Chunk, document: Document) -> None:
    if document.text[chunk.start : chunk.end] != chunk.text:
        raise InvalidRecordError(
            f"chunk {chunk.chunk_id!r} does not hold what {document.doc_id!r} says at "
            f"[{chunk.start}, {chunk.end}): the index is behind the document. Build it again."
        )


def _headings(document: Document) -> Iterator[_Row]:
    sections = outline(document.text, document.syntax).sections
    for i, section in enumerate(sections, 1):
        yield "heading", i, section.start, section.end, None, " > ".join(section.path), ""


def _evidence(
    document: Document,
    chunks: Sequence[Chunk],
    evidence: Sequence[EvidenceSpan],
    unread: Sequence[_Row],
) -> Iterator[_Row]:
    spans = sorted(span.interval for span in evidence if span.doc_id == document.doc_id)
    tails = {number: start for _, number, start, *_ in unread}
    for i, (start, end) in enumerate(spans, 1):
        if end > len(document.text):
            raise InvalidRecordError(
                f"evidence [{start}, {end}) ends behind the {len(document.text)} characters of "
                f"{document.doc_id!r}. The document has changed: pin the label again."
            )
        whole = [n for n, c in enumerate(chunks, 1) if c.start <= start and end <= c.end]
        parts = [n for n, c in enumerate(chunks, 1) if c.start < end and start < c.end]
        read = [n for n in whole if end <= tails.get(n, end)]
        yield "evidence", i, start, end, None, "", _whereabouts(whole, parts, read)


def _whereabouts(whole: Sequence[int], parts: Sequence[int], read: Sequence[int]) -> str:
    if read:
        return f"whole in {_named(read)}"
    if whole:
        return f"whole in {_named(whole)}, but not read to its end by the encoder"
    return f"cut over {_named(parts)}" if parts else "in no chunk"


def _named(numbers: Sequence[int]) -> str:
    return f"chunk{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _overlaps(chunks: Sequence[Chunk]) -> Iterator[_Row]:
    edges = sorted({edge for chunk in chunks for edge in (chunk.start, chunk.end)})
    coming = deque(enumerate(chunks, 1))
    holding: dict[int, int] = {}
    shared = 0
    # The borders are walked over once, with the chunks that are open at each and where they end.
    for start, end in pairwise(edges):
        holding = {number: ends for number, ends in holding.items() if ends > start}
        while coming and coming[0][1].start <= start:
            number, chunk = coming.popleft()
            holding[number] = chunk.end
        if len(holding) > 1:
            shared += 1
            yield "overlap", shared, start, end, None, "", _named([*holding])


def _unread(chunks: Sequence[Chunk], tokenizer: Tokenizer | None) -> Iterator[_Row]:
    cut = [(number, chunk) for number, chunk in enumerate(chunks, 1) if chunk.n_truncated]
    if cut and tokenizer is None:
        raise InvalidRecordError(
            f"{counted(len(cut), 'chunk is', 'chunks are')} truncated, and where is known to the "
            "tokenizer alone. Give it: tokenizer=workbench.encoder().tokenizer."
        )
    if tokenizer is None:
        return
    offsets = tokenizer.offsets([chunk.text for _, chunk in cut])
    for (number, chunk), tokens in zip(cut, offsets, strict=True):
        # The limit takes tokens off the end; with a long prefix it can take them all.
        first = max(0, len(tokens) - chunk.n_truncated)
        start = chunk.start + int(tokens.starts[first]) if len(tokens) else chunk.start
        section = " > ".join(chunk.headings)
        yield "unread", number, start, chunk.end, chunk.n_truncated, section, "truncated"


def _gaps(document: Document, chunks: Sequence[Chunk]) -> Iterator[_Row]:
    held = merge_spans((chunk.start, chunk.end) for chunk in chunks)
    edges = [0, *(edge for span in held for edge in span), len(document.text)]
    gaps = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    for i, (start, end) in enumerate(gaps, 1):
        note = "in no chunk" if document.text[start:end].strip() else "white space"
        yield "gap", i, start, end, None, "", note
