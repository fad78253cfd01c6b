"""One question and everything that answers it, as a value: change a copy, never the store.

A fault is planted, a patch proves a cause and a repair is tried by making another scene from one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from whymiss.evaluation.labels import Question

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.embedding import CachedEncoder
    from whymiss.protocols import Chunker, Generator, Reranker
    from whymiss.records import Document
    from whymiss.retrieval import SearchSpace

DocumentReader = Callable[[Sequence[str]], Mapping[str, "Document"]]


class ModelSource(Protocol):
    """What a configuration's models are; `whymiss.models.Models` is one."""

    def encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The encoder."""
        ...

    def reranker(self, config: PipelineConfig, space: SearchSpace | None = None) -> Reranker | None:
        """The reranker; None where the stage does not run."""
        ...

    def generator(self, config: PipelineConfig) -> Generator:
        """The generator of answers."""
        ...

    def chunker(self, config: PipelineConfig) -> Chunker:
        """The chunker."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One labelled question, and the pipeline that answers it.

    question : its evidence may hold quotes that are in no document.
    space : the index rows that are searched, and who may see which.
    read_documents : the stored documents by id, with their text.
    answers : whether the generator runs; without it a scene ends with the packed context.
    others : texts of other questions that are asked of this pipeline; they tell what is close to
        many questions.
    chosen : rows that are packed in place of those that the pipeline selects; None leaves it to it.
    """

    question: Question
    config: PipelineConfig
    space: SearchSpace
    models: ModelSource
    read_documents: DocumentReader
    answers: bool = False
    others: tuple[str, ...] = ()
    chosen: tuple[int, ...] | None = None

    @property
    def encoder(self) -> CachedEncoder:
        """The encoder of the configuration."""
        return self.models.encoder(self.config)

    @property
    def reranker(self) -> Reranker | None:
        """The reranker of the configuration over this space."""
        return self.models.reranker(self.config, self.space)

    def configured(self, changes: Mapping[str, object]) -> Scene:
        """The same with some knobs changed."""
        return replace(self, config=self.config.replace(changes))

    def document(self, doc_id: str) -> Document | None:
        """A stored document with its text; None when there is none."""
        return self.read_documents([doc_id]).get(doc_id)


@dataclass(frozen=True, slots=True)
class Overlay:
    """Reads documents, some of them changed; None in `changed` is a document that is gone."""

    base: DocumentReader
    changed: Mapping[str, Document | None]

    def __call__(self, doc_ids: Sequence[str]) -> dict[str, Document]:
        """The documents of these ids that there are."""
        found = dict(self.base([doc_id for doc_id in doc_ids if doc_id not in self.changed]))
        for doc_id in doc_ids:
            document = self.changed.get(doc_id)
            if document is not None:
                found[doc_id] = document
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The models of another source, some of them replaced.

    Each function is given the source's own; None leaves that one as it is. It must give one object
    for one object, because what was computed with it is kept by its identity.
    """

    source: ModelSource
    replace_encoder: Callable[[CachedEncoder], CachedEncoder] | None = None
    replace_reranker: Callable[[Reranker | None], Reranker | None] | None = None
    replace_generator: Callable[[Generator], Generator] | None = None
    replace_chunker: Callable[[Chunker, PipelineConfig], Chunker] | None = None

    def encoder(self, config: PipelineConfig) -> CachedEncoder:
        """The encoder."""
        found = self.source.encoder(config)
        return self.replace_encoder(found) if self.replace_encoder else found

    def reranker(self, config: PipelineConfig, space: SearchSpace | None = None) -> Reranker | None:
        """The reranker."""
        found = self.source.reranker(config, space)
        return self.replace_reranker(found) if self.replace_reranker else found

    def generator(self, config: PipelineConfig) -> Generator:
        """The generator."""
        found = self.source.generator(config)
        return self.replace_generator(found) if self.replace_generator else found

    def chunker(self, config: PipelineConfig) -> Chunker:
        """The chunker."""
        found = self.source.chunker(config)
        return self.replace_chunker(found, config) if self.replace_chunker else found


class Remembered:
    """Reads documents, each once."""

    def __init__(self, read: DocumentReader) -> None:
        self._read = read
        self._known: dict[str, Document | None] = {}

    def __call__(self, doc_ids: Sequence[str]) -> dict[str, Document]:
        """The documents of these ids that there are."""
        new = [doc_id for doc_id in doc_ids if doc_id not in self._known]
        if new:
            found = self._read(new)
            self._known.update({doc_id: found.get(doc_id) for doc_id in new})
        known = {doc_id: self._known[doc_id] for doc_id in doc_ids}
        return {doc_id: document for doc_id, document in known.items() if document is not None}
