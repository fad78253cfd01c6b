"""Causes in how documents were cut: S2a boundary, S2b large, S2c small, S2d text dropped."""

from __future__ import annotations

from typing import Final

import numpy as np

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine
from whymiss.diagnosis.edits import cut, with_rows
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document, Span
from whymiss.text import Interval, merge_spans

LARGE: Final = 1.8
"""A chunk of so many times the usual tokens is large for its index."""

BEYOND: Final = 1.1
"""A chunk of so many times the configured size is not what the configuration asks for."""

BURIED: Final = 0.5
"""Evidence that is less than this share of its chunk's characters has something to be lost in."""

_WINDOW_TOKENS: Final = 64


def text_dropped(case: Case) -> Look:
    """S2d: the chunker leaves out some of the evidence."""
    gaps = {
        span: _uncovered(span, case.documents[span.doc_id], case.remade[span.doc_id])
        for span in case.evidence
        if span.doc_id in case.documents
    }
    lost = {span: parts for span, parts in gaps.items() if parts}
    if case.run.lost_at != "index" or not lost:
        return fine("the chunker leaves out nothing of the evidence")
    dropped = sum(end - start for parts in lost.values() for start, end in parts)
    said = f"{dropped} characters of the evidence are in no chunk that the chunker makes"
    size = case.scene.config.chunking.size
    return Look(
        says=said,
        deviation=said,
        definite=True,
        patches=(
            Patch(
                says="the text that was left out, as chunks of its own",
                apply=lambda: _beside(case, list(lost), 0),
            ),
            Patch(
                says="the text that was left out, with what stands around it",
                apply=lambda: _beside(case, list(lost), size),
            ),
        ),
        numbers={"dropped_characters": dropped},
    )


def _uncovered(span: EvidenceSpan, document: Document, chunks: list[Chunk]) -> list[Interval]:
    """The visible parts of a span that no chunk holds."""
    at, end = span.interval
    parts: list[Interval] = []
    for first, last in merge_spans([(c.parent_start, c.parent_end) for c in chunks]):
        if at < min(first, end):
            parts.append((at, min(first, end)))
        at = max(at, last)
    if at < end:
        parts.append((at, end))
    return [(start, stop) for start, stop in parts if document.text[start:stop].strip()]


def _beside(case: Case, spans: list[EvidenceSpan], tokens: int) -> Scene:
    """The spans as chunks beside the others, each with about so many tokens around it."""
    chunks = []
    for span in spans:
        document = case.documents[span.doc_id]
        window = _window(case, document, span.interval, tokens)
        chunks += cut(case.scene, document, [_as_span(window)])
    return _replaced(case, set(), chunks)


def _as_span(interval: Interval) -> Span:
    return Span(start=interval[0], end=interval[1])


def boundary(case: Case) -> Look:
    """S2a: a chunk boundary runs through a span that one chunk could hold."""
    split = [span for span in case.evidence if _is_split(case, span)]
    if not split:
        return fine("every span of the evidence stands whole in a chunk, or none could hold it")
    pieces = [sum(_overlaps(case.chunks[row], span) for row in case.gold) for span in split]
    said = f"a boundary cuts {len(split)} of {len(case.evidence)} spans, into {max(pieces)} chunks"
    size = case.scene.config.chunking.size
    return Look(
        says=said,
        deviation=said,
        definite=True,
        patches=(
            Patch(
                says="a chunk of the usual size around the whole span",
                apply=lambda: _windowed(case, split, int(case.usual_tokens)),
            ),
            Patch(says="the pieces joined", apply=lambda: _rejoined(case, split)),
            Patch(
                says="a chunk of the configured size around the whole span",
                apply=lambda: _windowed(case, split, size),
            ),
        ),
        numbers={"cut_spans": len(split), "pieces": max(pieces)},
    )


def _overlaps(chunk: Chunk, span: EvidenceSpan) -> bool:
    start, end = span.interval
    return chunk.doc_id == span.doc_id and chunk.parent_start < end and start < chunk.parent_end


def _is_split(case: Case, span: EvidenceSpan) -> bool:
    start, end = span.interval
    own = [case.chunks[row] for row in case.gold if _overlaps(case.chunks[row], span)]
    whole = any(c.parent_start <= start and end <= c.parent_end for c in own)
    if whole or len(own) < 2 or span.doc_id not in case.documents:
        return False
    text = case.documents[span.doc_id].text[start:end]
    (n_tokens,) = case.scene.encoder.tokenizer.count([text])
    return n_tokens <= min(case.usual_tokens, case.scene.config.chunking.size)


def _rejoined(case: Case, spans: list[EvidenceSpan]) -> Scene:
    """For each span one chunk in place of the pieces that hold it."""
    chunks: list[Chunk] = []
    drop: set[int] = set()
    for span in spans:
        rows = [row for row in case.gold if _overlaps(case.chunks[row], span)]
        pieces = [case.chunks[row] for row in rows]
        whole = Span(start=min(c.start for c in pieces), end=max(c.end for c in pieces))
        chunks += cut(case.scene, case.documents[span.doc_id], [whole])
        drop |= set(rows)
    return _replaced(case, drop, chunks)


def _windowed(case: Case, spans: list[EvidenceSpan], tokens: int) -> Scene:
    """For each span one chunk of so many tokens around it, in place of the pieces inside it."""
    chunks: list[Chunk] = []
    drop: set[int] = set()
    for span in spans:
        document = case.documents[span.doc_id]
        start, end = _window(case, document, span.interval, tokens)
        chunks += cut(case.scene, document, [Span(start=start, end=end)])
        drop |= {
            row for row in case.gold
            if case.chunks[row].doc_id == span.doc_id
            and start <= case.chunks[row].start and case.chunks[row].end <= end
        }  # fmt: skip
    return _replaced(case, drop, chunks)


def _replaced(case: Case, drop: set[int], chunks: list[Chunk]) -> Scene:
    unique = {chunk.chunk_id: chunk for chunk in chunks}
    stay = {c.chunk_id for row, c in enumerate(case.chunks) if row not in drop}
    return with_rows(case.scene, drop=drop, add=[c for i, c in unique.items() if i not in stay])


def _window(case: Case, document: Document, inside: Interval, tokens: int) -> Interval:
    """About so many tokens of a document around a range, cut between tokens."""
    offsets = case.scene.encoder.tokenizer.offsets([document.text])[0]
    if not len(offsets):
        return inside
    first = int(np.searchsorted(offsets.ends, inside[0], side="right"))
    last = int(np.searchsorted(offsets.starts, inside[1], side="left"))
    spare = max(0, tokens - (last - first))
    low = max(0, first - spare // 2)
    high = min(len(offsets), max(last, low + tokens))
    low = max(0, min(low, high - tokens))
    return min(inside[0], int(offsets.starts[low])), max(inside[1], int(offsets.ends[high - 1]))


def too_large(case: Case) -> Look:
    """S2b: the evidence is a small part of a large chunk, whose vector speaks of the rest."""
    spans = [(span, row) for span in case.evidence if (row := _only_home(case, span)) is not None]
    if not spans:
        return fine("no single chunk holds a whole span of the evidence")
    largest = _largest(case, spans).n_tokens
    times = largest / case.usual_tokens
    share = min(_share(case, span, row) for span, row in spans)
    said = (
        f"the evidence is {share:.0%} of its chunk of {largest} tokens; a chunk has "
        f"{case.usual_tokens:.0f} as a rule"
    )
    (body,) = case.scene.encoder.tokenizer.count([_largest(case, spans).text])
    beyond = body > BEYOND * case.scene.config.chunking.size
    large = (times >= LARGE or beyond) and share < BURIED
    return Look(
        says=said,
        deviation=said if share < BURIED else "",
        definite=large,
        patches=(
            Patch(
                says="the evidence with little around it as a chunk of its own",
                apply=lambda: _beside(case, [span for span, _ in spans], _WINDOW_TOKENS),
            ),
            Patch(
                says="the evidence as a chunk of its own",
                apply=lambda: _beside(case, [span for span, _ in spans], 0),
            ),
        )
        if share < BURIED
        else (),
        numbers={"chunk_tokens": largest, "usual_tokens": case.usual_tokens,
                 "share_of_chunk": round(share, 4)},
    )  # fmt: skip


def _largest(case: Case, homes: list[tuple[EvidenceSpan, int]]) -> Chunk:
    return max((case.chunks[row] for _, row in homes), key=lambda chunk: chunk.n_tokens)


def _only_home(case: Case, span: EvidenceSpan) -> int | None:
    """The smallest chunk that holds a whole span; None when none does."""
    start, end = span.interval
    homes = [
        row for row in case.gold
        if case.chunks[row].doc_id == span.doc_id
        and case.chunks[row].start <= start and end <= case.chunks[row].end
    ]  # fmt: skip
    return min(homes, key=lambda row: (case.chunks[row].n_tokens, row), default=None)


def _share(case: Case, span: EvidenceSpan, row: int) -> float:
    chunk = case.chunks[row]
    return (span.interval[1] - span.interval[0]) / (chunk.end - chunk.start)


def too_small(case: Case) -> Look:
    """S2c: the chunk has lost the heading or the neighbours that say what it is about."""
    own = [row for row in case.gold if case.chunks[row].doc_id in case.documents]
    if not own:
        return fine("no chunk with evidence to look at")
    headed = {row: chunk for row in own if (chunk := _headed(case, row)) is not None}
    # The pieces of a span that a boundary cuts are small for that reason.
    cut_through = [span for span in case.evidence if _is_split(case, span)]
    small = [
        row
        for row in own
        if _is_fragment(case, row)
        and not any(_overlaps(case.chunks[row], span) for span in cut_through)
    ]
    if not headed and not small:
        return fine("the chunks with evidence have their headings, and neighbours of their size")
    said = "; ".join(
        [
            *([f"{len(headed)} of {len(own)} chunks with evidence lack the headings they stand "
               "under"] if headed else []),
            *([f"{len(small)} have {min(case.chunks[r].n_tokens for r in small)} tokens where "
               f"{case.usual_tokens:.0f} are usual"] if small else []),
        ]
    )  # fmt: skip
    patches = []
    if headed:
        patches.append(
            Patch(
                says="the same chunks with their headings",
                apply=lambda: _replaced(case, set(headed), list(headed.values())),
            )
        )
    if small:
        patches.append(Patch(says="the same chunks with their neighbours, up to the usual size",
                             apply=lambda: _joined(case, small)))  # fmt: skip
    configured = case.scene.config.chunking.heading_prefix
    return Look(
        says=said, deviation=said, definite=bool(small) or (bool(headed) and configured),
        patches=tuple(patches),
        numbers={"without_headings": len(headed), "fragments": len(small)},
    )  # fmt: skip


def _headed(case: Case, row: int) -> Chunk | None:
    """The chunk with its heading prefix, where it has none and its document offers one."""
    chunk = case.chunks[row]
    if chunk.prefix:
        return None
    scene = case.scene.configured({"chunking.heading_prefix": True})
    span = Span(
        start=chunk.start, end=chunk.end,
        parent_start=chunk.parent_start, parent_end=chunk.parent_end,
    )  # fmt: skip
    (made,) = cut(scene, case.documents[chunk.doc_id], [span])
    return made if made.prefix else None


def _is_fragment(case: Case, row: int) -> bool:
    """Whether a chunk is small, and with a neighbour of its section would still be no large one."""
    chunk = case.chunks[row]
    if chunk.n_tokens > case.usual_tokens:
        return False
    together = [
        other.n_tokens + chunk.n_tokens
        for near in (row - 1, row + 1)
        if 0 <= near < len(case.chunks)
        and (other := case.chunks[near]).doc_id == chunk.doc_id
        and other.headings == chunk.headings
        and (other.end <= chunk.start or chunk.end <= other.start)
    ]
    return min(together, default=10**9) <= case.scene.config.chunking.size


def _joined(case: Case, rows: list[int]) -> Scene:
    """The fragments joined with their neighbours of the same section, up to the configured size."""
    drop: set[int] = set()
    made: list[Chunk] = []
    for row in rows:
        if row in drop:
            continue
        some = _section(case, row)
        drop |= set(some)
        chunks = [case.chunks[r] for r in some]
        span = Span(start=min(c.start for c in chunks), end=max(c.end for c in chunks))
        made += cut(case.scene, case.documents[chunks[0].doc_id], [span])
    return _replaced(case, drop, made)


def _section(case: Case, row: int) -> list[int]:
    """A row and those next to it under the same headings, as many as make one chunk."""
    own, size = case.chunks[row], case.scene.config.chunking.size
    some, spent = [row], own.n_tokens
    behind, before = row + 1, row - 1
    while True:
        grown = False
        for near in (behind, before):
            if not 0 <= near < len(case.chunks):
                continue
            other = case.chunks[near]
            same = other.doc_id == own.doc_id and other.headings == own.headings
            if same and spent + other.n_tokens <= size:
                some.append(near)
                spent += other.n_tokens
                behind, before = (near + 1, before) if near == behind else (behind, near - 1)
                grown = True
        if not grown:
            return sorted(some)


BOUNDARY = Cause(code="S2a", name="SpanCutByBoundary", stage="chunk", look=boundary)
TOO_LARGE = Cause(code="S2b", name="ChunkTooLarge", stage="chunk", look=too_large)
TOO_SMALL = Cause(code="S2c", name="ContextLost", stage="chunk", look=too_small)
TEXT_DROPPED = Cause(code="S2d", name="TextDropped", stage="chunk", look=text_dropped)
