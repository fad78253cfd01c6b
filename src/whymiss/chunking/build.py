"""From spans to the chunks of an index: ids, headings, prefixes, metadata and token counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from whymiss.chunking.structure import Outline, Section, outline
from whymiss.chunking.units import units
from whymiss.config import ChunkingConfig
from whymiss.protocols import Tokenizer
from whymiss.records import Chunk, Document, Span, canonical_json, digest

_ID_LENGTH = 20
_PREFIX_SHARE = 4


def build_chunks(
    document: Document,
    spans: Sequence[Span],
    *,
    config: ChunkingConfig,
    tokenizer: Tokenizer,
    max_tokens: int,
    document_prefix: str = "",
) -> list[Chunk]:
    """Make the chunks of a document's spans, in their order.

    Parameters
    ----------
    config : its knobs are part of every chunk_id; `heading_prefix` and `size` shape the prefix.
    max_tokens : what the encoder sees of a text, special tokens included; the rest is truncated.
    document_prefix : what the encoder puts before every passage; counted, not stored.

    Returns
    -------
    list of Chunk
        `headings` is the section path at the start of the span; `metadata` the attributes of the
        sections it touches, inner before outer, a tuple where sections side by side disagree.
        An id depends on doc_id, span, text and knobs only, so an edit elsewhere that moves no
        offsets changes no id.

    Examples
    --------
    >>> from whymiss.testing import RegexTokenizer
    >>> document = Document(doc_id="d", text="# Terms\\n\\nTen euros.")
    >>> chunk, = build_chunks(document, [Span(start=9, end=19)], config=ChunkingConfig(),
    ...                       tokenizer=RegexTokenizer(), max_tokens=256)
    >>> chunk.prefix, chunk.headings, chunk.n_tokens
    ('Terms\\n', ('Terms',), 6)
    """
    structure = outline(document.text, document.syntax)
    knobs = canonical_json(dataclasses.asdict(config))
    paths = [_path(structure, span) for span in spans]
    prefixes = _prefixes(document.title, paths, config=config, tokenizer=tokenizer)
    texts = [document.text[span.start : span.end] for span in spans]
    heads = [document_prefix + prefixes[path] for path in paths]
    counts = _counts(document.text, spans, heads, tokenizer=tokenizer)
    chunks: list[Chunk] = []
    for span, path, text, count in zip(spans, paths, texts, counts, strict=True):
        n_tokens = count + tokenizer.n_special
        chunks.append(
            Chunk(
                chunk_id=_chunk_id(document.doc_id, span, text, knobs),
                doc_id=document.doc_id,
                start=span.start,
                end=span.end,
                text=text,
                n_tokens=n_tokens,
                n_truncated=max(0, n_tokens - max_tokens),
                prefix=prefixes[path],
                headings=path,
                parent_start=span.parent_start,
                parent_end=span.parent_end,
                metadata=section_metadata(structure, span),
            )
        )
    return chunks


def section_metadata(structure: Outline, span: Span) -> dict[str, Any]:
    """Attributes of all sections a span touches: inner overrides outer, equals are told once.

    >>> from whymiss.chunking.structure import outline
    >>> found = outline("# A {plan=x tier=1}\\n## B {plan=y}\\nb\\n## C {plan=z}\\nc", "markdown")
    >>> section_metadata(found, Span(start=20, end=54))
    {'plan': ('y', 'z'), 'tier': '1'}
    """
    if not structure.has_attributes:
        return {}
    touched = structure.sections_touching(span.start, span.end)
    if not any(section.attributes for section in touched):
        return {}
    # A section counts where it has no touched subsection: there its view is the innermost one.
    enclosing = {section.parent for section in touched}
    numbers = {id(section): number for number, section in enumerate(structure.sections)}
    innermost = [s for s in touched if numbers[id(s)] not in enclosing]
    values: dict[str, list[Any]] = {}
    for section in innermost:
        for key, value in _inherited(structure, section).items():
            known = values.setdefault(key, [])
            several = value if isinstance(value, tuple) else (value,)
            known += [item for item in several if item not in known]
    return {key: found[0] if len(found) == 1 else tuple(found) for key, found in values.items()}


def _inherited(structure: Outline, section: Section) -> Mapping[str, Any]:
    lineage = [section]
    while lineage[-1].parent >= 0:
        lineage.append(structure.sections[lineage[-1].parent])
    merged: dict[str, Any] = {}
    for ancestor in reversed(lineage):
        merged.update(ancestor.attributes)
    return merged


def _path(structure: Outline, span: Span) -> tuple[str, ...]:
    number = structure.section_at(span.start)
    return structure.sections[number].path if number >= 0 else ()


def _prefixes(
    title: str,
    paths: Sequence[tuple[str, ...]],
    *,
    config: ChunkingConfig,
    tokenizer: Tokenizer,
) -> dict[tuple[str, ...], str]:
    """The prefix of each heading path: as many headings, from the innermost out, as are allowed."""
    if not config.heading_prefix or config.strategy == "document":
        return dict.fromkeys(paths, "")
    full = {path: _titled(title, path) for path in dict.fromkeys(paths)}
    tails = {names[n:] for names in full.values() for n in range(len(names))}
    ordered = sorted(tails)
    counts = tokenizer.count([_joined(tail) for tail in ordered])
    tokens = dict(zip(ordered, counts, strict=True))
    most = config.size // _PREFIX_SHARE
    return {
        path: next((_joined(names[n:]) for n in range(len(names)) if tokens[names[n:]] <= most), "")
        for path, names in full.items()
    }


def _titled(title: str, path: tuple[str, ...]) -> tuple[str, ...]:
    same = path and " ".join(path[0].split()).casefold() == " ".join(title.split()).casefold()
    return path if not title.strip() or same else (" ".join(title.split()), *path)


def _counts(
    text: str, spans: Sequence[Span], heads: Sequence[str], *, tokenizer: Tokenizer
) -> list[int]:
    """Tokens of every span behind its head, without special tokens.

    Most are sums over the words of the text, which were counted when it was cut; a span whose
    tokens depend on what stands beside it is tokenized as it will be embedded.
    """
    words = units(text, tokenizer)
    starts = np.array([span.start for span in spans], dtype=np.int64)
    ends = np.array([span.end for span in spans], dtype=np.int64)
    first, last = words.at(starts), words.at(ends)
    if len(words):
        clean = (words.doubts[last] == words.doubts[first]) & (first < last)
        clean &= words.starts[np.minimum(first, len(words) - 1)] == starts
        clean &= words.ends[np.maximum(last, 1) - 1] == ends
    else:
        clean = np.zeros(len(spans), np.bool_)
    alone = np.array([not head for head in heads], dtype=np.bool_)
    counts = words.cost[last] - words.cost[first]
    measured = np.flatnonzero(~(clean & alone)).tolist()
    counts[measured] = tokenizer.count(
        [heads[i] + text[spans[i].start : spans[i].end] for i in measured]
    )
    return [int(n) for n in counts]


def _joined(names: tuple[str, ...]) -> str:
    return " > ".join(names) + "\n"


def _chunk_id(doc_id: str, span: Span, text: str, knobs: str) -> str:
    return digest(doc_id, str(span.start), str(span.end), digest(text), knobs)[:_ID_LENGTH]
