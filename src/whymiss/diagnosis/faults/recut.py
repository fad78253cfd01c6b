"""Cutting some documents otherwise, and the chunker that would have cut them so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from whymiss.config import PipelineConfig
from whymiss.diagnosis.edits import cut, with_rows
from whymiss.diagnosis.faults.looking import rows_in
from whymiss.diagnosis.scene import Replaced, Scene
from whymiss.protocols import Chunker
from whymiss.records import Document, Span

Interval = tuple[int, int]


@dataclass(frozen=True)
class Recutter:
    """A chunker that cuts some texts, known by their content hash, at given places."""

    chunker: Chunker
    spans_of: Mapping[str, tuple[Span, ...]]

    def spans(self, document: Document) -> Sequence[Span]:
        """The spans of the document's chunks."""
        known = self.spans_of.get(document.content_hash)
        return self.chunker.spans(document) if known is None else known


@dataclass(frozen=True)
class Skipper:
    """A chunker that passes over parts of some texts, known by their content hash."""

    chunker: Chunker
    skipped: Mapping[str, tuple[Interval, ...]]

    def spans(self, document: Document) -> Sequence[Span]:
        """The spans of the document's chunks."""
        gaps = self.skipped.get(document.content_hash, ())
        found = self.chunker.spans(document)
        return [s for span in found for s in without(document.text, span, gaps)] if gaps else found


def rechunked_by(scene: Scene, make: Callable[[Chunker], Chunker]) -> Scene:
    """The scene with another chunker in place of the configured one; other settings have theirs."""
    settings = scene.config.chunking

    def replaced(found: Chunker, config: PipelineConfig) -> Chunker:
        return make(found) if config.chunking == settings else found

    return replace(scene, models=Replaced(source=scene.models, replace_chunker=replaced))


def recut(
    scene: Scene,
    document: Document,
    *,
    drop: Collection[int],
    spans: Sequence[Span],
    heading_prefix: bool = True,
    truncates: bool = False,
    states: Mapping[str, str] | None = None,
) -> Scene | None:
    """Some rows of a document replaced by chunks with other spans, and a chunker that says so.

    None when the encoder would not see all of a new chunk, unless `truncates`.
    """
    cutting = scene if heading_prefix else scene.configured({"chunking.heading_prefix": False})
    chunks = cut(cutting, document, sorted(spans, key=lambda s: (s.start, s.end)))
    if any(chunk.n_truncated for chunk in chunks) and not truncates:
        return None
    made = with_rows(scene, drop=drop, add=chunks, states=states)
    every = tuple(
        Span(start=c.start, end=c.end, parent_start=c.parent_start, parent_end=c.parent_end)
        for _, c in rows_in(made, document.doc_id)
    )
    return rechunked_by(made, lambda usual: Recutter(usual, {document.content_hash: every}))


def trimmed(text: str, start: int, end: int) -> Span | None:
    """A span without white space around it; None when nothing is left."""
    body = text[start:end]
    start += len(body) - len(body.lstrip())
    end = start + len(body.strip())
    return Span(start=start, end=end) if start < end else None


def pieces(text: str, start: int, end: int, cuts: Sequence[int]) -> list[Span]:
    """What the cuts make of [start, end), without white space around each."""
    inside = sorted({point for point in cuts if start < point < end})
    bounds = [start, *inside, end]
    found = (trimmed(text, a, b) for a, b in pairwise(bounds))
    return [span for span in found if span is not None]


def without(text: str, span: Span, gaps: Sequence[Interval]) -> list[Span]:
    """What is left of a span when some intervals are passed over."""
    points = [p for gap in gaps for p in gap]
    if not any(span.start < end and start < span.end for start, end in gaps):
        return [span]
    return [
        part
        for part in pieces(text, span.start, span.end, points)
        if not any(start <= part.start and part.end <= end for start, end in gaps)
    ]
