"""A run under suspicion: the facts that several causes look at, each found out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.answering.lexical import terms
from whymiss.diagnosis.edits import cut, rechunk
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.judging import Retrieved
from whymiss.records import Chunk, Document, Span
from whymiss.retrieval.filters import document_fields
from whymiss.text import words

if TYPE_CHECKING:
    from whymiss.evaluation.labels import EvidenceSpan
    from whymiss.protocols import Vectors


_NAMES: Final = ("doc_id", "title", "source", "modified")


class UnprobedError(Exception):
    """A cause asked for a run where only rules are to speak."""


@dataclass(frozen=True)
class Case:
    """A run, and the facts about it that causes ask for.

    probes : whether a cause may run the scene otherwise to see what is out of order.
    """

    lab: Lab
    run: Run
    probes: bool = True

    def probe(self, scene: Scene) -> Run:
        """Another scene run, to compare with.

        Raises
        ------
        UnprobedError : only rules are to speak.
        """
        if not self.probes:
            raise UnprobedError
        return self.lab.run(scene)

    @property
    def scene(self) -> Scene:
        """What was run."""
        return self.run.scene

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All rows of the index."""
        return self.scene.space.snapshot.chunks

    @property
    def lost(self) -> bool:
        """Whether the evidence is not in the context."""
        return not self.run.delivered

    @cached_property
    def evidence(self) -> tuple[EvidenceSpan, ...]:
        """The located spans."""
        return self.run.truth.spans

    @cached_property
    def documents(self) -> dict[str, Document]:
        """The documents of the evidence, with their text."""
        return {
            d: doc for d, doc in self.run.truth.documents.items() if d in self.run.truth.doc_ids
        }

    @cached_property
    def gold(self) -> list[int]:
        """Rows that hold some of the evidence."""
        return self.run.gold_rows

    @cached_property
    def rows_of_documents(self) -> list[int]:
        """Rows of the documents that hold the evidence."""
        wanted = self.run.truth.doc_ids
        return [row for row, chunk in enumerate(self.chunks) if chunk.doc_id in wanted]

    @cached_property
    def rank(self) -> int | None:
        """Where the evidence is complete in the order from which the first k are taken."""
        return self.run.rank(self.run.ordered)

    @cached_property
    def before(self) -> int | None:
        """The same before the reranker, where one ran."""
        stages = [c for stage, c in self.run.stages.items() if stage not in ("select", "rerank")]
        return self.run.rank(stages[-1])

    @cached_property
    def ahead(self) -> list[int]:
        """Candidates in front of where the evidence is complete that hold none of it, best first.

        All candidates that hold none of it where it never is.
        """
        rows = self.run.ordered.rows.tolist()
        gold = set(self.gold)
        return [row for row in rows[: self.rank] if row not in gold]

    @cached_property
    def room(self) -> int:
        """How many passages of the usual size the context's budget holds."""
        used = [chunk.n_tokens for chunk in self.run.chunks(self.run.ordered.top(10))]
        usual = float(np.median(used)) if used else 1.0
        return int(self.scene.config.context.token_budget // max(usual, 1.0))

    @cached_property
    def usual_tokens(self) -> float:
        """Median tokens of a chunk of this index."""
        return float(np.median([chunk.n_tokens for chunk in self.chunks])) if self.chunks else 0.0

    @cached_property
    def remade(self) -> dict[str, list[Chunk]]:
        """What the configured chunker makes of the evidence's documents now."""
        return {doc_id: rechunk(self.scene, doc) for doc_id, doc in self.documents.items()}

    @cached_property
    def alone(self) -> list[Chunk]:
        """Each span of the evidence as a chunk of its own, under its headings."""
        return [
            chunk
            for span in self.evidence
            if span.doc_id in self.documents
            for chunk in cut(
                self.scene,
                self.documents[span.doc_id],
                [Span(start=span.interval[0], end=span.interval[1])],
            )
        ]

    @cached_property
    def sentinels(self) -> Vectors | None:
        """Vectors of the other questions, shape (n, dimension); None where there are none."""
        own = self.scene.question.query.text
        others = [text for text in self.scene.others if text != own]
        return self.lab.vectors(self.scene, others) if others else None

    @cached_property
    def stale(self) -> frozenset[str]:
        """Documents whose rows were made from another text."""
        return self.scene.space.stale_documents()

    @cached_property
    def context_places(self) -> list[Retrieved]:
        """The passages of the context."""
        return [(p.doc_id, p.start, p.end) for p in self.run.context.passages]

    def fields(self, row: int) -> dict[str, Any]:
        """What a filter may ask of a row: its document's fields, refined by its own."""
        chunk = self.chunks[row]
        document = self.scene.space.catalogue.documents.get(chunk.doc_id)
        of_document = document_fields(document) if document is not None else {}
        return {**of_document, **chunk.metadata}

    def marks(self, row: int) -> dict[str, str]:
        """Those of its fields that are text and do not only name the document."""
        return {
            field: value
            for field, value in self.fields(row).items()
            if field not in _NAMES and isinstance(value, str)
        }

    def named(self, value: str) -> bool:
        """Whether the question names a value, as it is written: "bill" does not name "billing"."""
        return names(self.scene.question.query.text, value)


def names(question: str, value: str) -> bool:
    """Whether a question has all words of a value, and the value has any that mean something.

    >>> names("Do annual plans include it?", "annual"), names("Who pays the bill?", "billing")
    (True, False)
    """
    return bool(terms(value)) and set(words(value)) <= set(words(question))
