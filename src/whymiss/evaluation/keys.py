"""Names of questions, runs and trials in the log: made of all that decides their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from whymiss.evaluation.formats.jsonl import question_entry
from whymiss.evaluation.labels import Question
from whymiss.evaluation.saved import RUN_FORMAT
from whymiss.pipeline import Pipeline
from whymiss.records import canonical_json, digest

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.index import Catalogue

_ROWS: Final = 2
"""Counts changes of the code that change a row; earlier rows are then not taken for these."""

_NO_MATTER: Final = (
    "trace.keep", "trace.raw_text", "embedding.device", "embedding.allow_download",
    "rerank.allow_download", "answer.api_key_env",
)  # fmt: skip
"""Knobs that change no row."""


def question_key(question: Question) -> str:
    """Names a question with its labels."""
    return digest(canonical_json(question_entry(question)))


def documents_key(catalogue: Catalogue) -> str:
    """Names the documents with all that is stored of them: texts, metadata, permissions.

    The number of a version would not do: it starts again where a store is made anew.
    """
    return digest(canonical_json(dict(catalogue.row_hashes)))


def run_key(pipeline: Pipeline, measures: Sequence[str], theta: float | None) -> str:
    """Names what decides the row of any question: configuration, models, index and documents."""
    space = pipeline.space
    models = [
        pipeline.encoder.model_version,
        pipeline.reranker.model_version if pipeline.reranker else None,
        pipeline.generator.name if pipeline.generator else None,
    ]
    documents = space.derived("documents", lambda: documents_key(space.catalogue))
    decides = [
        _ROWS, _deciding(pipeline.config), models, space.snapshot.stamp, documents, list(measures),
        theta,
    ]  # fmt: skip
    return digest(canonical_json(decides))


def trial_key(
    config: PipelineConfig,
    version: str,
    measures: Sequence[str],
    questions: Sequence[str],
    *,
    answers: bool,
) -> str:
    """Names all that decides a trial, known before its index is built; "" where it is not known.

    `questions` are their keys. `version` stands for documents, models and code, as `sweeping.Trial`
    has it. The name of the index does not matter: a trial searches what an index of its knobs
    would hold.
    """
    if not version:
        return ""
    knobs = {knob: value for knob, value in _deciding(config).items() if knob != "index.name"}
    decides = [_ROWS, RUN_FORMAT, knobs, version, list(measures), answers, list(questions)]
    return digest(canonical_json(decides))


def _deciding(config: PipelineConfig) -> dict[str, Any]:
    return {knob: value for knob, value in config.flat().items() if knob not in _NO_MATTER}
