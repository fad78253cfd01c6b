"""Where scenes are run: every run is judged, and what scenes share is computed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.batch import Batch
from whymiss.candidates import Candidates
from whymiss.context import pack
from whymiss.diagnosis.grounds import Grounds, grounds_of
from whymiss.diagnosis.records import Ending
from whymiss.diagnosis.scene import Scene
from whymiss.diagnosis.truth import NOWHERE, Truth, truth_of
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.losses import NOT_LOST, HandedOn, losing_stage
from whymiss.records import Answer, Chunk, Context

if TYPE_CHECKING:
    from whymiss.protocols import Vectors

_KEPT: Final = 12
"""Search spaces, and runs, that are at hand: a patched space is as large as the index."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A scene that was run: what every stage handed on, judged against the evidence.

    stages : candidates after each retrieval stage that ran, in stage order, "select" last.
    grounds : what the answer rests on; None where nothing was answered or nothing is known.
    lost_at : the first stage that lost the evidence: "parse", "index" (the rows do not tell whether
        it was ever cut), "filter", the branches, "fuse", "rerank", "select", "pack", or empty.
    """

    scene: Scene
    truth: Truth
    stages: dict[str, Candidates]
    context: Context
    answer: Answer | None
    grounds: Grounds | None
    lost_at: str

    @property
    def delivered(self) -> bool:
        """Whether the context holds the evidence; False also where nothing is judged."""
        return self.truth.holds is not None and self.lost_at == NOT_LOST

    @property
    def ending(self) -> Ending:
        """How the request ended."""
        if self.truth.holds is None and not self.truth.missing:
            return "unjudged"
        if not self.delivered:
            return "lost"
        return "healthy" if self.grounds is None or self.grounds.sound else "wrong answer"

    @cached_property
    def ordered(self) -> Candidates:
        """The candidates in the order from which the first k are selected."""
        return [found for stage, found in self.stages.items() if stage != "select"][-1]

    @cached_property
    def branches(self) -> dict[str, Candidates]:
        """The candidates of each retrieval branch."""
        return {s: found for s, found in self.stages.items() if s in ("dense", "bm25")}

    def chunks(self, candidates: Candidates) -> list[Chunk]:
        """The chunks of candidates, best first."""
        every = self.scene.space.snapshot.chunks
        return [every[row] for row in candidates.rows.tolist()]

    def places(self, candidates: Candidates) -> list[Retrieved]:
        """What is read of candidates, best first; `NOWHERE` for what is in no document."""
        return [self.truth.place(chunk) for chunk in self.chunks(candidates)]

    def rank(self, candidates: Candidates) -> int | None:
        """The rank at which the evidence is complete among candidates."""
        return self.truth.rank(self.places(candidates))

    @cached_property
    def reach(self) -> tuple[int, float]:
        """How far the evidence came, to compare runs: more is further."""
        if self.delivered:
            healthy = self.ending == "healthy"
            return (len(_WALK) + healthy, 0.0)
        stage = _WALK.index(self.lost_at.partition(",")[0])
        rank = self.rank(self.ordered)
        # Between the stages that only order, what counts is how far in front it stands.
        place = _WALK.index("dense") if rank is None and stage > _WALK.index("filter") else stage
        return (place, -float(rank) if rank is not None else float("-inf"))

    @cached_property
    def gold_rows(self) -> list[int]:
        """Rows that hold some of the evidence, by what is read of them."""
        return gold_rows(self.scene, self.truth)


_WALK: Final = (
    "parse", "index", "filter", "dense", "bm25", "fuse", "rerank", "select", "pack",
)  # fmt: skip


def gold_rows(scene: Scene, truth: Truth) -> list[int]:
    """Rows of the index that hold some of the evidence."""
    return [
        row
        for row, chunk in enumerate(scene.space.snapshot.chunks)
        if chunk.doc_id in truth.doc_ids and truth.touches(truth.place(chunk))
    ]


class Lab:
    """Runs scenes. Scenes over one search space share its stages, all scenes their questions.

    Examples
    --------
    `Workbench.diagnose` makes a scene of a question and runs it here.

    >>> Lab().n_runs
    0
    """

    def __init__(self) -> None:
        self.n_runs = 0
        self._batches: OrderedDict[Hashable, tuple[Batch, Scene]] = OrderedDict()
        self._vectors: dict[tuple[str, str], dict[str, Vectors]] = {}
        self._runs: OrderedDict[int, Run] = OrderedDict()

    def run(self, scene: Scene, *, answer_always: bool = False) -> Run:
        """Run a scene to its context, and on to its answer where the evidence was delivered."""
        known = self._runs.get(id(scene))
        if known is not None and not answer_always:
            return known
        self.n_runs += 1
        made = self._run(scene, answer_always=answer_always)
        self._runs[id(scene)] = made
        if len(self._runs) > _KEPT:
            self._runs.popitem(last=False)
        return made

    def _run(self, scene: Scene, *, answer_always: bool) -> Run:
        config, reranker = scene.config, scene.reranker
        batch = self._batch(scene)
        stages = batch.rankings(config, reranker)
        found = {stage: candidates[0] for stage, candidates in stages.items()}
        context = self._context(scene, batch)
        truth = self.truth(scene)
        lost = _lost_at(scene, truth, found, context)
        answer = grounds = None
        delivered = truth.holds is not None and not lost
        if scene.answers and (delivered or answer_always):
            answer = scene.models.generator(config).generate(scene.question.query, context)
        if answer is not None and delivered:
            expected = scene.question.query.expected_answer
            grounds = grounds_of(answer, context, evidence=truth.text, expected=expected)
        return Run(
            scene=scene, truth=truth, stages=found, context=context, answer=answer,
            grounds=grounds, lost_at=lost,
        )  # fmt: skip

    def _context(self, scene: Scene, batch: Batch) -> Context:
        if scene.chosen is None:
            return batch.contexts(scene.config, scene.reranker)[0]
        every = scene.space.snapshot.chunks
        chunks = [every[row] for row in scene.chosen]
        documents = scene.read_documents(sorted({chunk.doc_id for chunk in chunks}))
        return pack(
            chunks,
            documents=documents,
            tokenizer=scene.encoder.tokenizer,
            config=scene.config.context,
        )

    def truth(self, scene: Scene) -> Truth:
        """The evidence of a scene's question in its documents."""
        question = scene.question
        wanted = {span.doc_id for spans in question.evidence for span in spans}
        documents = scene.read_documents(sorted(wanted | set(question.documents)))
        return truth_of(question, documents)

    def vectors(self, scene: Scene, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, shape (len(texts), dimension); each is encoded once."""
        known = self._vectors.setdefault(
            (scene.encoder.model_version, scene.config.embedding.query_prefix), {}
        )
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            with scene.encoder.at_hand(new) as encoded:
                # Only the one that is diagnosed may be private, and that one is not kept on disk.
                made = encoded() if len(new) > 1 else scene.encoder.encode_queries(new)
            known.update(zip(new, made, strict=True))
        return np.stack([known[text] for text in texts])

    def _batch(self, scene: Scene) -> Batch:
        query = scene.question.query
        key = (id(scene.space), id(scene.models), query.text, query.principals, query.where)
        if key in self._batches:
            self._batches.move_to_end(key)
            return self._batches[key][0]
        batch = Batch(
            [query],
            space=scene.space,
            encoder=scene.encoder,
            vectors=lambda: self.vectors(scene, [query.text]),
            read_documents=scene.read_documents,
        )
        # The scene is kept with it, so that no id comes twice.
        self._batches[key] = batch, scene
        if len(self._batches) > _KEPT:
            self._batches.popitem(last=False)
        return batch


def _lost_at(scene: Scene, truth: Truth, stages: dict[str, Candidates], context: Context) -> str:
    if truth.missing:
        return "parse"
    if truth.holds is None:
        return NOT_LOST
    chunks = scene.space.snapshot.chunks
    rows = [row for row, chunk in enumerate(chunks) if chunk.doc_id in truth.doc_ids]
    visible = scene.space.visible(scene.question.query)

    def places(found: Sequence[int]) -> list[Retrieved]:
        return [truth.place(chunks[row]) for row in found]

    reranked, fused = stages.get("rerank"), stages.get("fuse")
    branches = {s: places(c.rows.tolist()) for s, c in stages.items() if s in ("dense", "bm25")}
    return losing_stage(
        truth.holds,
        HandedOn(
            indexed=places(rows),
            visible=places([row for row in rows if visible[row]]),
            branches=branches,
            fused=places(fused.rows.tolist()) if fused else None,
            reranked=places(reranked.rows.tolist()) if reranked else None,
            depth=scene.config.rerank.depth,
            selected=places(_selected(scene, stages)),
            packed=_passages(truth, context),
        ),
    )


def _selected(scene: Scene, stages: dict[str, Candidates]) -> Sequence[int]:
    chosen: Sequence[int] = stages["select"].rows.tolist() if scene.chosen is None else scene.chosen
    return chosen


def _passages(truth: Truth, context: Context) -> list[Retrieved]:
    """The passages of a context, as far as they say what their documents say there."""
    found = []
    for passage in context.passages:
        document = truth.documents.get(passage.doc_id)
        current = document is not None and (
            document.text[passage.start : passage.end] == passage.text
        )
        found.append((passage.doc_id, passage.start, passage.end) if current else NOWHERE)
    return found
