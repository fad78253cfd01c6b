"""What a repair does to all other labelled questions, and what it costs in tokens and time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.batch import Batch
from whymiss.diagnosis.repairs.change import Rule
from whymiss.diagnosis.repairs.repair import Price
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.labels import Question
from whymiss.evaluation.statistics import difference_interval
from whymiss.records import Query

if TYPE_CHECKING:
    from whymiss.protocols import Vectors


_KEPT: Final = 4
"""Search spaces whose answers to all questions are kept."""


@dataclass(frozen=True)
class Outcomes:
    """Of each labelled question: whether the evidence was delivered, and tokens of its context."""

    delivered: tuple[bool, ...]
    tokens: tuple[int, ...]
    ms: float


@dataclass(frozen=True)
class _Asked:
    """All questions over the space and models of one scene; by configuration what came of it.

    The scene is kept, so that no id comes twice.
    """

    scene: Scene
    batch: Batch
    outcomes: dict[str, Outcomes] = field(default_factory=dict)


class Population:
    """Labelled questions over the scene of one of them, asked in batches.

    Only questions that can be judged are kept; `left_out` counts the others, and the `unfit` whose
    labels do not fit their documents and which are not given.
    """

    def __init__(self, questions: Sequence[Question], scene: Scene, *, unfit: int = 0) -> None:
        self._judged = [judged for q in questions if (judged := JudgedQuestion(q)).judgeable]
        self.left_out = unfit + len(questions) - len(self._judged)
        self._vectors: Vectors | None = None
        self._scene = scene
        self._asked: OrderedDict[tuple[int, int, str, str], _Asked] = OrderedDict()

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

    def price(self, before: Scene, after: Scene, rule: Rule | None = None) -> Price:
        """What it does to these questions when one scene becomes the other.

        `rule` says how their queries change with it.
        """
        now = self._outcomes(before)
        then = self._outcomes(after) if rule is None else self._under(after, rule)
        ids = [judged.question.query_id for judged in self._judged]
        pairs = list(zip(ids, now.delivered, then.delivered, strict=True))
        differences = np.array([int(b) - int(a) for _, a, b in pairs], dtype=float)
        added = np.array(then.tokens, float) - np.array(now.tokens, float)
        return Price(
            wins=tuple(i for i, a, b in pairs if b and not a),
            losses=tuple(i for i, a, b in pairs if a and not b),
            n_questions=len(ids),
            interval=difference_interval(differences),
            added_tokens=float(added.mean()) if len(added) else 0.0,
            added_ms=then.ms - now.ms,
        )

    def _outcomes(self, scene: Scene) -> Outcomes:
        """Every question over the scene's space and configuration, asked once."""
        key = (id(scene.space), id(scene.models), *_reader(scene))
        if key not in self._asked:
            queries = [judged.question.query for judged in self._judged]
            self._asked[key] = _Asked(scene, self._batch(scene, queries))
        self._asked.move_to_end(key)
        if len(self._asked) > _KEPT:
            self._asked.popitem(last=False)
        asked, settings = self._asked[key], scene.config.fingerprint()
        if settings not in asked.outcomes:
            asked.outcomes[settings] = self._ask(asked.batch, scene)
        return asked.outcomes[settings]

    def _under(self, scene: Scene, rule: Rule) -> Outcomes:
        """Every question as a rule for filters changes it; its text and principals stay."""
        queries = [
            replace(j.question.query, where=rule(j.question.query).where) for j in self._judged
        ]
        return self._ask(self._batch(scene, queries), scene)

    def _batch(self, scene: Scene, queries: Sequence[Query]) -> Batch:
        return Batch(
            queries, space=scene.space, encoder=scene.encoder,
            vectors=lambda: self._vectors_for(scene), read_documents=scene.read_documents,
        )  # fmt: skip

    def _vectors_for(self, scene: Scene) -> Vectors:
        if _reader(scene) == _reader(self._scene):
            return self.vectors
        return scene.encoder.encode_queries([j.question.query.text for j in self._judged])

    def _ask(self, batch: Batch, scene: Scene) -> Outcomes:
        started = time.perf_counter()
        contexts = batch.contexts(scene.config, scene.reranker)
        spent = time.perf_counter() - started
        return Outcomes(
            delivered=tuple(
                judged.holds([(p.doc_id, p.start, p.end) for p in context.passages])
                for judged, context in zip(self._judged, contexts, strict=True)
            ),
            tokens=tuple(context.n_tokens for context in contexts),
            ms=1000 * spent / max(1, len(self._judged)),
        )


def _reader(scene: Scene) -> tuple[str, str]:
    """What decides the vector of a question."""
    return scene.encoder.model_version, scene.config.embedding.query_prefix
