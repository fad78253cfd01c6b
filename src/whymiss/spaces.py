"""What questions read of a store, kept in memory at the store's newest version."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from whymiss.errors import ConfigError, IndexMismatchError
from whymiss.index import (
    Progress,
    catalogue_version,
    check_matches,
    index_in_memory,
    read_catalogue,
    read_documents,
    read_snapshot,
)
from whymiss.index.build import chunked_documents, knobs_of
from whymiss.retrieval import SearchSpace

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.index import Store
    from whymiss.models import Models
    from whymiss.records import Document

_DOCUMENTS_KEPT: Final = 1024


class Spaces:
    """The search space of every index asked for, and the texts of the documents read last.

    Each call looks at the store's versions first, so what another process wrote is found.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from whymiss.config import PipelineConfig
    >>> from whymiss.embedding import VectorCache
    >>> from whymiss.index import Store
    >>> from whymiss.models import Models
    >>> from whymiss.testing import HashingEncoder
    >>> store = Store(mkdtemp())
    >>> models = Models(VectorCache(store.state / "vectors.sqlite"), tokens=store.state / "tokens",
    ...                 encoder=HashingEncoder())
    >>> Spaces(store, models).space(PipelineConfig())
    Traceback (most recent call last):
    ...
    whymiss.errors.IndexNotFoundError: ...
    """

    def __init__(self, store: Store, models: Models) -> None:
        self._store = store
        self._models = models
        self._spaces: dict[str, SearchSpace] = {}
        self._texts: OrderedDict[tuple[str, int], Document] = OrderedDict()
        self._lock = threading.RLock()

    def space(self, config: PipelineConfig) -> SearchSpace:
        """What a configuration searches: its index and the documents, at their newest versions.

        Raises
        ------
        IndexNotFoundError, IndexMismatchError : the index is missing or has other settings.
        """
        name = config.index.name
        model_version = self._models.encoder(config).model_version
        with self._lock:
            kept = self._spaces.get(name)
            if kept is not None and self._is_current(kept):
                made = kept.snapshot.manifest
                if knobs_of(made) == config.index_knobs() and made.model_version == model_version:
                    return kept
            check_matches(self._store, config, model_version)
            space = SearchSpace(read_snapshot(self._store, name), read_catalogue(self._store))
            self._spaces[name] = space
            return space

    def trial(self, config: PipelineConfig, *, progress: Progress | None = None) -> SearchSpace:
        """What a configuration would search if its index were built over the documents now.

        The stored index where it is just that; else one in memory, its vectors cached. A custom
        chunker may be another function than the one the stored index was built with, and is
        tried out anew unless search is to be approximate.

        Raises
        ------
        ConfigError : approximate search is configured, and there is no such stored index.
        """
        stored = self._current(config)
        if stored is not None:
            return stored
        if config.index.ann != "none":
            raise ConfigError(
                f"index.ann {config.index.ann!r} needs a stored index; there is no current one "
                f"{config.index.name!r} with these settings. Build it, or try with index.ann none."
            )
        catalogue = read_catalogue(self._store)
        snapshot = index_in_memory(
            self._store,
            config,
            catalogue,
            chunker=self._models.chunker(config),
            encoder=self._models.encoder(config),
            progress=progress,
        )
        return SearchSpace(snapshot, catalogue)

    def _current(self, config: PipelineConfig) -> SearchSpace | None:
        """The stored index, if it is what building it over the documents now would make."""
        custom = config.chunking.strategy.startswith("custom:") and config.index.ann == "none"
        if custom or not self._store.has_index(config.index.name):
            return None
        try:
            stored = self.space(config)
        except IndexMismatchError:
            return None
        there, here = stored.catalogue.states.keys(), stored.snapshot.states.keys()
        # What has no rows may have none because nothing in it is visible.
        missing = chunked_documents(
            self._store,
            sorted(there - here),
            config,
            self._models.chunker(config),
            self._models.encoder(config),
        )
        behind = stored.stale_documents() or any(batch.chunks for batch in missing)
        return None if behind else stored

    def documents(self, doc_ids: Sequence[str]) -> dict[str, Document]:
        """The named documents with their texts; what is not stored is not in the result."""
        version = catalogue_version(self._store)
        with self._lock:
            missing = [d for d in doc_ids if (d, version) not in self._texts]
            for doc_id, document in read_documents(self._store, missing).items():
                self._texts[doc_id, version] = document
            found = {d: self._texts[d, version] for d in doc_ids if (d, version) in self._texts}
            while len(self._texts) > _DOCUMENTS_KEPT:
                self._texts.popitem(last=False)
            return found

    def _is_current(self, space: SearchSpace) -> bool:
        # Tables are made anew by a rebuild, and versions then start again from 1.
        name = space.snapshot.name
        return (
            self._store.index_stamp(name) == space.snapshot.stamp
            and catalogue_version(self._store) == space.catalogue.version
        )
