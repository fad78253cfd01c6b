"""What a study rests on, in a few lines that another can hold against theirs."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import pandas as pd

from whymiss.errors import MixedQueriesError
from whymiss.evaluation.keys import question_key
from whymiss.evaluation.labels import Question
from whymiss.evaluation.run import EvaluationRun
from whymiss.records import canonical_json, digest

_PACKAGES: Final = ("whymiss", "torch", "sentence-transformers", "numpy")
_SHOWN: Final = 12


def provenance(
    runs: Mapping[str, EvaluationRun], questions: Iterable[Question], documents: pd.DataFrame
) -> pd.Series[str]:
    """Names of the documents, questions, configurations, models and versions behind some runs.

    Who gets the same names has the same study in hand; the name that differs says what changed.
    Names are the first twelve hex digits of a SHA-256 over the content, whatever its order.

    Parameters
    ----------
    runs : such as `Sweep.runs`.
    questions : those that were asked; others among them are left alone.
    documents : with the columns doc_id and content_hash, as `Workbench.documents`.

    Raises
    ------
    MixedQueriesError : a question of a run is not among `questions`.

    Examples
    --------
    >>> frame = pd.DataFrame({"doc_id": ["a", "b"], "content_hash": ["1", "2"]})
    >>> list(provenance({}, [], frame).index)[:3]
    ['documents', 'questions', 'configurations']
    """
    asked = {query_id for run in runs.values() for query_id in run.table["query_id"]}
    keys = {q.query_id: question_key(q) for q in questions if q.query_id in asked}
    if lacking := sorted(asked - keys.keys()):
        raise MixedQueriesError(
            f"provenance needs the questions of the runs; {lacking[0]!r} is not among them. Pass "
            "those that were asked."
        )
    contents = dict(zip(documents["doc_id"], documents["content_hash"], strict=True))
    fingerprints = sorted(run.fingerprint for run in runs.values())
    rows = {
        "documents": _named(len(contents), canonical_json(contents)),
        "questions": _named(len(keys), canonical_json(keys)),
        "configurations": _named(len(runs), canonical_json(fingerprints)),
        "measures": ", ".join(dict.fromkeys(m for run in runs.values() for m in run.measures)),
        "models": ", ".join(sorted({run.model_version for run in runs.values()})),
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
    }
    return pd.Series(rows, dtype=object, name="provenance")


def _named(n: int, content: str) -> str:
    return f"{n}, {digest(content)[:_SHOWN]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
