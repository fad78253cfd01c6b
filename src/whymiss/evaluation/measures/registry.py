"""Measures by name: "recall@5", "doc_ndcg@10", "latency_p95:dense"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from whymiss.errors import ConfigError
from whymiss.evaluation.judgement import Judgement
from whymiss.evaluation.judging import Retrieved
from whymiss.evaluation.labels import Question
from whymiss.evaluation.measures._score import undefined
from whymiss.evaluation.measures.abstention import abstention
from whymiss.evaluation.measures.answer_f1 import answer_f1
from whymiss.evaluation.measures.answer_match import answer_match
from whymiss.evaluation.measures.average_precision import map_at_k
from whymiss.evaluation.measures.citation_precision import citation_precision
from whymiss.evaluation.measures.citation_recall import citation_recall
from whymiss.evaluation.measures.context_tokens import context_tokens
from whymiss.evaluation.measures.delivered import delivered_evidence
from whymiss.evaluation.measures.faithfulness import lexical_faithfulness
from whymiss.evaluation.measures.latency import latency
from whymiss.evaluation.measures.mrr import mrr
from whymiss.evaluation.measures.ndcg import ndcg_at_k
from whymiss.evaluation.measures.outcome import Outcome
from whymiss.evaluation.measures.precision import precision_at_k
from whymiss.evaluation.measures.precision_omega import precision_omega
from whymiss.evaluation.measures.recall import recall_at_k
from whymiss.evaluation.measures.span_iou import span_iou
from whymiss.evaluation.measures.span_precision import span_precision
from whymiss.evaluation.measures.span_recall import span_recall
from whymiss.evaluation.measures.success import success_at_k
from whymiss.evaluation.measures.wrong_abstention import wrong_abstention
from whymiss.records import Score
from whymiss.stages import STAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure as asked for: how to score one outcome, and how to sum scores up.

    percentile : None sums up by the mean; a number by that percentile.
    reads : what alone decides the score: "judgements" (`Outcome.spans` and `Outcome.documents`),
        "passages" (where the passages of the context stand), or any of the "outcome".
    unit : "share" runs from 0 to 1, "ms" are milliseconds, "tokens" those of the encoder.
    """

    name: str
    score: Callable[[Outcome], Score]
    unit: Literal["share", "ms", "tokens"] = "share"
    higher_is_better: bool = True
    percentile: int | None = None
    reads: Literal["judgements", "passages", "outcome"] = "outcome"


_RANKED: Final[dict[str, Callable[[Judgement, int], Score]]] = {
    "recall": recall_at_k,
    "precision": precision_at_k,
    "success": success_at_k,
    "mrr": mrr,
    "map": map_at_k,
    "ndcg": ndcg_at_k,
}
_CHARACTERS: Final[dict[str, Callable[[tuple[Retrieved, ...], Question, int], Score]]] = {
    "span_recall": span_recall,
    "span_precision": span_precision,
    "span_iou": span_iou,
}
_WHOLE: Final[dict[str, Callable[[Outcome], Score]]] = {
    "mrr": lambda o: mrr(o.spans),
    "doc_mrr": lambda o: mrr(o.documents),
    "precision_omega": lambda o: (
        undefined("precision_omega", "the chunks of the index are not given")
        if o.chunks is None
        else precision_omega(o.chunks, o.question)
    ),
    "context_tokens": lambda o: context_tokens(o.context),
    "delivered_evidence": lambda o: delivered_evidence(o.context, o.question, theta=o.theta),
    "lexical_faithfulness": lambda o: lexical_faithfulness(o.answer, o.context),
    "citation_precision": lambda o: citation_precision(o.answer, o.context),
    "citation_recall": lambda o: citation_recall(o.answer, o.context),
    "answer_match": lambda o: answer_match(o.answer, o.question),
    "answer_f1": lambda o: answer_f1(o.answer, o.question),
    "abstention": lambda o: abstention(o.answer, o.question),
    "wrong_abstention": lambda o: wrong_abstention(o.answer, o.question),
}
_WITH_CUTOFF: Final = (*_RANKED, *(f"doc_{name}" for name in _RANKED), *_CHARACTERS)
_LATENCY: Final = re.compile(r"latency_p(?P<percentile>100|[1-9]?[0-9])(?::(?P<stage>\w+))?")
_CUTOFF: Final = re.compile(r"(?P<family>\w+)@(?P<k>[1-9][0-9]{0,5})")

MEASURES: Final = (
    *(f"{name}@k" for name in _WITH_CUTOFF), *_WHOLE, "latency_pN", "latency_pN:stage",
)  # fmt: skip
"""Every name that `parse_measure` understands; k is a cutoff, N a percentile."""


def parse_measure(name: str) -> Measure:
    """The measure of a name.

    Names are those of `MEASURES`. A name with "doc_" before it judges whole documents.

    Raises
    ------
    ConfigError : no measure has this name; the message names the nearest ones.

    Examples
    --------
    >>> parse_measure("doc_ndcg@10").name, parse_measure("latency_p95").unit
    ('doc_ndcg@10', 'ms')
    >>> parse_measure("recal@5")
    Traceback (most recent call last):
    whymiss.errors.ConfigError: no measure is called 'recal@5'; did you mean recall@5?
    """
    measure = _plain(name) or _with_cutoff(name) or _latency(name)
    if measure is None:
        raise ConfigError(f"no measure is called {name!r}; {_advice(name)}")
    return measure


def _plain(name: str) -> Measure | None:
    score = _WHOLE.get(name)
    if score is None:
        return None
    if name == "context_tokens":
        return Measure(name=name, score=score, unit="tokens", higher_is_better=False)
    if name == "delivered_evidence":
        return Measure(name=name, score=score, reads="passages")
    if name in ("mrr", "doc_mrr"):
        return Measure(name=name, score=score, reads="judgements")
    return Measure(name=name, score=score, higher_is_better=name != "wrong_abstention")


def _with_cutoff(name: str) -> Measure | None:
    match = _CUTOFF.fullmatch(name)
    if match is None or match["family"] not in _WITH_CUTOFF:
        return None
    family, k = match["family"], int(match["k"])
    if family in _CHARACTERS:
        count = _CHARACTERS[family]
        return Measure(name=name, score=lambda o: count(o.retrieved, o.question, k))
    rank = _RANKED[family.removeprefix("doc_")]
    if family.startswith("doc_"):
        return Measure(name=name, score=lambda o: rank(o.documents, k), reads="judgements")
    return Measure(name=name, score=lambda o: rank(o.spans, k), reads="judgements")


def _latency(name: str) -> Measure | None:
    match = _LATENCY.fullmatch(name)
    if match is None:
        return None
    stage = match["stage"]
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"no stage is called {stage!r}; the stages are {', '.join(STAGES)}.")
    return Measure(
        name=name,
        score=lambda o: latency(o.seconds, stage),
        unit="ms",
        higher_is_better=False,
        percentile=int(match["percentile"]),
    )


def _advice(name: str) -> str:
    family, _, cutoff = str(name).partition("@")
    if family in _WITH_CUTOFF:
        return f"{family} needs a cutoff of at least 1, such as {family}@5."
    if family in _WHOLE:
        return f"{family} takes no cutoff."
    near = difflib.get_close_matches(family.lower(), [*_WITH_CUTOFF, *_WHOLE], n=2, cutoff=0.7)
    if not near:
        return f"there are {', '.join(MEASURES)}."
    k = cutoff if re.fullmatch("[1-9][0-9]*", cutoff) else "5"
    return f"did you mean {' or '.join(f'{n}@{k}' if n in _WITH_CUTOFF else n for n in near)}?"
