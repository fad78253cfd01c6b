"""Packing that respects structure: the work behind heading, parent_child and openapi chunks."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from whymiss.chunking.pack import Limits, Run, greedy, inner, refine
from whymiss.chunking.sentences import sentence_starts
from whymiss.chunking.structure import Block, Outline, Section
from whymiss.chunking.units import Units

if TYPE_CHECKING:
    from whymiss.chunking.units import Ints

Oversize = Literal["split", "keep"]

_KEPT: Final = ("table", "list", "code")
_TINY: Final = 4
_LINE_END: Final = re.compile(r"\n")


@dataclass(frozen=True, slots=True)
class Layout:
    """A document prepared for packing: its words, its outline, where sentences and lines begin."""

    units: Units
    outline: Outline
    sentences: Ints
    lines: Ints

    @classmethod
    def of(cls, text: str, words: Units, outline: Outline) -> Layout:
        """Lay out a text."""
        ends = np.array([match.end() for match in _LINE_END.finditer(text)], dtype=np.int64)
        sentences = np.unique(words.at(sentence_starts(text)))
        return cls(words, outline, sentences, np.unique(words.at(ends)))

    def tokens(self, run: Run) -> int:
        """Tokens of a run."""
        return int(self.units.cost[run[1]] - self.units.cost[run[0]])


@dataclass(frozen=True, slots=True)
class _Region:
    """The text of one section up to its first subsection; several, when joined for being tiny."""

    section: int
    run: Run
    tokens: int


def pack_sections(layout: Layout, limits: Limits, *, merge: bool, oversize: Oversize) -> list[Run]:
    """Runs that stay inside one section and keep blocks whole where they fit.

    A heading without text of its own goes with the section after it. With `merge`, sections under
    one parent that are each at most a quarter of the size, and whose attributes agree, share a run.
    """
    regions = _regions(layout)
    if merge:
        regions = _merged(layout, regions, limits.size)
    runs: list[Run] = []
    for region in regions:
        runs += pack_run(layout, region.run, limits, oversize=oversize)
    return runs


def pack_run(layout: Layout, run: Run, limits: Limits, *, oversize: Oversize) -> list[Run]:
    """Runs inside one run: whole blocks first, then rows, items and lines, sentences, words."""
    words = layout.units
    if layout.tokens(run) <= limits.size:
        return [run] if run[0] < run[1] else []
    borders = [run[0]]
    finest: list[Ints] = [layout.sentences]
    for first, last, block in _parts(layout, run):
        whole = oversize == "keep" and block.kind in _KEPT
        fits = layout.tokens((first, last)) <= limits.size
        if whole or (fits and not limits.overlap):
            borders.append(last)
            continue
        levels = _levels(layout, block, last=last)
        finest += levels[-3:-2]
        borders += refine(words, (first, last), levels=levels, size=limits.size)[1:]
    if not limits.overlap:
        return greedy(words, borders, limits)
    restarts = np.unique(np.concatenate([inner(level, *run) for level in finest] + [borders]))
    return greedy(words, borders, limits, restarts=restarts.astype(np.int64).tolist())


def _regions(layout: Layout) -> list[_Region]:
    """What stands between headings; a heading without text is joined to the region after it."""
    words, outline = layout.units, layout.outline
    edges = {0, *(s.start for s in outline.sections), *(s.end for s in outline.sections)}
    starts = sorted(edge for edge in edges if edge <= (words.ends[-1] if len(words) else 0))
    borders = [*words.at(np.array(starts, dtype=np.int64)).tolist(), len(words)]
    bodies = words.at(np.array([b.start for b in outline.blocks if b.kind != "heading"], np.int64))
    regions: list[_Region] = []
    waiting = 0
    for number, start in enumerate(starts):
        first, last = borders[number], borders[number + 1]
        low, high = np.searchsorted(bodies, (first, last))
        final = number == len(starts) - 1
        if first < last and (high > low or final):
            run = (waiting, last)
            regions.append(_Region(outline.section_at(start), run, layout.tokens(run)))
            waiting = last
    if waiting < len(words):
        run = (waiting, len(words))
        regions.append(_Region(outline.section_at(starts[-1]), run, layout.tokens(run)))
    return regions


def _merged(layout: Layout, regions: Sequence[_Region], size: int) -> list[_Region]:
    """Regions with tiny neighbours under one parent joined while they fit."""
    result: list[_Region] = []
    previous: _Region | None = None
    for region in regions:
        open_ = result[-1] if result else None
        if (
            open_ is not None
            and previous is not None
            and max(previous.tokens, region.tokens) * _TINY <= size
            and open_.tokens + region.tokens <= size
            and _belong_together(layout.outline, previous.section, region.section)
        ):
            joined = (open_.run[0], region.run[1])
            result[-1] = _Region(open_.section, joined, layout.tokens(joined))
        else:
            result.append(region)
        previous = region
    return result


def _belong_together(outline: Outline, one: int, other: int) -> bool:
    if one < 0 or other < 0:
        return False
    first, second = outline.sections[one], outline.sections[other]
    related = first.parent == second.parent or second.parent == one
    return related and _traits(first) == _traits(second)


def _traits(section: Section) -> dict[str, object]:
    # An anchor names one section; it does not set its content apart as other attributes do.
    return {key: value for key, value in section.attributes.items() if key != "id"}


def _parts(layout: Layout, run: Run) -> list[tuple[int, int, Block]]:
    """The blocks of a run as (first, last, block); headings lead the block that follows them."""
    words, blocks = layout.units, layout.outline.blocks
    start, end = words.characters(*run)
    low = bisect_right(blocks, start, key=lambda block: block.end)
    high = bisect_left(blocks, end, key=lambda block: block.start)
    parts: list[tuple[int, int, Block]] = []
    first = run[0]
    for number in range(low, high):
        block = blocks[number]
        final = number == high - 1
        if block.kind == "heading" and not final:
            continue
        following = end if final else blocks[number + 1].start
        last = run[1] if final else words.within(start, following)[1]
        if last > first:
            parts.append((first, last, block))
            first = last
    return parts or [(run[0], run[1], Block("paragraph", start, end))]


def _levels(layout: Layout, block: Block, *, last: int) -> list[Ints]:
    """Where a block may be cut, coarse to fine; never between it and the heading that leads it."""
    begin = int(layout.units.at(np.array([block.start], dtype=np.int64))[0])
    cuts = [layout.units.at(np.array(level, dtype=np.int64)) for level in block.cuts]
    own = [np.unique(level[level > begin]) for level in cuts]
    return [*own, inner(layout.sentences, begin, last), inner(layout.lines, begin, last)]
