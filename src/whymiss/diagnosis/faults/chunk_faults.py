"""Faults of chunking: cut through, too large, without context, dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from whymiss.chunking import sentence_starts
from whymiss.diagnosis.edits import cut, with_rows
from whymiss.diagnosis.faults.fault import Fault
from whymiss.diagnosis.faults.looking import rows_in, simpler, targets, touching
from whymiss.diagnosis.faults.recut import (
    Interval,
    Skipper,
    pieces,
    rechunked_by,
    recut,
    without,
)  # fmt: skip
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document, Span

Rows = list[tuple[int, Chunk]]
Change = Callable[[Scene, Document, Rows, list[EvidenceSpan]], Scene | None]

_SHORTEST_CUT: Final = 20
"""Characters below which evidence is not cut through."""

_NEAR: Final = 40
"""Most rows of one document that are cut anew around a piece of evidence."""

_FINE: Final = 64
"""Tokens of a small chunk."""

_FULL: Final = 0.99
"""Share of the encoder's limit that a merged chunk fills at most."""

_GROWN: Final = 1.5
"""A merged chunk is at least so many times as long as the one that held the evidence."""


def boundary_cut(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """A boundary inside the evidence: at 0.7 of it; in its middle, what is behind going with the
    next chunk; and what is before with the previous one too.
    """
    share = {1: 0.7, 2: 0.5, 3: 0.5}[severity]

    def change(
        scene: Scene, document: Document, rows: Rows, spans: list[EvidenceSpan]
    ) -> Scene | None:
        made: Scene | None = scene
        for span in spans:
            if made is not None:
                made = _cut_through(made, document, span, share, joined=severity - 1)
        return made

    return _each_document(run, change)


def oversized_chunks(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """The chunks around the evidence merged, up to all that the encoder sees."""
    if severity > 1:
        return None

    def change(
        scene: Scene, document: Document, rows: Rows, spans: list[EvidenceSpan]
    ) -> Scene | None:
        return _merged(scene, document, near(rows, spans), spans, _FULL)

    return _each_document(run, change)


def contextless_chunks(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """Heading prefixes gone; or the evidence alone in a tiny chunk; or both."""

    def change(
        scene: Scene, document: Document, rows: Rows, spans: list[EvidenceSpan]
    ) -> Scene | None:
        some = near(rows, spans)
        bare = severity != 2
        if bare and not any(chunk.prefix for _, chunk in some):
            return None
        kept = [_span(chunk) for _, chunk in some]
        made = kept if severity == 1 else _fragments(document, some, spans)
        drop = [row for row, _ in some]
        return recut(scene, document, drop=drop, spans=made, heading_prefix=not bare)

    return _each_document(run, change)


def dropped_text(run: Run, severity: int, rng: np.random.Generator) -> Scene | None:
    """A chunker that passes over the evidence; its sentences; the chunks that held it."""
    scene, gaps = run.scene, {}
    for doc_id, spans in targets(run.truth).items():
        document, rows = run.truth.documents[doc_id], rows_in(scene, doc_id)
        touched = [scene.space.snapshot.chunks[row] for row in touching(rows, spans)]
        skipped = _skipped(document, touched, spans, severity)
        gaps[document.content_hash] = tuple(skipped)
        drop = touching(rows, [EvidenceSpan(doc_id=doc_id, start=a, end=b) for a, b in skipped])
        kept = [
            part
            for row in drop
            for part in without(document.text, _span(scene.space.snapshot.chunks[row]), skipped)
        ]
        scene = with_rows(scene, drop=drop, add=cut(scene, document, kept))
    return rechunked_by(scene, lambda usual: Skipper(usual, gaps)) if gaps else None


def finely_cut(scene: Scene) -> tuple[Scene, ...]:
    """The whole index in small chunks, so that one as long as the encoder reads is large."""
    fine = scene.configured({"chunking.size": _FINE, "chunking.overlap": 0})
    space = scene.space.derived(("finely cut", _FINE), lambda: Rebuilds().rebuilt(fine).space)
    return simpler(replace(fine, space=space))


def near(rows: Rows, spans: Sequence[EvidenceSpan], most: int = _NEAR) -> Rows:
    """The rows of a document around its evidence, about `most` of them."""
    held = [place for place, (_, chunk) in enumerate(rows) if touching([(0, chunk)], spans)]
    if len(rows) <= most or not held:
        return rows
    side = (most - 1) // 2
    return [rows[i] for i in sorted({
        i for place in held for i in range(max(0, place - side), min(len(rows), place + side + 1))
    })]  # fmt: skip


def _each_document(run: Run, change: Change) -> Scene | None:
    made: Scene | None = run.scene
    for doc_id, spans in targets(run.truth).items():
        if made is not None:
            made = change(made, run.truth.documents[doc_id], rows_in(made, doc_id), spans)
    return None if made is run.scene else made


def _span(chunk: Chunk) -> Span:
    return Span(
        start=chunk.start,
        end=chunk.end,
        parent_start=chunk.parent_start,
        parent_end=chunk.parent_end,
    )


def _cut_through(
    scene: Scene, document: Document, span: EvidenceSpan, share: float, *, joined: int
) -> Scene | None:
    """The evidence cut at a share of it; its end joined with the next chunk, then its beginning
    with the previous one, as far as the encoder still sees all.
    """
    rows = rows_in(scene, document.doc_id)
    held = touching(rows, [span])
    point = _cut_point(document.text, *span.interval, share)
    numbers = {row: place for place, (row, _) in enumerate(rows)}
    first, last = numbers[held[0]] if held else 0, numbers[held[-1]] if held else -1
    some = [chunk for _, chunk in rows[first : last + 1]]
    if point is None or not held or any(_has_parent(chunk) for chunk in some):
        return None
    before = [rows[first - 1]] if joined > 1 and first else []
    behind = [rows[last + 1]] if joined and last + 1 < len(rows) else []
    for extra in ([*before, *behind], behind, []):
        whole = [*(chunk for _, chunk in extra), *some]
        start, end = min(c.start for c in whole), max(c.end for c in whole)
        drop = [*held, *(row for row, _ in extra)]
        halves = pieces(document.text, start, end, [point])
        if (made := recut(scene, document, drop=drop, spans=halves)) is not None:
            return made
    return None


def _cut_point(text: str, start: int, end: int, share: float) -> int | None:
    """A place between two words inside [start, end), near a share of it."""
    if end - start < _SHORTEST_CUT:
        return None
    gaps = [i for i in range(start + 4, end - 4) if text[i].isspace()]
    wanted = start + share * (end - start)
    return min(gaps, key=lambda i: (abs(i - wanted), i), default=None)


def _has_parent(chunk: Chunk) -> bool:
    return (chunk.parent_start, chunk.parent_end) != (chunk.start, chunk.end)


def _merged(
    scene: Scene, document: Document, rows: Rows, spans: Sequence[EvidenceSpan], share: float
) -> Scene | None:
    tokenizer = scene.encoder.tokenizer
    held = touching(rows, spans)
    if not held or any(_has_parent(chunk) for _, chunk in rows):
        return None
    head = max(tokenizer.count([chunk.prefix for _, chunk in rows]))
    room = int(share * scene.encoder.max_tokens) - tokenizer.n_special - head
    groups = _grouped(rows, tokenizer.count([chunk.text for _, chunk in rows]), room)
    made = [
        Span(start=min(c.start for _, c in some), end=max(c.end for _, c in some))
        for some in groups
    ]
    before = sum(chunk.end - chunk.start for row, chunk in rows if row in held)
    holding = [m for m in made if any(_meets(m, span.interval) for span in spans)]
    if sum(m.end - m.start for m in holding) < _GROWN * before:
        return None
    return recut(scene, document, drop=[row for row, _ in rows], spans=made)


def _grouped(rows: Rows, costs: Sequence[int], room: int) -> list[Rows]:
    groups: list[Rows] = []
    spent = 0
    for item, cost in zip(rows, costs, strict=True):
        # Rows that are not neighbours are not joined: what lies between would come in twice.
        together = groups and item[0] == groups[-1][-1][0] + 1
        if together and spent + cost <= room:
            groups[-1].append(item)
            spent += cost
        else:
            groups.append([item])
            spent = cost
    return groups


def _meets(span: Span, interval: Interval) -> bool:
    return span.start < interval[1] and interval[0] < span.end


def _fragments(document: Document, rows: Rows, spans: Sequence[EvidenceSpan]) -> list[Span]:
    """Every sentence by itself, and each piece of evidence by itself and whole."""
    return _parts(document, rows, spans, [p for s in spans for p in s.interval])


def _parts(
    document: Document, rows: Rows, spans: Sequence[EvidenceSpan], more: Sequence[int] = ()
) -> list[Span]:
    """The rows cut where sentences begin and at some more points, never inside evidence."""
    inside = [span.interval for span in spans]
    borders = {int(start) for start in sentence_starts(document.text)}
    borders |= {p for _, chunk in rows for p in (chunk.start, chunk.end)} | set(more)
    cuts = [p for p in borders if not any(start < p < end for start, end in inside)]
    found = []
    for first, last in _stretches(rows):
        found += pieces(document.text, first, last, cuts)
    return found


def _stretches(rows: Rows) -> list[Interval]:
    """Where rows stand, those that follow each other as one."""
    found: list[Interval] = []
    before = -2
    for row, chunk in rows:
        if row == before + 1:
            found[-1] = (found[-1][0], max(found[-1][1], chunk.end))
        else:
            found.append((chunk.start, chunk.end))
        before = row
    return found


def _skipped(
    document: Document, touched: Sequence[Chunk], spans: Sequence[EvidenceSpan], severity: int
) -> list[Interval]:
    if severity == 3:
        return [(chunk.start, chunk.end) for chunk in touched]
    places = [span.interval for span in spans]
    if severity == 1:
        return places
    starts = [*map(int, sentence_starts(document.text)), len(document.text)]
    return [
        (a, b) for a, b in pairwise(starts) if any(a < end and start < b for start, end in places)
    ]


FAULTS: Final = (
    Fault(
        name="boundary_cut", title="a chunk boundary cuts through the evidence",
        cause="S2a", stage="chunk", prepare=simpler, plant=boundary_cut,
    ),
    Fault(
        name="oversized_chunks", title="the evidence is one of many things in a large chunk",
        cause="S2b", stage="chunk", prepare=finely_cut, plant=oversized_chunks,
    ),
    Fault(
        name="contextless_chunks", title="the evidence's chunk does not say what it is about",
        cause="S2c", stage="chunk", prepare=simpler, plant=contextless_chunks,
    ),
    Fault(
        name="dropped_text", title="the chunker passes over the evidence",
        cause="S2d", stage="chunk", prepare=simpler, plant=dropped_text,
    ),
)  # fmt: skip
