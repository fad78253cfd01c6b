"""One question's judgements, each made once: many configurations retrieve much the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.judging import Retrieved, SpanJudge, judge_documents
from whymiss.evaluation.labels import Question
from whymiss.evaluation.losses import holds_evidence
from whymiss.evaluation.measures import Measure, Outcome
from whymiss.records import Score
from whymiss.text import Interval

T = TypeVar("T")

_Places = tuple[tuple[int, Retrieved], ...]


class JudgedQuestion:
    """A question whose judgements are kept.

    Only hits from labelled documents (`doc_ids`) can change a judgement: what differs in other
    hits alone is judged once.

    Parameters
    ----------
    theta : share of a required span that counts as found; see `judging.judge`.

    Examples
    --------
    >>> from whymiss.records import Query
    >>> query = Query(query_id="q1", text="Refund?")
    >>> judged = JudgedQuestion(Question(query=query, documents=["faq"]))
    >>> judged.holds([("faq", 0, 9)]), judged.holds([("other", 0, 9)])
    (True, False)
    >>> one, other = ([("faq", 0, 9), (doc_id, 0, 9)] for doc_id in ("a", "b"))
    >>> judged.spans(one) is judged.spans(other)
    True
    """

    def __init__(self, question: Question, theta: float | None = None) -> None:
        self.question = question
        self.theta = theta
        # Spans may lie in documents that the labels of documents do not name.
        self.doc_ids = frozenset(question.documents) | frozenset(
            span.doc_id for spans in question.evidence for span in spans
        )
        self._holds = holds_evidence(question, theta)
        self._judge = SpanJudge(question, theta=theta)
        self._once: dict[Hashable, Any] = {}
        self._spans: dict[tuple[int, _Places], Judgement] = {}
        self._by_document: dict[tuple[int, tuple[tuple[int, str], ...]], Judgement] = {}
        self._held: dict[frozenset[Retrieved], bool] = {}
        self._scores: dict[Hashable, tuple[Score, Judgement, Judgement]] = {}

    @property
    def judgeable(self) -> bool:
        """Whether it can be told that evidence is there."""
        return self._holds is not None

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is the same for this question whatever retrieves for it; computed at first."""
        if key not in self._once:
            self._once[key] = compute()
        found: T = self._once[key]
        return found

    def telling(self, spans: Iterable[Retrieved]) -> list[Retrieved]:
        """Those that can hold evidence: they touch a labelled span, or lie in a labelled document.

        Whether the question `holds` is told by them alone.
        """
        labels = [span for every in self.question.evidence for span in every]
        if not labels:
            return [span for span in spans if span[0] in self.doc_ids]
        places: dict[str, list[Interval]] = {}
        for label in labels:
            if label.pinned:
                places.setdefault(label.doc_id, []).append(label.interval)
        return [
            (doc_id, start, end)
            for doc_id, start, end in spans
            if any(start < last and first < end for first, last in places.get(doc_id, ()))
        ]

    def spans(self, retrieved: Sequence[Retrieved]) -> Judgement:
        """As `judging.judge`."""
        key = len(retrieved), self._places(retrieved)
        if key not in self._spans:
            self._spans[key] = self._judge.judge(retrieved)
        return self._spans[key]

    def documents(self, doc_ids: Iterable[str]) -> Judgement:
        """As `judging.judge_documents`."""
        ranked = list(dict.fromkeys(doc_ids))
        key = len(ranked), tuple((i, d) for i, d in enumerate(ranked) if d in self.doc_ids)
        if key not in self._by_document:
            self._by_document[key] = judge_documents(ranked, self.question)
        return self._by_document[key]

    def holds(self, spans: Sequence[Retrieved]) -> bool:
        """Whether the spans hold all that the question needs; only where that is `judgeable`."""
        key = self._apart(spans)
        if key not in self._held:
            self._held[key] = self._holds is not None and self._holds(spans)
        return self._held[key]

    def score(self, measure: Measure, outcome: Outcome) -> Score:
        """As `measure.score`; one that equal judgements or passages decide is computed once."""
        key: Hashable
        if measure.reads == "judgements":
            key = measure.name, id(outcome.spans), id(outcome.documents)
        elif measure.reads == "passages" and outcome.context is not None:
            passages = outcome.context.passages
            key = measure.name, self._apart([(p.doc_id, p.start, p.end) for p in passages])
        else:
            return measure.score(outcome)
        if key not in self._scores:
            # The judgements are kept with the score, so that no id comes twice.
            self._scores[key] = measure.score(outcome), outcome.spans, outcome.documents
        return self._scores[key][0]

    def _apart(self, spans: Iterable[Retrieved]) -> frozenset[Retrieved]:
        """The spans that matter, in whatever order."""
        wanted = self.doc_ids
        return frozenset(span for span in spans if span[0] in wanted)

    def _places(self, spans: Sequence[Retrieved]) -> _Places:
        wanted = self.doc_ids
        return tuple((i, span) for i, span in enumerate(spans) if span[0] in wanted)
