"""The evidence followed from stage to stage: present or not, rank, score, margin, displacers."""

from __future__ import annotations

from typing import Final

from whymiss.diagnosis.lab import Run, gold_rows
from whymiss.diagnosis.records import StageView
from whymiss.stages import STAGES

_DISPLACERS: Final = 5


def funnel(run: Run) -> tuple[StageView, ...]:
    """One view per stage that the request came through, in stage order."""
    before = ("parse", "chunk", "index", "filter")
    views = [*_before_search(run), *_orderings(run), _packed(run)]
    if run.grounds is not None or run.answer is not None:
        views.append(_answered(run))
    order = {stage: n for n, stage in enumerate(STAGES)}
    assert all(view.stage in order for view in views), before
    return tuple(sorted(views, key=lambda view: order[view.stage]))


def _before_search(run: Run) -> list[StageView]:
    truth = run.truth
    if truth.holds is None and not truth.missing:
        return []
    missing = ", ".join(dict.fromkeys(span.doc_id for span, _ in truth.missing))
    parse = StageView(
        stage="parse", holds=not truth.missing, n=len(truth.documents),
        note=f"not in the store: {missing}" if missing else "",
    )  # fmt: skip
    if truth.holds is None:
        return [parse]
    chunks = run.scene.space.snapshot.chunks
    rows = gold_rows(run.scene, truth)
    visible = run.scene.space.visible(run.scene.question.query)
    places = [truth.place(chunks[row]) for row in rows]
    seen = [truth.place(chunks[row]) for row in rows if visible[row]]
    whole = sum(
        any(place[0] == s.doc_id and place[1] <= s.interval[0] and s.interval[1] <= place[2]
            for place in places)
        for s in truth.spans
    )  # fmt: skip
    indexed = truth.holds(places)
    # What the index lacks may never have been cut, or never have been kept: its rows do not tell.
    cut = True if indexed else None
    standing = f"{whole} of {len(truth.spans)} spans stand whole in one chunk"
    return [
        parse,
        StageView(
            stage="chunk",
            holds=cut,
            n=len(rows),
            note=standing if truth.spans else "",
        ),
        StageView(
            stage="embed",
            holds=cut,
            n=len(rows),
            note=_truncation([chunks[row].n_truncated for row in rows]),
        ),
        StageView(stage="index", holds=indexed, n=len(chunks)),
        StageView(
            stage="filter",
            holds=truth.holds(seen),
            n=int(visible.sum()),
            note=f"{len(rows) - len(seen)} of {len(rows)} chunks with evidence are hidden",
        ),
    ]


def _truncation(lost: list[int]) -> str:
    cut = [n for n in lost if n]
    return (
        f"{len(cut)} chunks with evidence are truncated by up to {max(cut)} tokens" if cut else ""
    )


def _orderings(run: Run) -> list[StageView]:
    knobs = run.scene.config.retrieval
    views = []
    for stage, found in run.stages.items():
        places = run.places(found)
        rank = run.truth.rank(places)
        cut = _cut(run, stage, len(places))
        gold = [run.truth.touches(place) for place in places]
        ids = [chunk.chunk_id for chunk in run.chunks(found)]
        ahead = [i for i, touches in zip(ids, gold, strict=True) if not touches]
        if rank is not None:
            ahead = [i for i, touches in zip(ids[:rank], gold[:rank], strict=True) if not touches]
        judged = run.truth.holds is not None
        views.append(
            StageView(
                stage=stage,
                holds=run.truth.holds(places[: _counting(run, stage, len(places))])
                if run.truth.holds is not None
                else None,
                rank=rank,
                n=len(places),
                cut=cut,
                score=float(found.scores[rank - 1]) if rank is not None else None,
                cut_score=float(found.scores[cut - 1]) if 0 < cut <= len(places) else None,
                displaced_by=tuple(ahead[:_DISPLACERS]) if judged else (),
                note=f"k {knobs.k}" if stage == "select" else "",
            )
        )
    return views


def _cut(run: Run, stage: str, n: int) -> int:
    """How many of a stage's items the next one looks at."""
    config = run.scene.config
    last = [name for name in run.stages if name != "select"][-1]
    if stage in (last, "select"):
        return min(n, config.retrieval.k)
    if stage == "fuse":
        return min(n, max(config.rerank.depth, config.retrieval.k))
    return n


def _counting(run: Run, stage: str, n: int) -> int:
    """How many of a stage's items it answers for: all, unless it is the one that lost the evidence.

    That the evidence never was among the first k is the cutoff's doing, not the order's.
    """
    last = [name for name in run.stages if name != "select"][-1]
    return n if stage == last != run.lost_at else _cut(run, stage, n)


def _packed(run: Run) -> StageView:
    context = run.context
    dropped = [f"{reason} {chunk_id}" for chunk_id, reason in context.dropped]
    judged = run.truth.holds is not None or bool(run.truth.missing)
    return StageView(
        stage="pack",
        holds=run.delivered if judged else None,
        n=len(context.passages),
        note=f"{context.n_tokens} of {context.budget} tokens"
        + (f"; left out: {', '.join(dropped)}" if dropped else ""),
    )


def _answered(run: Run) -> StageView:
    grounds = run.grounds
    if grounds is None:
        return StageView(stage="answer", holds=None, note="not judged: the evidence is not there")
    said = "abstained" if grounds.abstained else (
        "repeats the evidence" if grounds.says else "does not repeat the evidence"
    )  # fmt: skip
    faults = [
        *([f"{len(grounds.unsupported)} unsupported claims"] if grounds.unsupported else []),
        *([f"{len(grounds.miscited)} claims cited wrongly"] if grounds.miscited else []),
    ]
    return StageView(stage="answer", holds=grounds.sound, note="; ".join([said, *faults]))
