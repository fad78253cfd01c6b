"""How much there is to gain: each failed question counted at one step of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import pandas as pd

from whymiss.context import pack
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.lab import Run
from whymiss.diagnosis.truth import Truth
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.statistics import wilson
from whymiss.records import Chunk

STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "parse": "every document of the evidence is stored, with its words",
        "chunk": "the chunks that the chunker makes hold the evidence, within k and the budget",
        "index": "the rows of the index are the chunks of the documents as they are",
        "filter": "the asker may see the rows that hold the evidence, and no condition hides them",
        "retrieval": "the branches find the rows that hold the evidence",
        "fusion": "merging puts them where the reranker reads",
        "rerank": "the best k of the candidates are taken, by a reranker where none runs",
        "packing": "the context holds what was selected",
        "answer": "the answer rests on the evidence in the context",
    }
)
"""The steps in the order of the pipeline, each with what it does when it is perfect."""

HEADROOM: Final = ("step", "n", "share", "low", "high", "score_after", "query_ids", "perfect")


def headroom(steps: Mapping[str, str], *, answers: bool) -> pd.DataFrame:
    """The ladder from the score to 1: what perfect steps would bring, added up from the end.

    The score is the share of questions whose evidence is delivered and, with answers, whose answer
    rests on it. `score_after` is what it would be with that step and all behind it perfect. Each
    failed question is counted at one step, the last from which on all must be perfect for it to
    come through; so no step is negative, and their shares sum to 1 less the score.

    Parameters
    ----------
    steps : by query id of every judged question what `step_of` gives.
    answers : whether answers were written; else there is no such step.

    Returns
    -------
    DataFrame
        One row per step in the order of the pipeline, the ladder's top first: how many questions,
        their share with a Wilson 95 % interval, the score after, and which questions.

    Examples
    --------
    >>> table = headroom({"q1": "", "q2": "packing", "q3": "chunk", "q4": ""}, answers=False)
    >>> table.loc[table["n"] > 0, ["step", "share", "score_after"]].values.tolist()
    [['chunk', 0.25, 1.0], ['packing', 0.25, 0.75]]
    """
    shown = [step for step in STEPS if answers or step != "answer"]
    rows = []
    reached = len(steps)
    for step in shown:
        ids = tuple(query_id for query_id, found in steps.items() if found == step)
        rate = wilson(len(ids), len(steps))
        rows.append(
            {
                "step": step, "n": len(ids), "share": rate.estimate, "low": rate.low,
                "high": rate.high, "score_after": reached / len(steps) if steps else float("nan"),
                "query_ids": ids, "perfect": STEPS[step],
            }
        )  # fmt: skip
        reached -= len(ids)
    return pd.DataFrame(rows, columns=list(HEADROOM))


def step_of(case: Case) -> str:
    """The step at which a run is counted; empty where there is nothing to gain.

    Told from what the run's stages handed on. From the end of the pipeline forward, the first
    step that was given enough: "packing" if the selected rows hold the evidence, "rerank" if at
    most k of the candidates that are read for reranking hold it and fit into the budget, "fusion"
    if those of all branches together do, "retrieval" if visible rows do, "filter" if any rows do,
    "index" if the chunks do that the chunker makes of the stored documents now, "chunk" if the
    stored documents hold it, and else "parse". Where one branch runs alone nothing is merged, and
    all its candidates are read. Where not even the bare spans of the evidence are within k and the
    budget, these limits are left aside: it is then the last step that was given the evidence.

    Raises
    ------
    InvalidRecordError : no evidence is known.
    """
    run = case.run
    if run.ending == "unjudged":
        query_id = run.scene.question.query_id
        raise InvalidRecordError(
            f"step_of needs evidence; {query_id!r} has none that can be judged. Label it first."
        )
    if run.ending == "healthy":
        return ""
    if run.ending == "wrong answer":
        return "answer"
    if run.truth.holds is None:
        return "parse"
    if _all_there(run.truth, run.chunks(run.stages["select"])):
        return "packing"
    possible = not case.evidence or deliverable(run, case.alone)
    for step, chunks in _given(case):
        if deliverable(run, chunks) if possible else _all_there(run.truth, chunks):
            return step
    return "chunk"


def deliverable(run: Run, chunks: Sequence[Chunk]) -> bool:
    """Whether at most k of the chunks, packed as the run packs, deliver the evidence.

    Of every alternative one choice is tried that has no chunk too many, those first that hold most.
    """
    k = run.scene.config.retrieval.k
    return any(len(choice) <= k and _delivers(run, choice) for choice in choices(run.truth, chunks))


def choices(truth: Truth, chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """For every alternative that the chunks hold, some that hold it and none too many."""
    labelled = truth.question.evidence
    for alternative in labelled or ((),):
        question = replace(truth.question, evidence=(alternative,)) if labelled else truth.question
        alone = replace(truth, question=question)
        kept = _largest_first(alone, chunks)
        if not _all_there(alone, kept):
            continue
        for chunk in reversed(kept):
            rest = [other for other in kept if other is not chunk]
            if _all_there(alone, rest):
                kept = rest
        yield kept


def _given(case: Case) -> Iterator[tuple[str, Sequence[Chunk]]]:
    """What each step between packing and parsing was given, from the last one forward."""
    run, config = case.run, case.scene.config
    branches = list(run.branches.values())
    if "fuse" in run.stages:
        read = max(config.retrieval.k, config.rerank.depth)
        yield "rerank", run.chunks(run.stages["fuse"].top(read))
        found = {c.chunk_id: c for branch in branches for c in run.chunks(branch)}
        yield "fusion", list(found.values())
    else:
        yield "rerank", run.chunks(branches[0])
    visible = case.scene.space.visible(case.scene.question.query)
    yield "retrieval", [case.chunks[row] for row in case.gold if visible[row]]
    yield "filter", [case.chunks[row] for row in case.gold]
    yield "index", [chunk for chunks in case.remade.values() for chunk in chunks]


def _largest_first(truth: Truth, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Chunks that hold some of the evidence; of equals the one that takes less room."""

    def size(chunk: Chunk) -> tuple[int, int]:
        place = truth.place(chunk)
        finds = [f for a in truth.judged([place]).alternatives for f in a.finds]
        return -sum(find.gained for find in finds), place[2] - place[1]

    # What stands several times in the index is read once.
    alike: dict[Retrieved, Chunk] = {}
    for chunk in chunks:
        if truth.touches(truth.place(chunk)):
            alike.setdefault(truth.place(chunk), chunk)
    return sorted(alike.values(), key=size)


def _all_there(truth: Truth, chunks: Sequence[Chunk]) -> bool:
    return truth.holds is not None and truth.holds([truth.place(chunk) for chunk in chunks])


def _delivers(run: Run, chosen: Sequence[Chunk]) -> bool:
    scene, truth = run.scene, run.truth
    context = pack(
        chosen,
        documents=truth.documents,
        tokenizer=scene.encoder.tokenizer,
        config=scene.config.context,
    )
    places = [(passage.doc_id, passage.start, passage.end) for passage in context.passages]
    return truth.holds is not None and truth.holds(places)
