"""A repair: a change that can be made for real, whether it rescues the question, and its price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from whymiss.config import PipelineConfig
from whymiss.evaluation.statistics import Interval
from whymiss.records import Clause

Kind = Literal[
    "k", "depth", "weights", "mode", "reranker", "filter", "context", "answer", "permission",
    "metadata", "rows", "chunking", "document", "label", "model",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a repair does to the labelled questions.

    wins, losses : query ids whose evidence is delivered with it and not without, and the reverse.
    interval : of the change in the share of questions whose evidence is delivered, paired.
    added_tokens : mean change in tokens of the context.
    added_ms : change in milliseconds of retrieval and packing per question, measured in this run;
        it differs from run to run and is in no case file.
    """

    wins: tuple[str, ...]
    losses: tuple[str, ...]
    n_questions: int
    interval: Interval
    added_tokens: float
    added_ms: float = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One change, from the cheapest kind on.

    title : what is changed. kind : what sort of change it is. base : the configuration before.
    changes : knobs of the configuration.
    where : clauses to ask the question with.
    rescues : whether the question comes through with it, by running it; None when it was not run,
        and `because` says why.
    answered : whether the answer then rests on the evidence, where one was written.
    added_tokens : of this question's context.
    price : what it does to the labelled questions; None when `unpriced_because` says why.
    code : Python that makes the change in a workbench `wb`.
    """

    title: str
    kind: Kind
    base: PipelineConfig
    code: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    where: tuple[Clause, ...] = ()
    rescues: bool | None = None
    because: str = ""
    answered: bool | None = None
    added_tokens: int | None = None
    price: Price | None = None
    unpriced_because: str = ""

    def apply(self) -> PipelineConfig:
        """The configuration with this repair in it; the same where it changes no knob."""
        return self.base.replace(self.changes)
