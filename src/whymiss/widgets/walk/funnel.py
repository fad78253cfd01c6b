"""The third step as HTML: the evidence from stage to stage, and who stood in front of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from whymiss.diagnosis.case_file.tables import FUNNEL, funnel_row, holds
from whymiss.diagnosis.case_file.tables import place as place_of
from whymiss.diagnosis.records import Diagnosis, StageView
from whymiss.pages.markup import (
    IN_NOTEBOOK,
    Child,
    Markup,
    foreign,
    is_missing,
    join,
    number,
    table,
    tag,
)
from whymiss.text import counted
from whymiss.widgets.base.controls import scrolled
from whymiss.widgets.walk.results import Walked

Row = Mapping[str, Any]

AROUND: Final = 2
"""Ranks that are shown on either side of the cut, and one fewer of the evidence."""

HEAD: Final = 5
"""Ranks that are always shown: what stood at the very front."""

_CLASSES: Final = {"✓": "wm-good", "✗": "wm-bad", "–": "wm-unsure"}
_HOLDING: Final = ("chunk with evidence", "chunks with evidence")
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "parse": ("document", "documents"),
    "chunk": _HOLDING,
    "embed": _HOLDING,
    "index": ("chunk", "chunks"),
    "filter": ("chunk visible", "chunks visible"),
    "pack": ("passage", "passages"),
}
_RANKED: Final = ("Rank", "Score", "What it is", "Chunk")


def funnel_html(walked: Walked) -> Markup:
    """A row for each stage; the stages that rank open to what they ranked around the cut."""
    diagnosis = walked.diagnosis
    if diagnosis is None:
        return Markup()
    rows, telling = rows_by_stage(walked), telling_stages(diagnosis)
    return join(
        [
            tag("h3", "3. The evidence from stage to stage"),
            _used(diagnosis),
            tag(
                "div",
                *(
                    stage_html(view, diagnosis, rows.get(view.stage, ()),
                               opened=view.stage in telling)
                    for view in diagnosis.funnel
                ),
                class_="wm-stages",
            ),
            tag("p", walked.no_flow, class_="wm-unsure") if walked.no_flow else None,
        ]
    )  # fmt: skip


def telling_stages(diagnosis: Diagnosis) -> set[str]:
    """The stages that lost the evidence; for the cutoff the order before it, which tells more."""
    lost = diagnosis.lost_at.split(", ")
    if lost != ["select"]:
        return set(lost)
    orders = [view.stage for view in diagnosis.funnel if view.cut is not None]
    return {*orders[:-1][-1:]} or {"select"}


def _used(diagnosis: Diagnosis) -> Markup:
    """Which evidence was followed: it may have been found by the expected answer alone."""
    spans = dict.fromkeys(span for spans in diagnosis.question.evidence for span in spans)
    if spans:
        where = ", ".join(map(place_of, spans))
        return tag("p", "Followed: ", foreign(where), class_="wm-soft")
    if diagnosis.question.documents:
        where = ", ".join(diagnosis.question.documents)
        return tag("p", "Followed: the documents ", foreign(where), class_="wm-soft")
    return tag("p", "No evidence is known, so nothing can be followed.", class_="wm-unsure")


def rows_by_stage(walked: Walked) -> dict[str, list[Row]]:
    """The rows of the flow table, by stage."""
    found: dict[str, list[Row]] = {}
    if walked.flow is not None:
        for row in walked.flow.to_dict(orient="records"):
            found.setdefault(str(row["stage"]), []).append({str(k): v for k, v in row.items()})
    return found


def stage_html(
    view: StageView, diagnosis: Diagnosis, rows: Sequence[Row], *, opened: bool = False
) -> Markup:
    """One stage; it opens where there is something to see."""
    held = holds(view, diagnosis)
    cells = (
        tag("strong", view.stage),
        tag("span", held, class_=_CLASSES[held[0]]),
        tag("span", ranked(view), class_="wm-number"),
        tag("span", "" if view.margin is None else f"margin {view.margin:+.4f}",
            class_="wm-number"),
        tag("span", foreign(view.note), class_="wm-soft"),
    )  # fmt: skip
    if not rows:
        return tag("div", *cells, class_="wm-stage")
    return tag(
        "details",
        tag("summary", *cells, class_="wm-stage"),
        scrolled(f"What {view.stage} ranked", ranked_table(view, rows)),
        open="" if opened else None,
        data_key=view.stage,
    )


def ranked(view: StageView) -> str:
    """Where the evidence is among how many, and how many of them go on.

    >>> ranked(StageView(stage="dense", holds=True, rank=17, n=50, cut=5))
    'rank 17 of 50, the first 5 go on'
    >>> ranked(StageView(stage="index", holds=True, n=1108))
    '1,108 chunks'
    """
    if view.cut is None:
        unit = _UNITS.get(view.stage)
        return f"{view.n:,} {unit[view.n != 1]}" if unit else ""
    at = f"rank {view.rank} of {view.n}" if view.rank is not None else f"not among {view.n}"
    return f"{at}, the first {view.cut} go on" if view.cut < view.n else at


def ranked_table(view: StageView, rows: Sequence[Row]) -> Markup:
    """What a stage ranked: the front, around the cut and around the evidence."""
    listed = [row for row in rows if not is_missing(row["rank"])]
    absent = [row for row in rows if is_missing(row["rank"]) and row["role"] == "evidence"]
    by_rank = {int(row["rank"]): row for row in listed}
    gold = [rank for rank, row in by_rank.items() if row["role"] == "evidence"]
    cells: list[Sequence[Child]] = []
    before = 0
    for rank in around(len(listed), cut=view.cut, evidence=gold):
        if rank > before + 1:
            cells.append(_gap(before + 1, rank - 1))
        cells.append(_ranked_row(by_rank[rank], view))
        if rank == view.cut and rank < view.n:
            cells.append(["✂", "", "cut", "The next stage looks no further."])
        before = rank
    if before < len(listed):
        cells.append(_gap(before + 1, len(listed)))
    cells += [_ranked_row(row, view) for row in absent]
    caption = f"What {view.stage} ranked, {counted(len(listed), 'chunk')}"
    if view.cut is not None and view.cut < view.n:
        caption += f"; the next stage looks at the first {view.cut}"
    return table(caption, _RANKED, cells, numeric=(0, 1))


def around(n: int, *, cut: int | None, evidence: Sequence[int]) -> list[int]:
    """The ranks to show of n: the front, both sides of the cut, both sides of the evidence.

    >>> around(50, cut=5, evidence=[17])
    [1, 2, 3, 4, 5, 6, 7, 16, 17, 18]
    """
    shown = set(range(1, HEAD + 1))
    if cut is not None and cut < n:
        shown |= set(range(cut - AROUND + 1, cut + AROUND + 1))
    for rank in evidence:
        shown |= set(range(rank - 1, rank + 2))
    return sorted(rank for rank in shown if 1 <= rank <= n)


def _gap(first: int, last: int) -> Sequence[Child]:
    ranks = f"{first}" if first == last else f"{first} to {last}"
    return [ranks, "", "…", f"{counted(last - first + 1, 'chunk')} not shown"]


def _ranked_row(row: Row, view: StageView) -> Sequence[Child]:
    section = f" › {row['section'].replace(' > ', ' › ')}" if row["section"] else ""
    rank = "–" if is_missing(row["rank"]) else number(int(row["rank"]))
    return [
        rank,
        "–" if is_missing(row["score"]) else number(float(row["score"]), 4),
        _role(row, view),
        join(
            [
                foreign(str(row["doc_id"])),
                tag("span", foreign(section), class_="wm-soft"),
                tag("div", foreign(str(row["excerpt"])), class_="wm-excerpt"),
            ]
        ),
    ]


def _role(row: Row, view: StageView) -> Markup:
    """What a chunk is to the question, in a mark and words."""
    if row["role"] == "evidence":
        share = (
            "" if is_missing(row["share"]) or row["share"] >= 1 else f", {row['share']:.0%} of it"
        )
        there = "" if not is_missing(row["rank"]) else ", not ranked"
        return tag("span", f"✓ evidence{share}{there}", class_="wm-good")
    rank = int(row["rank"])
    last = view.rank if view.rank is not None else view.cut
    if view.holds is not None and last is not None and rank <= last:
        return tag("span", "▲\u00a0in\u00a0front\u00a0of\u00a0it", class_="wm-bad")
    return tag("span", "behind", class_="wm-soft")


def funnel_table(diagnosis: Diagnosis) -> Markup:
    """The stages as a plain table, for a reader without a kernel."""
    kept = [at for at, name in enumerate(FUNNEL) if name != "In front"]
    labels = {chunk_id: "" for view in diagnosis.funnel for chunk_id in view.displaced_by}
    rows = [funnel_row(view, diagnosis, labels) for view in diagnosis.funnel]
    return table(
        "The evidence from stage to stage",
        [FUNNEL[at] for at in kept],
        [[foreign(row[at]) for at in kept] for row in rows],
        numeric=(2, 3, 4, 5, 6),
        style=IN_NOTEBOOK,
    )
