"""Any function as a chunker: chonkie's, LangChain's or a line of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import index
from typing import Any, Final, NamedTuple, SupportsIndex

from whymiss.errors import ChunkingError
from whymiss.records import Document, Span

_GAP: Final = 10_000

ChunkFunction = Callable[[str], Iterable[Any]]


class _Place(NamedTuple):
    """Where a piece stands; unlike a Span it may be empty or outside the text."""

    start: int
    end: int
    parent_start: int
    parent_end: int


@dataclass(frozen=True, slots=True)
class Custom:
    """A function on text, checked: what it returns must fit the document and lose nothing."""

    fn: ChunkFunction
    name: str

    def spans(self, document: Document) -> list[Span]:
        """The function's spans, without surrounding white space.

        Raises
        ------
        ChunkingError : a piece is not understood, not in the text, out of order, or text is lost.
        """
        text = document.text
        found: list[Span] = []
        previous = _Place(-1, 0, -1, 0)
        for number, piece in enumerate(self.fn(text), start=1):
            place = _bounds(piece) or self._located(text, piece, number=number, previous=previous)
            marks = (0, place.parent_start, place.start, place.end, place.parent_end, len(text))
            if list(marks) != sorted(marks):
                raise ChunkingError(
                    f"chunker {self.name!r} must stay inside a text of {len(text)} characters; "
                    f"piece {number} is [{place.start}, {place.end}). Return character offsets of "
                    "this document."
                )
            previous = place
            if span := _trimmed(text, place):
                found.append(span)
        self._check(text, found)
        return found

    def _located(self, text: str, piece: Any, *, number: int, previous: _Place) -> _Place:
        """Look up a piece that does not know its place: right behind the last, or overlapping."""
        content = _content(piece)
        if content is None:
            raise ChunkingError(
                f"chunker {self.name!r} must return (start, end) pairs, Spans, objects with "
                f"start_index and end_index, or texts; piece {number} is a "
                f"{type(piece).__name__}. Convert it to (start, end)."
            )
        wanted = content.strip()
        gap = text[previous.end : previous.end + len(content) + _GAP]
        start = previous.end + len(gap) - len(gap.lstrip())
        if not text.startswith(wanted, start):
            start = text.find(wanted, previous.start + 1)
        if start >= 0:
            return _Place(start, start + len(wanted), start, start + len(wanted))
        raise ChunkingError(
            f"chunker {self.name!r} must return pieces of the text in order; piece {number} "
            f"{content[:60]!r} is not behind character {previous.start}. Return (start, end) "
            "pairs, or ask the splitter for start_index."
        )

    def _check(self, text: str, spans: list[Span]) -> None:
        covered = 0
        previous = (-1, -1)
        for span in [*spans, None]:
            start = span.start if span else len(text)
            if span and (span.start, span.end) <= previous:
                raise ChunkingError(
                    f"chunker {self.name!r} must return spans in ascending order, none twice; "
                    f"[{span.start}, {span.end}) came after [{previous[0]}, {previous[1]}). "
                    "Sort them by start."
                )
            if lost := text[covered:start].strip():
                raise ChunkingError(
                    f"chunker {self.name!r} must leave out nothing but white space; {lost[:60]!r} "
                    f"after character {covered} is in no span. Cover it, or remove it when loading."
                )
            if span:
                covered = max(covered, span.end)
                previous = (span.start, span.end)


def from_callable(fn: ChunkFunction, name: str) -> Custom:
    """Make a chunker of a function that takes a text and returns its pieces in order.

    A piece is a `Span`, a (start, end) pair, an object with `start_index` and `end_index`
    (chonkie), an object with `page_content` and, at best, metadata "start_index" (LangChain), or a
    plain text, which is looked up behind the start of the piece before it.

    Examples
    --------
    >>> chunker = from_callable(lambda text: text.split("\\n"), "lines")
    >>> [(s.start, s.end) for s in chunker.spans(Document(doc_id="d", text="one\\ntwo"))]
    [(0, 3), (4, 7)]
    """
    return Custom(fn, name)


def _bounds(piece: Any) -> _Place | None:
    """The place of a piece that knows it."""
    if isinstance(piece, Span):
        return _Place(piece.start, piece.end, piece.parent_start, piece.parent_end)
    start, end = getattr(piece, "start_index", None), getattr(piece, "end_index", None)
    content, metadata = _content(piece), getattr(piece, "metadata", None)
    if start is None and content is not None and isinstance(metadata, Mapping):
        start = metadata.get("start_index")
        end = start + len(content) if isinstance(start, int) else None
    if start is None and isinstance(piece, (tuple, list)) and len(piece) == 2:
        start, end = piece
    if isinstance(start, SupportsIndex) and isinstance(end, SupportsIndex):
        return _Place(index(start), index(end), index(start), index(end))
    return None


def _content(piece: Any) -> str | None:
    for content in (piece, getattr(piece, "page_content", None), getattr(piece, "text", None)):
        if isinstance(content, str):
            return content
    return None


def _trimmed(text: str, place: _Place) -> Span | None:
    body = text[place.start : place.end]
    start = place.start + len(body) - len(body.lstrip())
    end = start + len(body.strip())
    if start >= end:
        return None
    return Span(start=start, end=end, parent_start=place.parent_start, parent_end=place.parent_end)
