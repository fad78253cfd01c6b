"""What one question led to: everything that a measure may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.judging import Retrieved, check_theta, judge, judge_documents
from whymiss.evaluation.labels import Question
from whymiss.records import Answer, Context
from whymiss.text import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A question and what a configuration made of it.

    retrieved : (doc_id, start, end) of the hits, best first.
    context, answer : None where the run stopped before packing or answering.
    seconds : wall time by stage; empty where single questions were not timed.
    chunks : the spans of all chunks of the index by document; only precision omega reads them.
    theta : share of a required span that counts as enough; None is the rule of `judging.judge`.

    spans, documents : the judgements of `retrieved`, made here unless they are at hand.
    """

    question: Question
    retrieved: tuple[Retrieved, ...]
    context: Context | None = None
    answer: Answer | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    chunks: Mapping[str, Sequence[Interval]] | None = field(default=None, repr=False)
    theta: float | None = None
    spans: Judgement = None  # type: ignore[assignment]
    documents: Judgement = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_theta(self.theta)
        object.__setattr__(self, "retrieved", tuple(self.retrieved))
        if self.spans is None:
            spans = judge(self.retrieved, self.question, theta=self.theta)
            object.__setattr__(self, "spans", spans)
        if self.documents is None:
            doc_ids = (doc_id for doc_id, _, _ in self.retrieved)
            object.__setattr__(self, "documents", judge_documents(doc_ids, self.question))

    @property
    def empty(self) -> bool:
        """Whether nothing was retrieved."""
        return not self.retrieved
