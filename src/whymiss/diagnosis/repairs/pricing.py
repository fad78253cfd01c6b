"""What a repair does to all other labelled questions, and what it costs in tokens and time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from whymiss.batch import Batch
from whymiss.config import PipelineConfig
from whymiss.diagnosis.repairs.change import Change
from whymiss.diagnosis.repairs.repair import Price
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.labels import Question
from whymiss.evaluation.statistics import difference_interval
from whymiss.records import Context

if TYPE_CHECKING:
    from whymiss.protocols import Vectors


@dataclass(frozen=True)
class Outcomes:
    """Of each labelled question: whether the evidence was delivered, and tokens of its context."""

    delivered: tuple[bool, ...]
    tokens: tuple[int, ...]
    ms: float


class Population:
    """Labelled questions over the scene of one of them, asked in batches.

    Only questions that can be judged are kept; `left_out` counts the others, and the `unfit` whose
    labels do not fit their documents and which are not given.
    """

    def __init__(self, questions: Sequence[Question], scene: Scene, *, unfit: int = 0) -> None:
        self._judged = [judged for q in questions if (judged := JudgedQuestion(q)).judgeable]
        self.left_out = unfit + len(questions) - len(self._judged)
        self._vectors: Vectors | None = None
        self._batches: dict[int, tuple[Batch, object]] = {}
        self._scene = scene
        self._outcomes: dict[tuple[int, str], Outcomes] = {}

    def __len__(self) -> int:
        return len(self._judged)

    @property
    def questions(self) -> list[Question]:
        """The questions that are judged."""
        return [judged.question for judged in self._judged]

    @property
    def vectors(self) -> Vectors:
        """Vectors of the questions, shape (n, dimension)."""
        if self._vectors is None:
            texts = [judged.question.query.text for judged in self._judged]
            with self._scene.encoder.at_hand(texts) as at_hand:
                self._vectors = at_hand()
        return self._vectors

    def price(self, scene: Scene, change: Change) -> Price:
        """What a change does to these questions, against the scene as it is."""
        before, after = self._outcome(scene, None), self._outcome(change.alter(scene), change)
        ids = [judged.question.query_id for judged in self._judged]
        pairs = list(zip(ids, before.delivered, after.delivered, strict=True))
        differences = np.array([int(b) - int(a) for _, a, b in pairs], dtype=float)
        added = np.array(after.tokens, float) - np.array(before.tokens, float)
        return Price(
            wins=tuple(i for i, a, b in pairs if b and not a),
            losses=tuple(i for i, a, b in pairs if a and not b),
            n_questions=len(ids),
            interval=difference_interval(differences),
            added_tokens=float(added.mean()) if len(added) else 0.0,
            added_ms=after.ms - before.ms,
        )

    def _outcome(self, scene: Scene, change: Change | None) -> Outcomes:
        """Every question over the scene's space and configuration."""
        rule = change.for_query if change is not None else None
        config = scene.config
        if rule is None:
            key = (id(scene.space), config.fingerprint())
            if key not in self._outcomes:
                self._outcomes[key] = self._asked(self._batch(scene), scene, config)
            return self._outcomes[key]
        queries = [
            replace(j.question.query, where=rule(j.question.query).where) for j in self._judged
        ]
        batch = Batch(
            queries, space=scene.space, encoder=scene.encoder, vectors=lambda: self.vectors,
            read_documents=scene.read_documents,
        )  # fmt: skip
        return self._asked(batch, scene, config)

    def _batch(self, scene: Scene) -> Batch:
        if id(scene.space) not in self._batches:
            batch = Batch(
                [judged.question.query for judged in self._judged],
                space=scene.space,
                encoder=scene.encoder,
                vectors=lambda: self._vectors_for(scene),
                read_documents=scene.read_documents,
            )
            # The space is kept with it, so that no id comes twice.
            self._batches[id(scene.space)] = batch, scene.space
        return self._batches[id(scene.space)][0]

    def _vectors_for(self, scene: Scene) -> Vectors:
        if scene.encoder.model_version == self._scene.encoder.model_version:
            return self.vectors
        return scene.encoder.encode_queries([j.question.query.text for j in self._judged])

    def _asked(self, batch: Batch, scene: Scene, config: PipelineConfig) -> Outcomes:
        started = time.perf_counter()
        contexts = batch.contexts(config, scene.reranker)
        spent = time.perf_counter() - started
        return Outcomes(
            delivered=tuple(
                judged.holds([(p.doc_id, p.start, p.end) for p in context.passages])
                for judged, context in zip(self._judged, contexts, strict=True)
            ),
            tokens=tuple(_tokens(context) for context in contexts),
            ms=1000 * spent / max(1, len(self._judged)),
        )


def _tokens(context: Context) -> int:
    return context.n_tokens
