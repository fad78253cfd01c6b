"""What a person has said of a question in the walk, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self

from whymiss.config import PipelineConfig
from whymiss.diagnoser import question_of
from whymiss.diagnosis.case_file.recipe import source
from whymiss.evaluation.labels import UNANSWERABLE, EvidenceSpan, Question
from whymiss.records import Clause, Query
from whymiss.retrieval import parse_where
from whymiss.widgets.base.written import config_code

Needs = Literal["all", "any", "mixed"]

_IMPORTS: Final = """\
import whymiss
from whymiss.config import PipelineConfig
from whymiss.records import Clause, Query
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkState:
    """Everything that decides what the walk shows; what its steps found is none of it.

    question : its text; empty before one is asked.
    query_id : of the labelled question that it is; empty for a free one.
    principals : the names the asker goes by.
    where : filters, as clauses or as texts such as "plan_type=annual".
    config : the pipeline that answers.
    wrong : whether the answer is wrong; None before that is said.
    expected : the right answer in words; empty where it is not known.
    evidence : what the answer needs, as in `Question`: any of the alternatives, all of its spans.

    Examples
    --------
    >>> state = WalkState(question="Refunds?", where=["plan_type=annual"])
    >>> state.query().where
    (Clause(field='plan_type', op='eq', value='annual'),)
    >>> one, other = (EvidenceSpan(doc_id="faq", start=s, end=s + 9) for s in (0, 20))
    >>> both = state.with_span(one).with_span(other)
    >>> both.needs, len(both.evidence), len(both.needing("any").evidence)
    ('all', 1, 2)
    """

    question: str = ""
    query_id: str = ""
    principals: tuple[str, ...] = ()
    where: tuple[Clause, ...] = ()
    config: PipelineConfig = field(default_factory=PipelineConfig)
    wrong: bool | None = None
    expected: str = ""
    evidence: tuple[tuple[EvidenceSpan, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", parse_where(self.where))

    @classmethod
    def of(cls, question: str | Question | Query, config: PipelineConfig) -> Self:
        """A question before anything is said of its answer; a labelled one with its asker."""
        if isinstance(question, str):
            return cls(question=question, config=config)
        query = question.query if isinstance(question, Question) else question
        return cls(
            question=query.text,
            query_id=query.query_id if isinstance(question, Question) else "",
            principals=query.principals,
            where=query.where,
            expected=query.expected_answer or "",
            config=config,
        )

    @property
    def spans(self) -> tuple[EvidenceSpan, ...]:
        """Every span of the evidence, none twice."""
        return tuple(dict.fromkeys(span for spans in self.evidence for span in spans))

    @property
    def needs(self) -> Needs:
        """Whether all the spans are needed, any one is enough, or something between."""
        if len(self.evidence) <= 1:
            return "all"
        return "any" if all(len(spans) == 1 for spans in self.evidence) else "mixed"

    def with_span(self, span: EvidenceSpan) -> Self:
        """With one more span: needed too where all are needed, else one more alternative."""
        if span in self.spans:
            return self
        if len(self.evidence) == 1:
            return replace(self, evidence=((*self.evidence[0], span),))
        return replace(self, evidence=(*self.evidence, (span,)))

    def without_span(self, span: EvidenceSpan) -> Self:
        """Without a span; an alternative of which nothing is left goes with it."""
        left = (tuple(s for s in spans if s != span) for spans in self.evidence)
        return replace(self, evidence=tuple(spans for spans in left if spans))

    def needing(self, needs: Needs) -> Self:
        """With all of the spans needed, or any of them."""
        if needs == "mixed" or not self.evidence:
            return self
        made = tuple((span,) for span in self.spans) if needs == "any" else (self.spans,)
        return replace(self, evidence=made)

    def query(self) -> Query:
        """The question as the pipeline is asked it.

        Raises
        ------
        InvalidRecordError : there is no question yet.
        """
        return Query(
            query_id=self.query_id or question_of(self.question).query_id,
            text=self.question,
            principals=self.principals,
            where=self.where,
            expected_answer=self.expected or None,
        )

    def asked(self, labelled: Question | None = None) -> Question:
        """The question with the evidence that was given.

        Parameters
        ----------
        labelled : the labelled question that it is: its tags, split and documents are kept.
        """
        base = labelled or Question(query=self.query())
        tags = base.query.tags
        if self.evidence:
            # Whoever shows the evidence says that there is an answer.
            tags = tuple(tag for tag in tags if tag != UNANSWERABLE)
        query = replace(self.query(), tags=tags)
        return replace(base, query=query, evidence=self.evidence)

    def to_code(self, store: str) -> str:
        """Lines of Python that ask the same."""
        lines = [
            _IMPORTS,
            f"config = {config_code(self.config)}",
            f"wb = whymiss.open({store!r}, config=config)",
        ]
        if self.question:
            lines += [f"trace = wb.run({source(self.query())})", "print(trace.answer.text)"]
        return "\n".join(lines) + "\n"
