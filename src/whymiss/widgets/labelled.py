"""The labelled questions that panels offer, each with its evidence located."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from whymiss.errors import LabelError
from whymiss.evaluating import chosen
from whymiss.evaluation.pinning import PinReport, pin

if TYPE_CHECKING:
    from whymiss.evaluating import Questions
    from whymiss.evaluation.labels import EvidenceSpan, Question
    from whymiss.workbench import Workbench


class Labelled:
    """Questions of a set whose labels fit the stored documents; the others are counted.

    Parameters
    ----------
    given : a JSON Lines file, or questions; none by default.
    """

    def __init__(self, workbench: Workbench, given: Questions = ()) -> None:
        self._workbench = workbench
        self.source = str(given) if isinstance(given, (str, Path)) else ""
        self._given = tuple(chosen(given, ""))

    @cached_property
    def _pinned(self) -> PinReport:
        return pin(self._given, self._workbench.live.documents())

    @property
    def questions(self) -> tuple[Question, ...]:
        """Those whose labels fit."""
        return self._pinned.sound

    @property
    def n_unfit(self) -> int:
        """How many have a label that does not fit its document."""
        return len(self._given) - len(self.questions)

    def question(self, query_id: str) -> Question:
        """One of them.

        Raises
        ------
        LabelError : there is none of this id.
        """
        found = next((q for q in self.questions if q.query_id == query_id), None)
        if found is None:
            raise LabelError(
                f"no labelled question has the id {query_id!r}; the panel offers "
                f"{len(self.questions)}. Give the file with `questions=`."
            )
        return found

    def evidence_in(self, doc_id: str) -> tuple[EvidenceSpan, ...]:
        """Every span of a document that some question needs."""
        spans = (s for q in self.questions for spans in q.evidence for s in spans)
        return tuple(dict.fromkeys(span for span in spans if span.doc_id == doc_id))
