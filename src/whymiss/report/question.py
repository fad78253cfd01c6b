"""One question on the page: what was expected, where it went, what was read, what was answered."""

from __future__ import annotations

from collections.abc import Sequence

from whymiss.frames import clause_text, stages_frame, summary_frame
from whymiss.pages.markup import (
    PLAIN,
    Child,
    Inline,
    Markup,
    foreign,
    is_missing,
    join,
    number,
    table,
    tag,
    wide,
)
from whymiss.records import Answer, Passage, Trace
from whymiss.report.evidence import Expected, Place
from whymiss.report.tables import rows_of
from whymiss.report.worst import WorstQuestion
from whymiss.text import Interval, merge_spans


def anchors(worst: Sequence[WorstQuestion]) -> dict[str, str]:
    """The place on the page of every shown question, by its id; never made of the id itself."""
    return {question.query_id: f"trace-{at}" for at, question in enumerate(worst, start=1)}


def question_article(question: WorstQuestion, *, number: int, anchor: str, kept: bool) -> Markup:
    """The trace section of one question; `kept` says whether the log holds its trace."""
    trace = question.trace
    return tag(
        "article",
        tag("h3", f"{number}. ", foreign(str(question.row["text"])), id=f"{anchor}-title"),
        _facts(question, kept),
        tag("h4", "Where the evidence was"),
        evidence_table(question),
        tag("h4", "Stages"),
        _stages(trace),
        tag("h4", "Selected chunks"),
        _selected(trace),
        tag("h4", "Context"),
        _context(question),
        tag("h4", "Answer"),
        _answer(question),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )


def _facts(question: WorstQuestion, kept: bool) -> Markup:
    trace = question.trace
    where = "; ".join(clause_text(clause) for clause in trace.where)
    pairs: list[tuple[str, Child]] = [
        ("question", foreign(question.query_id)),
        ("what went wrong", question.complaint),
        ("tags", foreign(", ".join(question.row["tags"]) or "none")),
        ("asked by", foreign(", ".join(trace.principals) or "anybody")),
        ("where", foreign(where or "no condition")),
        ("trace", _named(trace, kept)),
        ("flags", ", ".join(trace.flags) or "none"),
        *((score.measure.replace("_", " "), _scored(score.value, score.undefined_because))
          for score in trace.scores),
    ]  # fmt: skip
    listed = tag("dl", *(piece for name, v in pairs for piece in (tag("dt", name), tag("dd", v))))
    return join([listed, tag("p", question.changed) if question.changed else None])


def _named(trace: Trace, kept: bool) -> Markup:
    if kept:
        return tag("code", f"whymiss trace {trace.trace_id[:12]}")
    return join([tag("code", trace.trace_id[:12]), " (not in the log: trace.keep is off)"])


def _scored(value: float, because: str) -> str:
    return f"undefined, {because}" if because else number(value)


def evidence_table(question: WorstQuestion, *, style: Inline = PLAIN) -> Markup:
    """Each piece of expected evidence and where it stood at every stage."""
    if not question.expected:
        unanswerable = question.question.unanswerable
        reason = (
            "nothing: the right answer is to abstain" if unanswerable else "nothing is labelled"
        )
        return tag("p", f"Expected: {reason}.")
    stages = list(dict.fromkeys(p.stage for piece in question.expected for p in piece.places))
    rows: list[list[Child]] = []
    for piece in question.expected:
        places = {place.stage: place for place in piece.places}
        rows.append(
            [_piece(piece), str(piece.alternative), *(_place(places.get(s)) for s in stages)]
        )
    caption = (
        "Each piece of expected evidence and the first rank that shows some of it (in pack: the "
        "passage); the share is what all hits of the stage show. All pieces of one alternative "
        "are needed."
    )
    return wide(table(caption, ("Evidence", "Alternative", *stages), rows, style=style))


def _piece(piece: Expected) -> Markup:
    where = f":{piece.start}-{piece.end}" if piece.end is not None else ""
    return join([foreign(piece.doc_id), where, tag("pre", piece.text) if piece.text else None])


def _place(place: Place | None) -> str:
    if place is None:
        return "not located"
    if place.rank is None:
        return "✗\u00a0absent"
    at = f"rank\u00a0{place.rank}"
    return f"✓\u00a0{at}" if place.share >= 1 else f"~\u00a0{at}, {place.share:.0%} of it"


def _stages(trace: Trace) -> Markup:
    rows: list[list[Child]] = [
        [
            row["stage"],
            "" if is_missing(row["n_hits"]) else number(row["n_hits"]),
            foreign(row["best_doc"]),
            number(row["best_score"], 4) if row["best_doc"] else "",
            number(row["ms"], 1),
        ]
        for row in rows_of(summary_frame(trace))
    ]
    headings = ("Stage", "Hits", "Best document", "Best score", "ms")
    caption = "One row per stage that ran; a stage without hits makes no ranking."
    return wide(table(caption, headings, rows, numeric=(1, 3, 4)))


def _selected(trace: Trace) -> Markup:
    hits = stages_frame(trace)
    selected = [
        [number(r["rank"]), r["doc_id"], number(r["start"]), number(r["score"], 4), r["fate"]]
        for r in rows_of(hits[hits["stage"] == "select"])
    ]
    every = [
        [r["stage"], number(r["rank"]), r["doc_id"], number(r["start"]), number(r["score"], 4)]
        for r in rows_of(hits)
    ]
    handed_on = table(
        "What retrieval handed on, and what became of it",
        ("Rank", "Document", "Start", "Score", "Fate"),
        selected,
        numeric=(2, 3),
    )
    rankings = table(
        "Every ranking, stage by stage",
        ("Stage", "Rank", "Document", "Start", "Score"),
        every,
        numeric=(1, 3, 4),
    )
    title = tag("summary", f"Every ranking ({len(every)} hits)")
    return join([wide(handed_on), tag("details", title, wide(rankings))])


def _context(question: WorstQuestion) -> Markup:
    context = question.trace.context
    if context is None or not context.passages:
        return tag("p", "No passage reached the context.")
    used = f"{context.n_tokens} of {context.budget} tokens."
    left = f" {len(context.dropped)} chunks left out." if context.dropped else ""
    passages = (_passage(passage, question.expected) for passage in context.passages)
    note = " Passages with expected evidence are open, and it is underlined."
    return join([tag("p", used + left + (note if question.expected else "")), *passages])


def _passage(passage: Passage, expected: Sequence[Expected]) -> Markup:
    path = " > ".join(dict.fromkeys(part for part in (passage.title, *passage.headings) if part))
    place = f" ({passage.doc_id}:{passage.start}-{passage.end}), {passage.n_tokens} tokens"
    head = tag("summary", f"[{passage.number}] ", foreign(path), foreign(place))
    spans = _evidence_in(passage, expected)
    return tag("details", head, tag("pre", _marked(passage, spans)), open="" if spans else None)


def _evidence_in(passage: Passage, expected: Sequence[Expected]) -> list[Interval]:
    """Characters of the passage's text that are expected evidence."""
    found = []
    for piece in expected:
        if piece.doc_id == passage.doc_id and piece.end is not None:
            start, end = max(piece.start, passage.start), min(piece.end, passage.end)
            if start < end:
                found.append((start - passage.start, end - passage.start))
    return merge_spans(found)


def _marked(passage: Passage, spans: Sequence[Interval]) -> Markup:
    pieces: list[Child] = []
    at = 0
    for start, end in spans:
        pieces += [passage.text[at:start], tag("mark", passage.text[start:end])]
        at = end
    return join([*pieces, passage.text[at:]])


def _answer(question: WorstQuestion) -> Markup:
    answer = question.trace.answer
    wanted = question.question.query.expected_answer
    expected = join([tag("p", "Expected answer:"), tag("pre", wanted)]) if wanted else None
    if answer is None:
        return join([expected, tag("p", "The run wrote no answers.")])
    reason = tag("p", "Abstained: ", foreign(answer.reason)) if answer.abstained else None
    given = tag("pre", answer.text) if answer.text else None
    return join(
        [expected, tag("p", f"By {answer.generator}:"), given, reason, _sources(question, answer)]
    )


def _sources(question: WorstQuestion, answer: Answer) -> Markup | None:
    cited = {citation.passage for citation in answer.citations}
    context = question.trace.context
    items = [
        tag("li", f"[{p.number}] ", foreign(f"{p.doc_id}:{p.start}-{p.end}"))
        for p in (context.passages if context else ())
        if p.number in cited
    ]
    return tag("ul", *items) if items else None
