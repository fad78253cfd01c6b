"""How the evidence is shown: passages taken, words selected or pasted, a label used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from whymiss.errors import InvalidRecordError
from whymiss.widgets.walk import steps
from whymiss.widgets.walk.results import Walked
from whymiss.widgets.walk.sight import FURTHER, Sight, page_at
from whymiss.widgets.walk.state import WalkState
from whymiss.widgets.walk.working import Working

if TYPE_CHECKING:
    from whymiss.diagnosis.locating import Given, Located
    from whymiss.evaluation.labels import Question
    from whymiss.live.background import Check
    from whymiss.widgets.base.surface import Event

Spot = tuple[str, int, int]
"""doc_id, and characters [start, end)."""

SELECTION: Final = "selection"
"""What the button means that takes the words that are selected."""

_BEFORE: Final = 600
"""Characters that are shown before the place at which a document is opened."""


def picked(value: str, fields: Mapping[str, Any], walked: Walked) -> Spot:
    """The place that a button names.

    Parameters
    ----------
    value : "passage:NUMBER" of the context, "chunk:ID" of the ranking, "place:N" of those that
        were found, or "selection".
    fields : of a selection "doc_id", "start" and "end"; empty where nothing is selected.

    Raises
    ------
    InvalidRecordError : nothing is selected, or there is no such place any more.
    """
    if value == SELECTION:
        return _selection(fields)
    kind, _, key = value.partition(":")
    found = {"passage": _passage, "chunk": _chunk, "place": _place}.get(kind, _nothing)(key, walked)
    if found is None:
        raise InvalidRecordError(
            f"there is no {value!r} to take; press a button of what is shown now."
        )
    return found


def _nothing(key: str, walked: Walked) -> Spot | None:
    return None


def _passage(key: str, walked: Walked) -> Spot | None:
    context = walked.trace.context if walked.trace else None
    passages = {str(passage.number): passage for passage in (context.passages if context else ())}
    found = passages.get(key)
    return (found.doc_id, found.start, found.end) if found is not None else None


def _chunk(key: str, walked: Walked) -> Spot | None:
    found = walked.chunks.get(key)
    return (found.doc_id, found.start, found.end) if found is not None else None


def _place(key: str, walked: Walked) -> Spot | None:
    candidates = walked.located.candidates if walked.located is not None else ()
    found = {str(at): candidate.span for at, candidate in enumerate(candidates)}.get(key)
    return (found.doc_id, *found.interval) if found is not None else None


def _selection(fields: Mapping[str, Any]) -> Spot:
    if not fields:
        raise InvalidRecordError(
            "no words are selected; select some in the text of a passage or a document first."
        )
    return str(fields["doc_id"]), int(fields["start"]), int(fields["end"])


class Picking(Working):
    """The part of the walk in which a person says what the answer needs."""

    _state: WalkState
    _walked: Walked
    _sight: Sight

    def picking_actions(self) -> Mapping[str, Callable[[Event], None]]:
        """The actions that say what the evidence is, and where it is looked for."""
        return {
            "right": lambda _: self.revise(replace(self._state, wrong=False)),
            "wrong": lambda _: self.revise(replace(self._state, wrong=True)),
            "take": self._take,
            "drop": self._drop,
            "take-labelled": lambda _: self._take_labelled(),
            "paste": self._paste,
            "look": self._look_up,
            "more": lambda _: self._look(n_further=self._sight.n_further + 2 * FURTHER),
            "open-document": self._open_document,
            "turn-page": lambda event: self._turn_page(str(event.value)),
            "close-document": lambda _: self._look(page=None),
        }

    def labelled(self) -> Question | None:
        """The labelled question that is walked; None for a free one."""
        raise NotImplementedError

    def revise(self, state: WalkState) -> None:
        """Say something else of the answer, which takes back what was found by what was said."""
        self.cancel()
        self._state = state
        self._walked = replace(
            self._walked, diagnosis=None, flow=None, no_flow="", outcome=None, saved=""
        )
        self.draw()

    def _take(self, event: Event) -> None:
        """Take a place as evidence, or take it back if it was taken."""
        spot = picked(str(event.value), event.fields, self._walked)
        span = steps.span_at(self.desk.workbench, *spot)
        state, taken = self._state, span in self._state.spans
        self.revise(state.without_span(span) if taken else state.with_span(span))

    def _drop(self, event: Event) -> None:
        self.revise(self._state.without_span(self._state.spans[int(event.value)]))

    def _take_labelled(self) -> None:
        labelled = self.labelled()
        assert labelled is not None
        self._find(labelled.evidence, lambda found: replace(self._state, evidence=found.evidence))

    def _paste(self, event: Event) -> None:
        text = str(event.fields["text"])
        if not text.strip():
            raise InvalidRecordError("paste what the answer should have said first.")
        self._sight = replace(self._sight, pasted=text)
        expected = text if event.value == "answer" else ""
        if expected:
            self._state = replace(self._state, expected=expected)

        def taken(found: Located) -> WalkState:
            state = self._state
            for span in found.evidence[0] if found.evidence else ():
                state = state.with_span(span)
            return state

        self._find(None if expected else text, taken, expected=expected)

    def _find(
        self, given: Given | None, taken: Callable[[Located], WalkState], *, expected: str = ""
    ) -> None:
        """Look for evidence in the documents; `taken` is the state with what was found."""
        asked = self._state.question
        self.revise(self._state)

        def job(check: Check) -> None:
            found = steps.find(self.desk.workbench, given, expected=expected, question=asked)

            def change() -> None:
                self._state = taken(found)
                self._walked = replace(self._walked, located=found)

            self.settle(check, change)

        self.work_in("paste", "Looking through the documents", job)

    def _look(self, **seen: Any) -> None:
        self._sight = replace(self._sight, **seen)
        self.draw()

    def _look_up(self, event: Event) -> None:
        """Open the passage of a citation."""
        self._look(passage=int(event.value), n_looks=self._sight.n_looks + 1)

    def _open_document(self, event: Event) -> None:
        """Open a document, from its beginning or a little before a place "START:DOC_ID"."""
        start, _, doc_id = str(event.value).partition(":")
        document = self.desk.workbench.document(doc_id or str(event.fields["doc_id"]).strip())
        self._look(page=page_at(document, int(start or 0) - _BEFORE))

    def _turn_page(self, to: str) -> None:
        page = self._sight.page
        assert page is not None
        self._look(page=page.before if to == "back" else page.after)
