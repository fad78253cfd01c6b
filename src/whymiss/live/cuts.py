"""Where a document is cut under a chunking setting; the records of its chunks when they are wanted.

Finding the borders of all chunks of a corpus takes a third of the time that their records take, and
a preview needs the records of its candidates alone.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from whymiss.chunking import build_chunks
from whymiss.index.schema import document_state
from whymiss.live.section_prefixes import SectionPrefixes
from whymiss.records import Chunk, Document, Span, canonical_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.config import PipelineConfig
    from whymiss.live.section_prefixes import Build
    from whymiss.protocols import Chunker, Encoder

_CHUNKS_KEPT: Final = 200_000
_DOCUMENTS_KEPT: Final = 10_000
_NO_LIMIT: Final = sys.maxsize
_ANY_SIZE: Final = 2**30
_TRIED: Final = (32, 48, 64, 96, 128, 192, 256, _ANY_SIZE)
"""Sizes between which most prefixes do not change."""


class DocumentCut:
    """The chunks of one document by (start, chunk_id), each made once and when it is asked for.

    Parameters
    ----------
    spans : as the chunker gives them.
    build : makes the chunks of some of the spans.
    prefix_at : gives the prefixes of chunks that begin at some characters.

    Examples
    --------
    >>> from whymiss.testing import RegexTokenizer
    >>> from whymiss.config import ChunkingConfig
    >>> document = Document(doc_id="d", text="One. Two.")
    >>> build = partial(build_chunks, document, config=ChunkingConfig(),
    ...                 tokenizer=RegexTokenizer(), max_tokens=256)
    >>> spans = [Span(start=0, end=4), Span(start=5, end=9)]
    >>> cut = DocumentCut(document, spans, build, lambda starts: [""] * len(starts))
    >>> cut.places.tolist(), cut.some([1])[0].text
    ([[0, 4], [5, 9]], 'Two.')
    """

    def __init__(
        self,
        document: Document,
        spans: Sequence[Span],
        build: Build,
        prefix_at: Callable[[Sequence[int]], list[str]],
    ) -> None:
        self.document = document
        self._build = build
        self._prefix_at = prefix_at
        ordered = sorted(spans, key=lambda span: span.start)
        made: list[Chunk | None] = [None] * len(ordered)
        if any(one.start == other.start for one, other in pairwise(ordered)):
            # Where two begin at one place their ids decide.
            pairs = zip(build(ordered), ordered, strict=True)
            both = sorted(pairs, key=lambda pair: (pair[0].start, pair[0].chunk_id))
            made, ordered = [chunk for chunk, _ in both], [span for _, span in both]
        self._spans = ordered
        self._made = made

    def __len__(self) -> int:
        return len(self._spans)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Start and end of each chunk, shape (n, 2)."""
        found = [(span.start, span.end) for span in self._spans]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def prefixes(self) -> list[str]:
        """What stands before each chunk when it is embedded and searched."""
        return self._prefix_at([span.start for span in self._spans])

    def some(self, numbers: Sequence[int]) -> list[Chunk]:
        """Some of the chunks, by their numbers in this document."""
        made = self._made
        missing = [number for number in dict.fromkeys(numbers) if made[number] is None]
        if missing:
            new = self._build([self._spans[number] for number in missing])
            for number, chunk in zip(missing, new, strict=True):
                made[number] = chunk
        return cast("list[Chunk]", [made[number] for number in numbers])

    def all(self) -> tuple[Chunk, ...]:
        """Every chunk."""
        return tuple(self.some(range(len(self))))


@dataclass(frozen=True, slots=True)
class _Setting:
    """What decides how a document is cut, besides the document."""

    config: PipelineConfig
    encoder: Encoder

    @property
    def key(self) -> tuple[str, ...]:
        """Names the chunks."""
        knobs = asdict(self.config.chunking)
        prefix = self.config.embedding.document_prefix
        return canonical_json(knobs), prefix, self.encoder.model_version

    @property
    def prefix_key(self) -> tuple[str, ...]:
        """Names the prefixes of chunks, whatever their size."""
        return _Setting(self.sized(_ANY_SIZE).config, self.encoder).key

    def sized(self, size: int) -> _Setting:
        """The same for chunks of another size that share nothing."""
        sizes = {"overlap": 0, "size": size, "parent_size": _ANY_SIZE}
        changes = {f"chunking.{knob}": value for knob, value in sizes.items()}
        return _Setting(self.config.replace(changes), self.encoder)

    def builder(self, document: Document) -> Build:
        """Makes chunks of a document."""
        embedding = self.config.embedding
        return partial(
            build_chunks,
            document,
            config=self.config.chunking,
            tokenizer=self.encoder.tokenizer,
            # Late chunking reads a document in windows and cuts nothing.
            max_tokens=_NO_LIMIT if embedding.late_chunking else self.encoder.max_tokens,
            document_prefix=embedding.document_prefix,
        )


class CutCache:
    """Cuts by document state and chunking settings: a setting seen before is not cut again."""

    def __init__(self, max_chunks: int = _CHUNKS_KEPT) -> None:
        self._most = max_chunks
        self._kept: OrderedDict[tuple[str, ...], DocumentCut] = OrderedDict()
        self._prefixes: OrderedDict[tuple[str, ...], SectionPrefixes] = OrderedDict()
        self._n_chunks = 0
        self._lock = threading.Lock()

    def cuts(
        self,
        documents: Iterable[Document],
        config: PipelineConfig,
        *,
        chunker: Chunker,
        encoder: Encoder,
        check: Callable[[], None],
    ) -> tuple[DocumentCut, ...]:
        """The cut of each document.

        Parameters
        ----------
        check : called before each document; raises when they are no longer wanted.

        Raises
        ------
        ChunkingError : the chunker does not fit a document.
        """
        setting = _Setting(config, encoder)
        key, prefix_key = setting.key, setting.prefix_key
        found = []
        for document in documents:
            check()
            state = (document.doc_id, document_state(document.content_hash, document.title))
            prefixes = self._prefixes_of((*state, *prefix_key), document)
            found.append(
                self._get((*state, *key), partial(_cut, document, setting, chunker, prefixes))
            )
        return tuple(found)

    def widest_prefixes(
        self, documents: Iterable[Document], config: PipelineConfig, *, encoder: Encoder
    ) -> set[str]:
        """The prefixes that chunks may have if their size is no limit to them.

        Those of smaller chunks are looked at too, so that sizes between need hardly more looking.
        """
        setting = _Setting(config, encoder)
        widest: set[str] = set()
        for document in documents:
            state = (document.doc_id, document_state(document.content_hash, document.title))
            prefixes = self._prefixes_of((*state, *setting.prefix_key), document)
            for size in _TRIED:
                told = prefixes.at(prefixes.starts, size, setting.sized(size).builder(document))
            widest.update(told)
        return widest

    def _prefixes_of(self, key: tuple[str, ...], document: Document) -> SectionPrefixes:
        with self._lock:
            if key not in self._prefixes:
                self._prefixes[key] = SectionPrefixes(document)
                if len(self._prefixes) > _DOCUMENTS_KEPT:
                    self._prefixes.popitem(last=False)
            return self._prefixes[key]

    def _get(self, key: tuple[str, ...], cut: Callable[[], DocumentCut]) -> DocumentCut:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = cut()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._n_chunks += len(made)
            while self._n_chunks > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._n_chunks -= len(gone)
        return made


def _cut(
    document: Document, setting: _Setting, chunker: Chunker, prefixes: SectionPrefixes
) -> DocumentCut:
    build, size = setting.builder(document), setting.config.chunking.size
    return DocumentCut(
        document,
        chunker.spans(document),
        build,
        lambda starts: prefixes.at(starts, size, build),
    )
