"""Records to the tables that users see; the column names are a contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from whymiss.records import Chunk, Clause, Document, Trace
from whymiss.stages import STAGES

DOCUMENTS: Final = ("doc_id", "title", "syntax", "allowed", "modified", "source", "content_hash")
CHUNKS: Final = (
    "chunk_id", "doc_id", "start", "end", "n_tokens", "n_truncated", "headings", "text",
    "parent_start", "parent_end",
)  # fmt: skip
FILES: Final = ("doc_id", "status", "change", "reason", "format", "warnings", "source")
TRACES: Final = (
    "trace_id", "asked_at", "query_hash", "query_text", "principals", "where", "flags", "n_hits",
    "answer", "abstained", "lexical_faithfulness", "citation_precision", "citation_recall",
    "n_context_tokens", "n_prompt_tokens", "seconds", "config_fingerprint", "index_name",
    "index_version", "model_version",
)  # fmt: skip
_COUNTS: Final = ("n_hits", "n_context_tokens", "n_prompt_tokens")
_MEASURES: Final = ("lexical_faithfulness", "citation_precision", "citation_recall", "seconds")
STAGE_HITS: Final = ("stage", "rank", "score", "chunk_id", "doc_id", "start", "fate")


def documents_frame(documents: Iterable[Document]) -> pd.DataFrame:
    """One row per document; metadata keys follow as columns of their own.

    A metadata key that is also a column name is written "metadata.KEY".
    """
    rows = []
    for document in documents:
        row: dict[str, Any] = {name: getattr(document, name) for name in DOCUMENTS}
        for key, value in document.metadata.items():
            row[f"metadata.{key}" if key in DOCUMENTS else key] = value
        rows.append(row)
    extra = sorted({key for row in rows for key in row} - set(DOCUMENTS))
    return pd.DataFrame(rows, columns=[*DOCUMENTS, *extra])


def chunks_frame(chunks: Iterable[Chunk]) -> pd.DataFrame:
    """One row per chunk, in the order of the index."""
    rows = [[getattr(chunk, name) for name in CHUNKS] for chunk in chunks]
    return pd.DataFrame(rows, columns=list(CHUNKS))


def files_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per file: its verdict, and what became of its document."""
    kept = [[row.get(name, "") for name in FILES] for row in rows]
    return pd.DataFrame(kept, columns=list(FILES))


def traces_frame(traces: Iterable[Trace]) -> pd.DataFrame:
    """One row per request, oldest first; `ms_<stage>` columns hold milliseconds.

    A stage that did not run is NaN, and so is a measure that is undefined for the request.
    """
    milliseconds = [f"ms_{stage}" for stage in STAGES]
    frame = pd.DataFrame(
        [_trace_row(trace) for trace in traces], columns=[*TRACES, *milliseconds], dtype=object
    )
    # The same types whether there are many rows or none.
    types = dict.fromkeys(_COUNTS, "Int64") | dict.fromkeys((*_MEASURES, *milliseconds), "float64")
    return frame.astype(types)


def _trace_row(trace: Trace) -> dict[str, Any]:
    selected = trace.ranking("select")
    answer, context = trace.answer, trace.context
    row: dict[str, Any] = {
        "trace_id": trace.trace_id,
        "asked_at": trace.asked_at,
        "query_hash": trace.query_hash,
        "query_text": trace.query_text,
        "principals": trace.principals,
        "where": tuple(clause_text(clause) for clause in trace.where),
        "flags": trace.flags,
        "n_hits": len(selected.hits) if selected else 0,
        "answer": answer.text if answer else None,
        "abstained": answer.abstained if answer else None,
        "n_context_tokens": context.n_tokens if context else None,
        "n_prompt_tokens": answer.n_prompt_tokens if answer else None,
        "seconds": sum(trace.seconds.values()),
        "config_fingerprint": trace.config_fingerprint,
        "index_name": trace.index_name,
        "index_version": trace.index_version,
        "model_version": trace.model_version,
    }
    row.update({score.measure: score.value for score in trace.scores})
    row.update({f"ms_{stage}": 1000 * spent for stage, spent in trace.seconds.items()})
    return row


def stages_frame(trace: Trace) -> pd.DataFrame:
    """One row per hit of every ranking of a trace, in stage order.

    `fate` says what became of the chunk in the end: "cited", "in context", the reason why packing
    left it out, or "" for one that was not selected.
    """
    fates = _fates(trace)
    rows = [
        [r.stage, h.rank, h.score, h.chunk_id, h.doc_id, h.start, fates.get(h.chunk_id, "")]
        for r in trace.rankings
        for h in r.hits
    ]
    return pd.DataFrame(rows, columns=list(STAGE_HITS))


def _fates(trace: Trace) -> dict[str, str]:
    fates: dict[str, str] = {}
    if trace.context is not None:
        fates.update(dict(trace.context.dropped))
        fates.update(dict.fromkeys(trace.context.chunk_ids, "in context"))
    if trace.answer is not None:
        cited = {citation.passage for citation in trace.answer.citations}
        passages = trace.context.passages if trace.context else ()
        for passage in passages:
            if passage.number in cited:
                fates.update(dict.fromkeys(passage.chunk_ids, "cited"))
    return fates


def summary_frame(trace: Trace) -> pd.DataFrame:
    """One row per stage that ran: how many candidates, the best one, and how long it took."""
    rows = []
    for stage in STAGES:
        if stage not in trace.seconds:
            continue
        ranking = trace.ranking(stage)
        best = ranking.hits[0] if ranking and ranking.hits else None
        rows.append(
            {
                "stage": stage,
                "n_hits": len(ranking.hits) if ranking else None,
                "best_doc": best.doc_id if best else "",
                "best_score": best.score if best else float("nan"),
                "ms": 1000 * trace.seconds[stage],
            }
        )
    columns = ["stage", "n_hits", "best_doc", "best_score", "ms"]
    return pd.DataFrame(rows, columns=columns).astype({"n_hits": "Int64"})


def clause_text(clause: Clause) -> str:
    """A clause as a person writes it.

    >>> clause_text(Clause(field="plan_type", op="eq", value="annual"))
    'plan_type = annual'
    """
    symbols = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "in": "in"}
    value = clause.value
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{clause.field} {symbols[clause.op]} {shown}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as plain rows for JSON: tuples become lists, undefined values None."""
    return [
        {str(key): _plain(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    return value.item() if hasattr(value, "item") else value


def short(text: str, width: int) -> str:
    """One line of at most `width` characters, cut with an ellipsis.

    >>> short("a  b\\nc", 10), short("abcdef", 4)
    ('a b c', 'abc…')
    """
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
