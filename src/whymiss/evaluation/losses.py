"""Which stage lost the evidence of a question, told from what every stage handed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.evaluation.judging import Retrieved, SpanJudge, judge_documents, why_unjudged
from whymiss.evaluation.labels import Question

NOT_LOST: Final = ""

Spans = Sequence[Retrieved]
Holds = Callable[[Spans], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """What the stages of one request handed on, as spans: of a chunk what is read of it, which is
    its parent where it has one.

    indexed, visible : all chunks of the index, and those that the asker may see and the filter
        lets through, of the documents that hold the evidence.
    branches : the candidates of each branch ("dense", "bm25"), best first.
    fused, reranked : the merged and the reranked candidates; None where the stage does not run.
    depth : how many candidates the reranker reads.
    selected : what goes on to packing.
    packed : the passages of the context; None where nothing was packed.
    """

    indexed: Spans
    visible: Spans
    branches: Mapping[str, Spans]
    fused: Spans | None
    reranked: Spans | None
    depth: int
    selected: Spans
    packed: Spans | None


def holds_evidence(question: Question, theta: float | None = None) -> Holds | None:
    """Whether spans hold all that the question needs; None when that cannot be judged.

    Where only documents are labelled, a span of each relevant one is enough.

    >>> from whymiss.records import Query
    >>> question = Question(query=Query(query_id="q", text="Refund?"), documents=["a"])
    >>> holds = holds_evidence(question)
    >>> holds([("a", 0, 9)]), holds([("b", 0, 9)])
    (True, False)
    """
    if not why_unjudged(question):
        spans_of = SpanJudge(question, theta=theta)
        return lambda spans: spans_of.judge(spans).complete
    if question.evidence or not question.relevant_documents():
        return None

    def documents(spans: Spans) -> bool:
        return judge_documents((doc_id for doc_id, _, _ in spans), question).best().complete

    return documents


def losing_stage(holds: Holds, handed_on: HandedOn) -> str:
    """The earliest stage after which the evidence was gone, and never came back; "" if none.

    A stage loses what it was given and does not hand on whole. The branches are parallel: a miss
    in one alone is no loss, a miss in all is told as "dense, bm25".

    Fusion and reranking hand on every candidate and lose by order alone. The stage behind looks at
    the first k only, a reranker at its depth. Fusion loses what a branch had so far in front and
    fusion has not; reranking what stood among the first k before it, or lies beyond its depth.
    What is among the first k and is not chosen (for variety), or never was among them, is lost by
    selecting.

    One branch found the evidence at rank 1, fusion puts it at rank 3, and 2 are selected:

    >>> gold, other, third = ("faq", 0, 9), ("a", 0, 9), ("b", 0, 9)
    >>> losing_stage(
    ...     lambda spans: gold in spans,
    ...     HandedOn(
    ...         indexed=[gold], visible=[gold],
    ...         branches={"dense": [gold, other], "bm25": [other, third]},
    ...         fused=[other, third, gold], reranked=None, depth=50,
    ...         selected=[other, third], packed=None,
    ...     ),
    ... )
    'fuse'
    """
    last = handed_on.selected if handed_on.packed is None else handed_on.packed
    if holds(last):
        return NOT_LOST
    if holds(handed_on.selected):
        return "pack"
    if not holds(handed_on.indexed):
        return "index"
    if not holds(handed_on.visible):
        return "filter"
    candidates = [span for spans in handed_on.branches.values() for span in spans]
    if not holds(candidates):
        return ", ".join(handed_on.branches)
    return _lost_in_order(holds, handed_on)


def _lost_in_order(holds: Holds, handed_on: HandedOn) -> str:
    k = len(handed_on.selected)
    single = next(iter(handed_on.branches.values()))
    merged = single if handed_on.fused is None else handed_on.fused
    ordered = merged if handed_on.reranked is None else handed_on.reranked
    if holds(ordered[:k]):
        return "select"
    # A reranker that reads fewer than k leaves the others of the first k where they are.
    read = k if handed_on.reranked is None else max(k, handed_on.depth)
    if not holds(merged[:read]):
        if any(holds(spans[:read]) for spans in handed_on.branches.values()):
            return "fuse"
        return "select" if handed_on.reranked is None else "rerank"
    return "rerank" if holds(merged[:k]) else "select"
