"""What stands before the chunks of each section, told without making chunks where it can be."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from whymiss.chunking import outline
from whymiss.records import Chunk, Span

if TYPE_CHECKING:
    from whymiss.records import Document

Build = Callable[[Sequence[Span]], list[Chunk]]
"""Makes the chunks of some spans; what it makes of one depends on no other."""


class SectionPrefixes:
    """The prefixes of one document's sections, by chunk size.

    All chunks that begin in one section have one prefix. A larger chunk may have more headings in
    it, never fewer: where a smaller and a larger size have the same prefix, every size between them
    has it too.

    Examples
    --------
    >>> from functools import partial
    >>> from whymiss.chunking import build_chunks
    >>> from whymiss.config import ChunkingConfig
    >>> from whymiss.records import Document
    >>> from whymiss.testing import RegexTokenizer
    >>> document = Document(doc_id="d", text="# Terms\\n\\nTen euros.", title="Plans")
    >>> def build(size):
    ...     return partial(build_chunks, document, config=ChunkingConfig(size=size),
    ...                    tokenizer=RegexTokenizer(), max_tokens=256)
    >>> prefixes = SectionPrefixes(document)
    >>> prefixes.at([9], 8, build(8)), prefixes.at([9], 200, build(200))
    (['Terms\\n'], ['Plans > Terms\\n'])
    """

    def __init__(self, document: Document) -> None:
        self._length = len(document.text)
        self._outline = outline(document.text, document.syntax)
        self._sizes: dict[int, list[int]] = {}
        self._told: dict[tuple[int, int], str] = {}

    @property
    def starts(self) -> list[int]:
        """A character of each section, and the first of the document."""
        starts = (0, *(section.start for section in self._outline.sections))
        return [start for start in starts if start < self._length]

    def at(self, starts: Sequence[int], size: int, build: Build) -> list[str]:
        """The prefixes of chunks that begin at these characters.

        Parameters
        ----------
        build : makes chunks of this size.
        """
        sections = [self._outline.section_at(start) for start in starts]
        found = {section: self._known(section, size) for section in dict.fromkeys(sections)}
        begin = dict(zip(reversed(sections), reversed(starts), strict=True))
        new = [section for section, prefix in found.items() if prefix is None]
        # The shortest chunk there is tells it as well as a whole one.
        spans = [Span(start=begin[section], end=begin[section] + 1) for section in new]
        for section, chunk in zip(new, build(spans) if new else (), strict=True):
            found[section] = self._told[section, size] = chunk.prefix
            sizes = self._sizes.setdefault(section, [])
            sizes.insert(bisect_left(sizes, size), size)
        return [found[section] or "" for section in sections]

    def _known(self, section: int, size: int) -> str | None:
        sizes = self._sizes.get(section, [])
        below, above = bisect_right(sizes, size) - 1, bisect_left(sizes, size)
        if below < 0 or above == len(sizes):
            return None
        prefix = self._told[section, sizes[below]]
        return prefix if prefix == self._told[section, sizes[above]] else None
