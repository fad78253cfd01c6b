"""Measures, one a file: each returns a `Score`, which is NaN exactly when it says why.

Units are characters of the source unless a name says otherwise. Rank measures take a `Judgement`
of spans or of documents (`evaluation.judging`); `parse_measure` finds any measure by its name.
"""

from __future__ import annotations

from whymiss.evaluation.measures.abstention import abstention
from whymiss.evaluation.measures.answer_f1 import answer_f1
from whymiss.evaluation.measures.answer_match import answer_match
from whymiss.evaluation.measures.average_precision import map_at_k
from whymiss.evaluation.measures.citation_precision import citation_precision
from whymiss.evaluation.measures.citation_recall import citation_recall
from whymiss.evaluation.measures.context_tokens import context_tokens
from whymiss.evaluation.measures.delivered import delivered_evidence
from whymiss.evaluation.measures.faithfulness import lexical_faithfulness
from whymiss.evaluation.measures.latency import latency, latency_percentile, latency_scores
from whymiss.evaluation.measures.mrr import mrr
from whymiss.evaluation.measures.ndcg import ndcg_at_k
from whymiss.evaluation.measures.outcome import Outcome
from whymiss.evaluation.measures.precision import precision_at_k
from whymiss.evaluation.measures.precision_omega import precision_omega
from whymiss.evaluation.measures.recall import recall_at_k
from whymiss.evaluation.measures.registry import MEASURES, Measure, parse_measure
from whymiss.evaluation.measures.span_iou import span_iou
from whymiss.evaluation.measures.span_precision import span_precision
from whymiss.evaluation.measures.span_recall import span_recall
from whymiss.evaluation.measures.success import success_at_k
from whymiss.evaluation.measures.summary import Summary, summarise, summarise_scores
from whymiss.evaluation.measures.wrong_abstention import wrong_abstention

__all__ = [
    "MEASURES",
    "Measure",
    "Outcome",
    "Summary",
    "abstention",
    "answer_f1",
    "answer_match",
    "citation_precision",
    "citation_recall",
    "context_tokens",
    "delivered_evidence",
    "latency",
    "latency_percentile",
    "latency_scores",
    "lexical_faithfulness",
    "map_at_k",
    "mrr",
    "ndcg_at_k",
    "parse_measure",
    "precision_at_k",
    "precision_omega",
    "recall_at_k",
    "span_iou",
    "span_precision",
    "span_recall",
    "success_at_k",
    "summarise",
    "summarise_scores",
    "wrong_abstention",
]
