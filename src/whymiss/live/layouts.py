"""Layouts of the configurations tried last, made from what is known of the documents."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.embedding import sum_prefixes
from whymiss.embedding.late_encoder import LateChunkingEncoder
from whymiss.errors import ConfigError
from whymiss.index.build import manifest_for
from whymiss.index.schema import document_state
from whymiss.live.corpus import ChunkCache, Corpus, CorpusReader
from whymiss.live.late_vectors import LateVectors, late_vectors
from whymiss.live.layout import Layout
from whymiss.live.quick_tokens import STEP, QuickTokens
from whymiss.live.terms import Terms
from whymiss.records import Chunk, canonical_json
from whymiss.retrieval.terms import term_splitter
from whymiss.tokens import build_tokens, plan_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.config import PipelineConfig
    from whymiss.embedding import DocumentTokens, TokenPlan, TokenStore
    from whymiss.index import Progress, Store
    from whymiss.live.background import Check
    from whymiss.models import Models
    from whymiss.records import Document

    Key = tuple[int, str, str]

_LAYOUTS_KEPT: Final = 8
_MOST_NUMBERS: Final = 2**27
"""Of finer sums, half a gigabyte: about 2.8 million tokens of 384 dimensions."""
_ALL: Final = "there is no preview, and every chunk is embedded first"


class Layouts:
    """Makes layouts, and keeps those used last. Safe for threads."""

    def __init__(self, store: Store, models: Models) -> None:
        self._models = models
        self._reader = CorpusReader(store)
        self._cut = ChunkCache()
        self._kept: OrderedDict[Key, Layout] = OrderedDict()
        self._prefixes: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._quick: dict[tuple[str, str], QuickTokens] = {}
        self._terms: dict[tuple[str, bool], Terms] = {}
        self._lock = threading.Lock()

    def layout(self, config: PipelineConfig, check: Check) -> Layout:
        """The layout of a configuration over the documents at their newest version.

        Parameters
        ----------
        check : called between documents; raises when the layout is no longer wanted.
        """
        corpus = self._reader.read()
        key = self._key(config, corpus)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._made(config, corpus, check)
        with self._lock:
            layout = self._kept.setdefault(key, made)
            while len(self._kept) > _LAYOUTS_KEPT:
                self._kept.popitem(last=False)
            return layout

    def kept(self, config: PipelineConfig) -> Layout | None:
        """The layout of a configuration, if it is at hand."""
        key = self._key(config, self._reader.read())
        with self._lock:
            return self._kept.get(key)

    def count_terms(self, config: PipelineConfig, layout: Layout) -> None:
        """Make the term index of a layout, so that BM25 finds it there."""
        knobs = config.retrieval
        splitting = (knobs.stemmer, knobs.stop_words)
        with self._lock:
            terms = self._terms.setdefault(splitting, Terms(term_splitter(*splitting)))
        layout.space.derived(
            ("terms", *splitting), lambda: terms.index(layout.documents, layout.chunks)
        )

    def _key(self, config: PipelineConfig, corpus: Corpus) -> Key:
        model = self._models.encoder(config).model_version
        return corpus.catalogue.version, canonical_json(config.index_knobs()), model

    def _made(self, config: PipelineConfig, corpus: Corpus, check: Check) -> Layout:
        encoder = self._models.encoder(config)
        if isinstance(encoder, LateChunkingEncoder):
            raise ConfigError(
                "live search embeds chunks by themselves; embedding.late_chunking is on. Its "
                "vectors need no embedding: sweep or build the index instead."
            )
        chunks = self._cut.chunks(
            corpus.documents,
            config,
            chunker=self._models.chunker(config),
            encoder=encoder,
            check=check,
        )
        reason = self._no_preview_because(config, corpus.documents)
        late = None if reason else self._late(config, corpus, chunks)
        states = {
            document.doc_id: document_state(document.content_hash, document.title)
            for document, some in zip(corpus.documents, chunks, strict=True)
            if some
        }
        return Layout.of(
            corpus.documents,
            chunks,
            manifest=manifest_for(config, encoder),
            catalogue=corpus.catalogue,
            states=states,
            late=late,
            reason=reason,
        )

    def _late(
        self, config: PipelineConfig, corpus: Corpus, chunks: Sequence[tuple[Chunk, ...]]
    ) -> LateVectors:
        encoder = self._models.token_encoder(config)
        assert encoder is not None
        prefixes = {chunk.prefix for some in chunks for chunk in some if chunk.prefix}
        model = encoder.model_version
        new = [prefix for prefix in sorted(prefixes) if (prefix, model) not in self._prefixes]
        if new:
            for prefix, total in sum_prefixes(new, encoder).items():
                self._prefixes[prefix, model] = total
        return late_vectors(
            chunks,
            self._tokens_of(corpus, self._models.token_store(config)),
            {prefix: self._prefixes[prefix, model] for prefix in prefixes},
            dimension=encoder.dimension,
        )

    def _tokens_of(self, corpus: Corpus, store: TokenStore) -> list[DocumentTokens]:
        """Token vectors of all documents; with finer sums where those fit into memory."""
        found = [store.get(document.content_hash) for document in corpus.documents]
        n_numbers = sum(tokens.vectors.size for tokens in found) // STEP
        if n_numbers > _MOST_NUMBERS:
            return found
        known = self._quick
        keys = [(document.content_hash, store.model_version) for document in corpus.documents]
        self._quick = {
            key: known.get(key) or QuickTokens.quickened(tokens)
            for key, tokens in zip(keys, found, strict=True)
        }
        return [self._quick[key] for key in keys]

    def prepare(self, config: PipelineConfig, progress: Progress | None) -> str:
        """Add missing token vectors; why there can be no preview all the same."""
        plan, lacking = self._plan(config, self._reader.read().documents)
        if plan.refused_because:
            return f"{plan.refused_because}; {_ALL}"
        if plan.n_documents:
            what = f"tokens, {plan.n_bytes / 1e6:,.0f} MB"
            build_tokens(self._models, config, lacking, plan, what=what, progress=progress)
        layout = self.layout(config, lambda: None)
        if config.retrieval.mode != "dense":
            self.count_terms(config, layout)
        return ""

    def _no_preview_because(self, config: PipelineConfig, documents: Sequence[Document]) -> str:
        """Why there can be no preview; empty where there can."""
        plan, _ = self._plan(config, documents)
        if plan.refused_because:
            return f"{plan.refused_because}; {_ALL}"
        if not plan.n_documents:
            return ""
        return (
            f"{plan.n_documents} documents have no token vectors yet ({plan.n_tokens:,} tokens, "
            f"{plan.n_bytes / 1e6:,.1f} MB): prepare adds them; {_ALL}"
        )

    def _plan(
        self, config: PipelineConfig, documents: Sequence[Document]
    ) -> tuple[TokenPlan, list[Document]]:
        """What the token store lacks of the documents, and which those are."""

        def among(missing: set[str]) -> list[Document]:
            return [document for document in documents if document.content_hash in missing]

        hashes = [document.content_hash for document in documents]
        return plan_tokens(self._models, config, hashes, among)


@contextmanager
def collected_later() -> Iterator[None]:
    """Without the cyclic collector: thousands of new chunks set it off, they hold no cycle, and it
    then looks at every object of the process, which can take longer than cutting them. Behind the
    block it has its turn."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
