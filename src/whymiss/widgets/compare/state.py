"""What the compare panel holds against each other, as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures import parse_measure
from whymiss.widgets.base.written import config_code

HOLDOUT: Final = "holdout"
"""The split that is kept for the last look."""

SIDES: Final = ("baseline", "other")

_TUNE: Final = "tune"
_RECALL: Final = re.compile(r"((?:doc_)?recall)@(\d+)")

Shown = Literal["changed", "win", "loss", "tie", "undefined", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareState:
    """Everything that decides what is compared, and which questions are listed.

    baseline, other : the two pipelines. names : what they are called, in this order.
    measures : those that are compared; the first one decides.
    split : only questions of this part of the set; all when empty.
    by : the measure by which questions are listed; empty for the deciding one.
    shown : which questions are listed: those with this outcome, "changed" ones or "all".
    page : of the list, from 0.
    question : id of the one whose rankings are shown; empty for none.

    Examples
    --------
    >>> plain = PipelineConfig()
    >>> state = CompareState(baseline=plain, other=plain.replace(retrieval__k=3), split="tune")
    >>> print(state.to_code("store", "questions.jsonl"))
    import whymiss
    from whymiss.config import PipelineConfig
    <BLANKLINE>
    questions = 'questions.jsonl'
    wb = whymiss.open('store')
    compared = wb.compare(
        questions,
        {
            'baseline': PipelineConfig(),
            'other': PipelineConfig().replace({'retrieval.k': 3}),
        },
        measures=['recall@5'],
        split='tune',
    )
    """

    baseline: PipelineConfig = field(default_factory=PipelineConfig)
    other: PipelineConfig = field(default_factory=PipelineConfig)
    names: tuple[str, str] = ("baseline", "other")
    measures: tuple[str, ...] = ("recall@5",)
    split: str = ""
    by: str = ""
    shown: Shown = "changed"
    page: int = 0
    question: str = ""

    def __post_init__(self) -> None:
        if len(set(self.names)) < 2 or not all(self.names):
            raise ConfigError(
                f"two pipelines need two names; got {self.names[0]!r} and {self.names[1]!r}."
            )
        if not self.measures:
            raise ConfigError("a comparison needs at least one measure, the one that decides.")
        for measure in self.measures:
            parse_measure(measure)

    def asks(self, other: CompareState) -> bool:
        """Whether another state compares the same."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("baseline", "other", "names", "measures", "split")
        )

    def pipeline(self, side: str) -> PipelineConfig:
        """The "baseline" or the "other".

        Raises
        ------
        ConfigError : the side is neither.
        """
        if side not in SIDES:
            raise ConfigError(f"there is no pipeline {side!r}; there are {' and '.join(SIDES)}.")
        return self.baseline if side == SIDES[0] else self.other

    def with_pipeline(self, side: str, config: PipelineConfig) -> Self:
        """With another "baseline" or "other"."""
        return replace(self, baseline=config) if side == SIDES[0] else replace(self, other=config)

    def deciding(self, measure: str) -> Self:
        """With another measure in front; the others stay behind it."""
        others = tuple(name for name in self.measures if name != measure)
        return replace(self, measures=(measure, *others), by="", page=0)

    def measuring(self, measure: str, wanted: bool) -> Self:
        """With a measure put to the others, or taken away."""
        others = tuple(name for name in self.measures if name != measure)
        kept = self.by if self.by != measure or wanted else ""
        return replace(self, measures=(*others, measure) if wanted else others, by=kept)

    def fitted(self, questions: Sequence[Question]) -> Self:
        """For other questions; measures stay where labels are of one kind, and so may the split."""
        offered = offered_measures(questions, cutoff(self.measures) or self.baseline.retrieval.k)
        kinds = {measures[0].startswith("doc_") for measures in (self.measures, offered)}
        measures = self.measures if len(kinds) == 1 else offered
        known = {question.split for question in questions}
        split = self.split if self.split in known else first_split(questions)
        return replace(self, measures=measures, split=split, by="", page=0, question="")

    def with_cutoff(self, k: int) -> Self:
        """With recall counted in the first k."""
        measures = (_RECALL.sub(rf"\g<1>@{k}", name) for name in self.measures)
        return replace(self, measures=tuple(dict.fromkeys(measures)), by="")

    def to_code(self, store: str, questions: str) -> str:
        """Lines of Python that make the same comparison.

        Parameters
        ----------
        questions : the file that they were read from; empty where they were passed as a list.
        """
        named = zip(self.names, (self.baseline, self.other), strict=True)
        asked = repr(questions) if questions else "...  # the labelled questions, as a list"
        return "\n".join(
            [
                "import whymiss",
                "from whymiss.config import PipelineConfig",
                "",
                f"questions = {asked}",
                f"wb = whymiss.open({store!r})",
                "compared = wb.compare(",
                "    questions,",
                "    {",
                *(f"        {name!r}: {config_code(config)}," for name, config in named),
                "    },",
                f"    measures={[*self.measures]!r},",
                *([f"    split={self.split!r},"] if self.split else []),
                ")",
            ]
        )


def cutoff(measures: Iterable[str]) -> int | None:
    """The k of recall@k; None where recall is not measured.

    >>> cutoff(["mrr", "recall@7"]), cutoff(["mrr"])
    (7, None)
    """
    found = (_RECALL.fullmatch(name) for name in measures)
    return next((int(match[2]) for match in found if match), None)


def offered_measures(questions: Sequence[Question], k: int) -> tuple[str, ...]:
    """Measures that the labels allow: of spans where any question has some, else of documents.

    >>> offered_measures([], 5)
    ('doc_recall@5', 'doc_ndcg@10', 'doc_mrr', 'context_tokens')
    """
    if any(question.evidence for question in questions):
        return f"recall@{k}", "ndcg@10", "mrr", "delivered_evidence", "context_tokens"
    return f"doc_recall@{k}", "doc_ndcg@10", "doc_mrr", "context_tokens"


def first_split(questions: Iterable[Question]) -> str:
    """The split to work on: "tune", or another that is not the holdout; "" without splits.

    >>> from whymiss.records import Query
    >>> query = Query(query_id="q1", text="Refund?")
    >>> first_split([Question(query=query, split=name) for name in ("holdout", "tune")])
    'tune'
    """
    splits = sorted({question.split for question in questions} - {HOLDOUT, ""})
    return _TUNE if _TUNE in splits else (splits[0] if splits else "")


def spends_holdout(split: str, questions: Iterable[Question]) -> bool:
    """Whether comparing on a split looks at questions that are kept for the last look."""
    return split in (HOLDOUT, "") and any(question.split == HOLDOUT for question in questions)
