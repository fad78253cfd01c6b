"""What the reports look at: an index, its documents, and the labelled questions asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.batch import Batch
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.labels import Question
from whymiss.records import Chunk, Document
from whymiss.retrieval import SearchSpace
from whymiss.retrieval.filters import document_fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.config import PipelineConfig
    from whymiss.protocols import Encoder, Reranker, Vectors

NEAR_DUPLICATE: Final = 0.85
"""Chunks at this cosine say nearly the same; what tells them apart the vectors do not show."""

FEWEST_QUESTIONS: Final = 20
"""Below so many questions nothing can be told about what is usual among them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """An index under one configuration, and labelled questions with their quotes located.

    reranker_over : the reranker of the configuration over a search space; None where none runs.
    read_documents : the stored documents by id, with their text.
    left_out : questions that are not here because their labels do not fit the documents.
    """

    space: SearchSpace
    config: PipelineConfig
    encoder: Encoder
    reranker_over: Callable[[SearchSpace], Reranker | None]
    read_documents: Callable[[Sequence[str]], Mapping[str, Document]]
    questions: tuple[Question, ...] = ()
    left_out: int = 0

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All rows of the index."""
        return self.space.snapshot.chunks

    @property
    def vectors(self) -> Vectors:
        """Their vectors, shape (n_rows, dimension)."""
        return self.space.snapshot.vectors

    @property
    def documents(self) -> NDArray[np.int32]:
        """For each row the number of its document in `doc_ids`."""
        return self.space.snapshot.doc_numbers

    @property
    def doc_ids(self) -> tuple[str, ...]:
        """The documents that have rows, in row order."""
        return self.space.snapshot.doc_ids

    @cached_property
    def rows_of(self) -> dict[str, list[int]]:
        """The rows of each document, in reading order."""
        found: dict[str, list[int]] = {doc_id: [] for doc_id in self.doc_ids}
        for row, chunk in enumerate(self.chunks):
            found[chunk.doc_id].append(row)
        return found

    @cached_property
    def asked(self) -> Vectors:
        """Vectors of the questions, shape (n_questions, dimension)."""
        return self.encoder.encode_queries([q.query.text for q in self.questions])

    @cached_property
    def judged(self) -> tuple[JudgedQuestion, ...]:
        """The questions with their judgements, in the same order."""
        return tuple(JudgedQuestion(question) for question in self.questions)

    @cached_property
    def gold(self) -> tuple[frozenset[int], ...]:
        """For each question the rows that hold some of its evidence."""
        return tuple(frozenset(self._holding(judged)) for judged in self.judged)

    def _holding(self, judged: JudgedQuestion) -> list[int]:
        places = [
            ((chunk.doc_id, chunk.start, chunk.end), row)
            for doc_id in sorted(judged.doc_ids)
            for row in self.rows_of.get(doc_id, ())
            for chunk in (self.chunks[row],)
        ]
        telling = set(judged.telling(place for place, _ in places))
        return [row for place, row in places if place in telling]

    def batch(self, space: SearchSpace, numbers: Sequence[int]) -> Batch:
        """Some of the questions, by number, over a search space."""
        return Batch(
            [self.questions[i].query for i in numbers], space=space, encoder=self.encoder,
            vectors=lambda: self.asked[list(numbers)], read_documents=self.read_documents,
        )  # fmt: skip

    def delivered(
        self, space: SearchSpace, numbers: Sequence[int]
    ) -> tuple[list[bool], list[frozenset[int]]]:
        """For some questions: whether the evidence is in the context, and the selected rows.

        Only for questions that can be judged. Searched exactly, as an edited space always is, so
        that approximate search makes no difference between two spaces.
        """
        config = self.config.replace({"index.ann": "none"})
        batch, reranker = self.batch(space, numbers), self.reranker_over(space)
        contexts = batch.contexts(config, reranker)
        selected = batch.rankings(config, reranker)["select"]
        held = [
            self.judged[i].holds([(p.doc_id, p.start, p.end) for p in context.passages])
            for i, context in zip(numbers, contexts, strict=True)
        ]
        return held, [frozenset(found.rows.tolist()) for found in selected]

    def fields(self, row: int) -> dict[str, Any]:
        """What a filter may ask of a row: its document's fields, refined by its own."""
        chunk = self.chunks[row]
        document = self.space.catalogue.documents.get(chunk.doc_id)
        of_document = document_fields(document) if document is not None else {}
        return {**of_document, **chunk.metadata}

    def title(self, doc_id: str) -> str:
        """The title of a document; empty for one that is no longer stored."""
        document = self.space.catalogue.documents.get(doc_id)
        return document.title if document is not None else ""
