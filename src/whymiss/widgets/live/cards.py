"""What a card of the live panel says of one retrieved chunk, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.evaluation.judging import judge
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.frames import stages_frame
from whymiss.live import LiveResult, Movement, movements
from whymiss.records import Chunk, Document, Ranking
from whymiss.retrieval.terms import term_finder
from whymiss.text import Interval, intersection_length

Place = tuple[str, int, int]
"""Characters [start, end) of a document, by its id."""

_NEXT: Final = 3
_AROUND: Final = 90
_SHOWN: Final = 2400
_LEAD: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a stage ranked the chunk, and with which score."""

    stage: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One chunk of a ranking.

    rank : in the order from which the first k are taken. selected : whether it is among them.
    steps : the stages that ranked it, in their order; the last is that of `score`.
    fate : what became of it, in words.
    moved : against the pinned baseline; None without one.
    title : of its document.
    shown : the characters of its text that are shown, all but for very long chunks.
    evidence, terms : spans of the chunk's text.
    before, after : the text around it in the document, up to some characters.
    pointed : whether it touches what was selected elsewhere, such as on the map.
    """

    rank: int
    selected: bool
    chunk: Chunk
    score: float
    steps: tuple[Step, ...]
    fate: str
    title: str
    shown: Interval
    evidence: tuple[Interval, ...] = ()
    terms: tuple[Interval, ...] = ()
    moved: Movement | None = None
    before: str = ""
    after: str = ""
    pointed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """The selected chunks, those just behind them, and what left.

    further : the next few candidates, and every one with evidence. n_behind : candidates that were
    not selected, shown or not.
    gone : passages of the baseline that are not selected any more.
    """

    selected: tuple[Card, ...]
    further: tuple[Card, ...]
    n_behind: int
    gone: tuple[Movement, ...]


def cards_of(
    result: LiveResult,
    *,
    document: Callable[[str], Document],
    evidence: Sequence[EvidenceSpan] = (),
    baseline: Sequence[Chunk] | None = None,
    pointed: Sequence[Place] = (),
) -> Cards:
    """The cards of a live result.

    Parameters
    ----------
    document : a stored document by its id.
    evidence : every span that some way to answer needs.
    baseline : the chunks that the pinned pipeline selected for the same question.
    pointed : places selected elsewhere.
    """
    snapshot = result.space.snapshot
    chunks = {chunk.chunk_id: chunk for chunk in result.chunks}
    candidates = _candidates(result)
    moves = movements(baseline, result.chunks) if baseline is not None else []
    behind = [hit for hit in candidates.hits if hit.chunk_id not in chunks]
    for hit in behind:
        chunks[hit.chunk_id] = snapshot.chunks[snapshot.row_of[hit.chunk_id]]
    steps = _steps(result.trace.rankings)
    fates = _fates(result)
    terms = _term_spans(result)

    def card(rank: int, chunk: Chunk, moved: Movement | None) -> Card:
        source = document(chunk.doc_id)
        found = _evidence_in(chunk, evidence)
        own = steps[chunk.chunk_id]
        return Card(
            rank=rank,
            selected=chunk.chunk_id in fates,
            chunk=chunk,
            score=own[-1].score,
            steps=own,
            fate=fates.get(chunk.chunk_id) or _cut_words(rank, result, len(candidates.hits)),
            title=source.title or source.doc_id,
            shown=_window(len(chunk.text), found),
            evidence=found,
            terms=terms(chunk.text),
            moved=moved,
            before=source.text[max(0, chunk.start - _AROUND) : chunk.start],
            after=source.text[chunk.end : chunk.end + _AROUND],
            pointed=any(_touches(chunk, place) for place in pointed),
        )

    first = [
        card(rank, chunk, moves[rank - 1] if moves else None)
        for rank, chunk in enumerate(result.chunks, start=1)
    ]
    near = [
        card(hit.rank, chunks[hit.chunk_id], None)
        for number, hit in enumerate(behind)
        if number < _NEXT or _evidence_in(chunks[hit.chunk_id], evidence)
    ]
    return Cards(
        selected=tuple(first),
        further=tuple(near),
        n_behind=len(behind),
        gone=tuple(move for move in moves if move.move == "left"),
    )


def complete_at(result: LiveResult, question: Question) -> int | None:
    """The rank at which the evidence is complete among the candidates; None if it never is."""
    snapshot = result.space.snapshot
    read = [
        (chunk.doc_id, chunk.parent_start, chunk.parent_end)
        for hit in _candidates(result).hits
        for chunk in [snapshot.chunks[snapshot.row_of[hit.chunk_id]]]
    ]
    complete = [way for way in judge(read, question).alternatives if way.complete]
    return min((max(rank for rank, _ in way.found) for way in complete), default=None)


def _candidates(result: LiveResult) -> Ranking:
    """The order from which the first k are taken."""
    rankings = result.trace.rankings
    return rankings[-2] if len(rankings) > 1 else rankings[-1]


def _steps(rankings: Iterable[Ranking]) -> dict[str, tuple[Step, ...]]:
    found: dict[str, list[Step]] = {}
    for ranking in rankings:
        if ranking.stage != "select":
            for hit in ranking.hits:
                step = Step(stage=ranking.stage, rank=hit.rank, score=hit.score)
                found.setdefault(hit.chunk_id, []).append(step)
    return {chunk_id: tuple(steps) for chunk_id, steps in found.items()}


def _fates(result: LiveResult) -> dict[str, str]:
    """In words, for every selected chunk."""
    frame = stages_frame(result.trace)
    selected = frame[frame["stage"] == "select"]
    context = result.trace.context
    passages = {
        chunk_id: passage.number
        for passage in (context.passages if context else ())
        for chunk_id in passage.chunk_ids
    }
    told = {}
    for chunk_id, fate in zip(selected["chunk_id"], selected["fate"], strict=True):
        if chunk_id in passages:
            told[chunk_id] = f"in the context as passage [{passages[chunk_id]}]"
        elif fate == "over budget":
            budget = result.config.context.token_budget
            told[chunk_id] = f"left out of the context: over the budget of {budget:,} tokens"
        else:
            told[chunk_id] = "left out of the context: repeats a passage in front of it"
    return told


def _cut_words(rank: int, result: LiveResult, n: int) -> str:
    knobs = result.config.retrieval
    if rank > knobs.k:
        return f"cut by top-K: rank {rank} of {n} candidates, and top-K is {knobs.k}"
    return f"passed over for variety: rank {rank} of {n}, with mmr_lambda {knobs.mmr_lambda:g}"


def _term_spans(result: LiveResult) -> Callable[[str], tuple[Interval, ...]]:
    """Finds the question's terms in a text, as BM25 would match them."""
    knobs = result.config.retrieval
    find = term_finder(knobs.stemmer, knobs.stop_words)
    asked = {place.term for place in find(result.query.text)}
    return lambda text: tuple((p.start, p.end) for p in find(text) if p.term in asked)


def _evidence_in(chunk: Chunk, evidence: Sequence[EvidenceSpan]) -> tuple[Interval, ...]:
    here = (chunk.start, chunk.end)
    return tuple(
        (max(0, span.interval[0] - chunk.start), min(chunk.end, span.interval[1]) - chunk.start)
        for span in evidence
        if span.doc_id == chunk.doc_id and intersection_length(span.interval, here)
    )


def _window(length: int, evidence: Sequence[Interval]) -> Interval:
    """Of a very long chunk, where the evidence begins; of any other, all."""
    if length <= _SHOWN:
        return 0, length
    start = max(0, min((start for start, _ in evidence), default=0) - _LEAD)
    start = min(start, length - _SHOWN)
    return start, start + _SHOWN


def _touches(chunk: Chunk, place: Place) -> bool:
    doc_id, start, end = place
    return chunk.doc_id == doc_id and start < chunk.end and chunk.start < end
