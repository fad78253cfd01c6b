"""How the candidates of one question went from stage to stage, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.judging import judge
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.frames import stages_frame
from whymiss.records import Chunk, Query, Trace
from whymiss.text import covered_length, excerpt, intersection_length

FLOW: Final = (
    "stage", "rank", "score", "n", "cut", "chunk_id", "doc_id", "start", "end", "section",
    "excerpt", "role", "share", "fate",
)  # fmt: skip
ROLES: Final = ("evidence", "in front", "selected", "other")
_EXCERPT: Final = 240
_UNASKED: Final = Query(query_id="evidence", text="evidence")


def flow_frame(
    trace: Trace,
    chunks: Iterable[Chunk],
    *,
    config: PipelineConfig,
    evidence: Sequence[EvidenceSpan] = (),
) -> pd.DataFrame:
    """One row per stage and chunk: its rank there, and what the chunk is to the question.

    Every chunk that any stage ranked has a row in every stage, and so has a chunk with evidence
    that none did. `plots.rank_flow` and `plots.score_distributions` draw the table.

    =============  ==============================================================================
    stage          stages in their order; within one the rows by rank, then those without
    rank, score    of the chunk at this stage; NA and NaN where it is not in the stage's list
    n              how many chunks the list has
    cut            how many of them the next stage looks at
    chunk_id       the chunk; `doc_id`, `start`, `end` say where it stands
    section        its headings, outer before inner, joined by " > "
    excerpt        one line of its text, around the evidence where it holds some
    role           "evidence": what is read of it shares a character with the evidence;
                   "in front": selected, without evidence, and ahead of where the evidence is
                   complete, or instead of it; "selected": the others that were; "other"
    share          characters of the evidence that are read with it, from 0 to 1; NaN without any
    fate           what became of it, as in `stages_frame`
    =============  ==============================================================================

    Parameters
    ----------
    chunks : those of the index that the trace searched: `workbench.space().snapshot.chunks`.
    config : the configuration of the trace, which tells the cuts.
    evidence : pinned spans that are all needed, such as one alternative of a question.

    Raises
    ------
    InvalidRecordError : the configuration is not the trace's, a chunk of the trace is not among the
        chunks, or a span is a quote without a place.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.records import Document
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> report = wb.ingest([Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])])
    >>> flow = flow_frame(
    ...     wb.ask("refunds"), wb.space().snapshot.chunks, config=wb.config,
    ...     evidence=[EvidenceSpan(doc_id="faq", start=13, end=21)],
    ... )
    >>> flow[flow.stage == "select"][["rank", "cut", "excerpt", "role"]].values.tolist()
    [[1, 1, 'Refunds take ten days.', 'evidence']]
    """
    if trace.config_fingerprint != config.fingerprint():
        raise InvalidRecordError(
            f"flow_frame needs the configuration of the trace, {trace.config_fingerprint}; got "
            f"{config.fingerprint()}. Give the one that the question was asked with."
        )
    hits = stages_frame(trace)
    known = {chunk.chunk_id: chunk for chunk in chunks}
    if missing := [chunk_id for chunk_id in hits["chunk_id"] if chunk_id not in known]:
        raise InvalidRecordError(
            f"flow_frame needs the chunks that the trace searched; {missing[0]!r} is not among "
            "them. The index has changed since, so ask the question again."
        )
    shares = _shares(known.values(), evidence)
    touching = [chunk_id for chunk_id, share in shares.items() if share > 0]
    seen = list(dict.fromkeys([*hits["chunk_id"], *touching]))
    roles = _roles(trace, known, evidence, set(touching))
    told = pd.DataFrame(
        [
            {
                **_place(known[chunk_id], evidence),
                "role": roles.get(chunk_id, "other"),
                "share": shares.get(chunk_id, float("nan")),
            }
            for chunk_id in seen
        ],
        columns=["chunk_id", "doc_id", "start", "end", "section", "excerpt", "role", "share"],
    )
    fates = dict(zip(hits["chunk_id"], hits["fate"], strict=True))
    told["fate"] = [fates.get(chunk_id, "") for chunk_id in seen]
    cuts = _cuts(trace, config)
    parts = [
        told.merge(hits.loc[hits["stage"] == r.stage, ["chunk_id", "rank", "score"]], how="left")
        .assign(stage=r.stage, n=len(r.hits), cut=cuts[r.stage])
        .sort_values("rank", kind="stable", na_position="last")
        for r in trace.rankings
    ]
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=list(FLOW))
    types = {"rank": "Int64", "n": "Int64", "cut": "Int64", "score": "float64", "share": "float64"}
    return frame[list(FLOW)].astype(types).reset_index(drop=True)


def _cuts(trace: Trace, config: PipelineConfig) -> dict[str, int]:
    """How many of a stage's list the next one looks at: all, but for the first k and the depth."""
    k, depth = config.retrieval.k, config.rerank.depth
    sizes = {ranking.stage: len(ranking.hits) for ranking in trace.rankings}
    cuts = dict(sizes)
    for stage, following in pairwise(sizes):
        if following == "rerank":
            # A reranker that reads fewer than k leaves the others of the first k where they are.
            cuts[stage] = min(sizes[stage], max(k, depth))
        elif following == "select" and config.retrieval.mmr_lambda >= 1:
            cuts[stage] = min(sizes[stage], k)
    return cuts


def _shares(chunks: Iterable[Chunk], evidence: Sequence[EvidenceSpan]) -> dict[str, float]:
    """Of each chunk in a document with evidence: how much of it is read with the chunk."""
    wanted: dict[str, list[tuple[int, int]]] = {}
    for span in evidence:
        wanted.setdefault(span.doc_id, []).append(span.interval)
    total = sum(covered_length(spans, spans) for spans in wanted.values())
    if not total:
        return {}
    return {
        chunk.chunk_id: covered_length(
            wanted.get(chunk.doc_id, []), [(chunk.parent_start, chunk.parent_end)]
        )
        / total
        for chunk in chunks
    }


def _roles(
    trace: Trace,
    known: Mapping[str, Chunk],
    evidence: Sequence[EvidenceSpan],
    touching: set[str],
) -> dict[str, str]:
    ranking = trace.ranking("select")
    selected = [known[chunk_id] for chunk_id in (ranking.chunk_ids if ranking else ())]
    roles = {chunk.chunk_id: "selected" for chunk in selected}
    if evidence:
        question = Question(query=_UNASKED, evidence=(tuple(evidence),))
        read = [(chunk.doc_id, chunk.parent_start, chunk.parent_end) for chunk in selected]
        best = judge(read, question).best()
        complete_at = max(rank for rank, _ in best.found) if best.complete else len(selected)
        roles.update((chunk.chunk_id, "in front") for chunk in selected[:complete_at])
    return roles | dict.fromkeys(touching, "evidence")


def _place(chunk: Chunk, evidence: Sequence[EvidenceSpan]) -> dict[str, object]:
    here = (chunk.start, chunk.end)
    inside = [
        (max(0, span.interval[0] - chunk.start), min(chunk.end, span.interval[1]) - chunk.start)
        for span in evidence
        if span.doc_id == chunk.doc_id and intersection_length(span.interval, here)
    ]
    return {
        "chunk_id": chunk.chunk_id,
        "doc_id": chunk.doc_id,
        "start": chunk.start,
        "end": chunk.end,
        "section": " > ".join(chunk.headings),
        "excerpt": excerpt(chunk.text, inside, _EXCERPT),
    }
