"""The chunk browser: a document whose chunk borders move with the sliders."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.pinning import pin
from whymiss.pages.boundaries import place_of
from whymiss.pages.markup import Markup, tag, visible
from whymiss.records import Query
from whymiss.widgets.base.controls import code
from whymiss.widgets.base.knobs import turned
from whymiss.widgets.base.reporting import Reporting
from whymiss.widgets.chunks.cutting import Cut, cut
from whymiss.widgets.chunks.state import ChunksState, page_at, pages_of
from whymiss.widgets.chunks.view import (
    head_html,
    knobs_html,
    marked_html,
    snapshot_html,
    spans_html,
    summary_html,
    text_html,
)
from whymiss.widgets.handing import try_out_live

if TYPE_CHECKING:
    from whymiss.live.background import Check
    from whymiss.widgets.base.surface import Event
    from whymiss.widgets.desk import Desk

SETTLED: Final = 0.3
"""Seconds without a change after which what is seen is written into the notebook."""


class ChunkBrowser(Reporting):
    """One document under a chunking: where it is cut, and what that does to the evidence.

    Attributes
    ----------
    state : everything that decides what is shown; setting it cuts anew.
    cut : the newest borders, those that are seen; None before the first.
    """

    kind: ClassVar[str] = "chunks"
    label: ClassVar[str] = "Chunk browser"
    verb: ClassVar[str] = "chunk_browser"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = ChunksState(config=desk.workbench.config)
        self.cut: Cut | None = None
        self.draw()

    @property
    def state(self) -> ChunksState:
        """Document, chunking, place in the text, marked spans."""
        return self._state

    @state.setter
    def state(self, state: ChunksState) -> None:
        with self._lock:
            self._state = state
            self.draw()

    def open(
        self, doc_id: str, config: PipelineConfig | None = None, at: int | None = None
    ) -> None:
        """Show a document, at the page that holds a character.

        Parameters
        ----------
        config : the chunking; by default the one there is.
        at : by default the beginning.

        Raises
        ------
        DocumentError : there is none of this id.
        """
        self.desk.workbench.live.document(doc_id)
        self.state = replace(
            self._state, doc_id=doc_id, config=config or self._state.config, at=at or 0
        )

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {
            "page": lambda event: self._turn_to(int(event.value)),
            "show": lambda event: self._show_place(int(event.value)),
            "mark": lambda event: self._mark_selection(event.fields),
            "mark_quote": lambda event: self._mark_quote(str(event.fields.get("quote", ""))),
            "unmark": lambda event: self._unmark(int(event.value)),
            "live": lambda event: self._use_live(str(event.value)),
            "again": lambda _: self.draw(),
            "cancel": lambda _: self._stop(),
        }

    def turn(self, knob: str, value: Any) -> None:
        if knob == "doc_id":
            self.open(str(value))
        elif knob == "contains":
            self._state = replace(self._state, contains=str(value))
            self.show({"head": self._head()})
        elif knob == "page":
            self._turn_to(int(value))
        else:
            config = turned(knob, value, self._state.config)
            self._state = replace(self._state, config=config)
            self.show({"knobs": knobs_html(config)})
            self._recut()

    def draw(self) -> None:
        if not self._state.doc_id:
            self._state = replace(self._state, doc_id=self._first())
        # Another document takes the place of the text below when it is cut, not before.
        empty = self.cut is None
        self.show(
            {
                "problem": Markup(),
                "head": self._head(),
                "knobs": knobs_html(self._state.config),
                "work": Markup(),
                **(dict.fromkeys(("summary", "text", "spans"), Markup()) if empty else {}),
                "marked": marked_html(self._state.marked),
                "code": code("chunks", self.to_code()),
            }
        )
        self._draw_cut()
        self._recut()

    def snapshot(self) -> Markup:
        if self.cut is None:
            return tag("p", "Chunk browser: no document is shown.")
        return snapshot_html(self.cut, self._state.at)

    def to_code(self) -> str:
        """Lines of Python that make the same table of borders."""
        places = sorted(self.cut.askers) if self.cut is not None else []
        return self._state.to_code(str(self.desk.workbench.store.uri), places)

    def _first(self) -> str:
        """The first document with evidence, or the first of all; empty in an empty store."""
        documents = self.desk.workbench.live.documents()
        labelled = set(self._evidence())
        ids = [document.doc_id for document in documents]
        return next((doc_id for doc_id in ids if doc_id in labelled), ids[0] if ids else "")

    def _evidence(self) -> list[str]:
        """The document of every labelled span."""
        questions = self.desk.labelled.questions
        spans = {span for q in questions for spans in q.evidence for span in spans}
        return [span.doc_id for span in spans]

    def _head(self) -> Markup:
        return head_html(self._state, self.desk.workbench.live.documents(), self._evidence())

    def _recut(self) -> None:
        """Cut the document in place of whatever is being cut."""
        state = self._state
        if not state.doc_id:
            self.show({"work": tag("p", "The store holds no documents yet. Ingest some.")})
            return
        self.work(lambda check: self._cut_anew(state, check))

    def _cut_anew(self, state: ChunksState, check: Check) -> None:
        tell = self.telling(check)
        with self.ended_by_errors(check):
            made = cut(
                self.desk.workbench,
                state.doc_id,
                state.config,
                questions=self.desk.labelled.questions,
                marked=state.marked,
                report=lambda done, total: tell("Reading the sentences", done, total),
            )
        with self._lock:
            check()
            self.cut = made
            self.end_work()
            self._draw_cut()
        self._keep_when_settled(check)

    def _keep_when_settled(self, check: Check) -> None:
        """While a slider moves, nobody reads the copy in the notebook."""
        until = time.monotonic() + SETTLED
        while time.monotonic() < until:
            check()
            time.sleep(0.01)
        self.keep()

    def _draw_cut(self) -> None:
        made = self.cut
        if made is None or made.document.doc_id != self._state.doc_id:
            # Its place would be one of another text.
            return
        self.show(
            {
                "summary": summary_html(made),
                "text": text_html(made, self._state.at),
                "spans": spans_html(made),
                "code": code("chunks", self.to_code()),
            }
        )

    def _stop(self) -> None:
        self.cancel()
        said = "Stopped: the borders below are of the settings before. "
        again = tag("button", "Cut with these settings", type="button", data_do="again")
        self.end_work(tag("p", said, again, role="status", class_="wm-row"))

    def _shown(self) -> Cut:
        if self.cut is None:
            raise InvalidRecordError("no document is shown yet; wait for its text.")
        return self.cut

    def _turn_to(self, page: int) -> None:
        pages = pages_of(self._shown().document.text)
        self._show_place(pages[max(0, min(page, len(pages) - 1))][0])

    def _show_place(self, at: int) -> None:
        self._state = replace(self._state, at=at)
        self._draw_cut()

    def _mark_selection(self, fields: Mapping[str, Any]) -> None:
        made = self._shown()
        doc_id = made.document.doc_id
        if fields.get("doc_id") != visible(doc_id):
            raise InvalidRecordError(
                "nothing of this document is selected. Select text with the mouse, then press the "
                "button again; or paste a quote below."
            )
        pages = pages_of(made.document.text)
        part = pages[page_at(pages, self._state.at)]
        start, end = (
            place_of(made.boundaries, int(fields[edge]) - part[0], part=part)
            for edge in ("start", "end")
        )
        # What stands beside the words is nobody's evidence.
        text = made.document.text[start:end]
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        if start >= end:
            raise InvalidRecordError("the selection holds only white space; select some words.")
        quote = made.document.text[start:end]
        self._mark(EvidenceSpan(doc_id=doc_id, start=start, end=end, quote=quote))

    def _mark_quote(self, quote: str) -> None:
        document = self._shown().document
        span = EvidenceSpan(doc_id=document.doc_id, quote=quote)
        asked = Question(query=Query(query_id="quote", text="quote"), evidence=((span,),))
        report = pin([asked], [document])
        for found in report.problems:
            raise InvalidRecordError(f"{found.what}: {found.advice}.")
        ((pinned,),) = report.sound[0].evidence
        self._mark(pinned)

    def _mark(self, span: EvidenceSpan) -> None:
        marked = tuple(dict.fromkeys((*self._state.marked, span)))
        self._become_marked(replace(self._state, marked=marked, at=span.interval[0]))

    def _unmark(self, number: int) -> None:
        marked = self._state.marked
        kept = marked[:number] + marked[number + 1 :]
        self._become_marked(replace(self._state, marked=kept))

    def _become_marked(self, state: ChunksState) -> None:
        self._state = state
        self.show({"marked": marked_html(state.marked)})
        self._recut()

    def _use_live(self, query_id: str) -> None:
        question = self.desk.labelled.question(query_id) if query_id else None
        try_out_live(self, self._state.config, question)
