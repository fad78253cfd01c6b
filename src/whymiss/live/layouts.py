"""Layouts of the configurations tried last, made from what is known of the documents."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from whymiss.embedding.late_encoder import LateChunkingEncoder
from whymiss.errors import ConfigError
from whymiss.index.build import manifest_for
from whymiss.live.corpus import CorpusReader
from whymiss.live.corpus_tokens import CorpusTokens
from whymiss.live.cuts import CutCache
from whymiss.live.late_vectors import LateVectors, late_vectors
from whymiss.live.layout import Layout
from whymiss.live.places import Places
from whymiss.live.prefixes import PrefixSums
from whymiss.live.quick_tokens import STEP, QuickTokens
from whymiss.live.terms import CorpusTerms, Vocabulary
from whymiss.pipeline import Clock
from whymiss.records import canonical_json
from whymiss.retrieval.terms import term_splitter
from whymiss.tokens import build_tokens, plan_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whymiss.config import PipelineConfig
    from whymiss.embedding import TokenPlan
    from whymiss.index import Progress, Store
    from whymiss.live.background import Check
    from whymiss.live.corpus import Corpus
    from whymiss.live.corpus_tokens import Sums
    from whymiss.live.cuts import DocumentCut
    from whymiss.models import Models
    from whymiss.records import Document

    Key = tuple[int, str, str]

_LAYOUTS_KEPT: Final = 8
_MOST_NUMBERS: Final = 2**27
"""Of finer sums, half a gigabyte: about 2.8 million tokens of 384 dimensions."""
_ALL: Final = "there is no preview, and every chunk is embedded first"


def _go_on() -> None:
    """Nothing newer can come in between."""


class Layouts:
    """Makes layouts, and keeps those used last. Safe for threads."""

    def __init__(self, store: Store, models: Models) -> None:
        self._models = models
        self._reader = CorpusReader(store)
        self._cut = CutCache()
        self._kept: OrderedDict[Key, Layout] = OrderedDict()
        self._prefixes: dict[str, PrefixSums] = {}
        self._tokens: dict[str, tuple[Corpus, CorpusTokens]] = {}
        self._vocabularies: dict[tuple[str, bool], Vocabulary] = {}
        self._terms: dict[tuple[str, bool], CorpusTerms] = {}
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    @property
    def corpus(self) -> Corpus:
        """The documents at their newest version."""
        return self._reader.read()

    def layout(self, config: PipelineConfig, check: Check, clock: Clock) -> Layout:
        """The layout of a configuration over the documents at their newest version.

        Parameters
        ----------
        check : called between documents; raises when the layout is no longer wanted.
        clock : takes the time of stages "chunk" and "index".
        """
        corpus = self.corpus
        key = self._key(config, corpus)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._made(config, corpus, check, clock)
        with self._lock:
            layout = self._kept.setdefault(key, made)
            while len(self._kept) > _LAYOUTS_KEPT:
                self._kept.popitem(last=False)
            return layout

    def kept(self, config: PipelineConfig) -> Layout | None:
        """The layout of a configuration, if it is at hand."""
        key = self._key(config, self.corpus)
        with self._lock:
            return self._kept.get(key)

    def cuts(
        self, config: PipelineConfig, documents: Sequence[Document], check: Check = _go_on
    ) -> tuple[DocumentCut, ...]:
        """Where documents are cut."""
        return self._cut.cuts(
            documents,
            config,
            chunker=self._models.chunker(config),
            encoder=self._models.encoder(config),
            check=check,
        )

    def count_terms(self, config: PipelineConfig, layout: Layout) -> None:
        """Make the term counts of a layout, so that BM25 finds them there."""
        knobs = config.retrieval
        splitting = (knobs.stemmer, knobs.stop_words)
        layout.space.derived(
            ("terms", *splitting),
            lambda: self._terms_of(layout.corpus, splitting).counted(layout.places),
        )

    def prepare(self, config: PipelineConfig, progress: Progress | None) -> str:
        """Add missing token vectors; why there can be no preview all the same."""
        plan, lacking = self._plan(config, self.corpus.documents)
        if plan.refused_because:
            return f"{plan.refused_because}; {_ALL}"
        if plan.n_documents:
            what = f"tokens, {plan.n_bytes / 1e6:,.0f} MB"
            build_tokens(self._models, config, lacking, plan, what=what, progress=progress)
        encoder = self._models.encoder(config)
        self._prefixes_of(config).learn(
            self._cut.widest_prefixes(self.corpus.documents, config, encoder=encoder)
        )
        layout = self.layout(config, _go_on, Clock())
        if config.retrieval.mode != "dense":
            self.count_terms(config, layout)
        return ""

    def _key(self, config: PipelineConfig, corpus: Corpus) -> Key:
        model = self._models.encoder(config).model_version
        return corpus.catalogue.version, canonical_json(config.index_knobs()), model

    def _made(self, config: PipelineConfig, corpus: Corpus, check: Check, clock: Clock) -> Layout:
        encoder = self._models.encoder(config)
        if isinstance(encoder, LateChunkingEncoder):
            raise ConfigError(
                "live search embeds chunks by themselves; embedding.late_chunking is on. Its "
                "vectors need no embedding: sweep or build the index instead."
            )
        with clock("chunk"):
            cuts = self.cuts(config, corpus.documents, check)
            places = Places.of(cuts, corpus.bases)
        with clock("index"):
            reason = self._no_preview_because(config, corpus.documents)
            return Layout.of(
                corpus,
                cuts,
                places,
                manifest=manifest_for(config, encoder),
                late=None if reason else self._late(config, corpus, places),
                reason=reason,
            )

    def _late(self, config: PipelineConfig, corpus: Corpus, places: Places) -> LateVectors:
        sums = self._prefixes_of(config).of(places.prefixes)
        return late_vectors(places, self._tokens_of(config, corpus), sums)

    def _prefixes_of(self, config: PipelineConfig) -> PrefixSums:
        encoder = self._models.token_encoder(config)
        assert encoder is not None
        with self._lock:
            return self._prefixes.setdefault(encoder.model_version, PrefixSums(encoder))

    def _tokens_of(self, config: PipelineConfig, corpus: Corpus) -> CorpusTokens:
        """Token vectors of all documents; with finer sums where those fit into memory."""
        store = self._models.token_store(config)
        with self._reading:
            known = self._tokens.get(store.model_version)
            if known is None or known[0] is not corpus:
                found = [store.get(document.content_hash) for document in corpus.documents]
                dimension = self._models.encoder(config).dimension
                made = CorpusTokens(found, corpus.bases, dimension)
                if sum(tokens.vectors.size for tokens in found) // STEP <= _MOST_NUMBERS:
                    made = QuickTokens.quickened(made, _finer(known, corpus))
                known = self._tokens[store.model_version] = corpus, made
            return known[1]

    def _terms_of(self, corpus: Corpus, splitting: tuple[str, bool]) -> CorpusTerms:
        with self._reading:
            known = self._terms.get(splitting)
            if known is None or known.documents is not corpus.documents:
                vocabulary = known.vocabulary if known else Vocabulary(term_splitter(*splitting))
                known = CorpusTerms.of(vocabulary, corpus.documents, corpus.bases)
                self._terms[splitting] = known
            return known

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


def _finer(known: tuple[Corpus, CorpusTokens] | None, corpus: Corpus) -> dict[int, Sums]:
    """Finer sums of documents of a corpus that are known from an earlier version of it."""
    if known is None:
        return {}
    earlier, tokens = known
    if not isinstance(tokens, QuickTokens):
        return {}
    there = {document.content_hash: number for number, document in enumerate(earlier.documents)}
    return {
        number: tokens.fine_of(there[document.content_hash])
        for number, document in enumerate(corpus.documents)
        if document.content_hash in there
    }
