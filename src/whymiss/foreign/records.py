"""What another system says of one request: the passages that each of its stages handed on."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from whymiss.errors import InvalidRecordError

PASSAGE_KEYS: Final = ("doc_id", "start", "end", "text", "score")
PACKED: Final = ("context", "pack")
"""Names of the stage that fills the context: what it holds is what the generator read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPassage:
    """One passage, by its place, by its words, or by both.

    doc_id, start, end : the characters [start, end) of a stored document.
    text : its words, which are looked for in the document, or in all where none is named.
    score : as the other system gave it; nothing is computed from it.

    Raises
    ------
    InvalidRecordError : neither a place nor words are given, or a field is of the wrong kind.

    >>> ForeignPassage(doc_id="faq.md", start=0, end=22).placed
    True
    >>> ForeignPassage(text="Refunds take ten days.").placed
    False
    """

    doc_id: str = ""
    start: int | None = None
    end: int | None = None
    text: str = ""
    score: float | None = None

    def __post_init__(self) -> None:
        for name in ("doc_id", "text"):
            if not isinstance(getattr(self, name), str):
                raise InvalidRecordError(
                    f"a passage needs {name} as text; got {getattr(self, name)!r:.80}."
                )
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise InvalidRecordError(
                    f"a passage needs {name} as a whole number; got {value!r:.80}."
                )
        self._check_place()
        if self.score is not None and not _is_number(self.score):
            raise InvalidRecordError(
                f"a passage needs a finite number as score; got {self.score!r:.80}."
            )

    @property
    def placed(self) -> bool:
        """Whether its place is given, and need not be looked for."""
        return self.start is not None

    def _check_place(self) -> None:
        if self.start is None and self.end is None:
            if not self.text.strip():
                raise InvalidRecordError(
                    "a passage needs doc_id, start and end, or its text; got neither."
                )
            return
        if not self.doc_id or self.start is None or self.end is None:
            raise InvalidRecordError(
                f"the place of a passage needs doc_id, start and end; got {self.doc_id!r}, "
                f"{self.start} and {self.end}."
            )
        if not 0 <= self.start < self.end:
            raise InvalidRecordError(
                f"the place of a passage needs 0 <= start < end; got [{self.start}, {self.end})."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTrace:
    """What one request of another system handed on from stage to stage.

    query_id, question : of the labelled question that it is; one of them is enough.
    stages : passages by stage, best first. The order of the stages is the order in which they ran;
        their names are the other system's own.
    answer : what was answered; None where that is not known.

    Raises
    ------
    InvalidRecordError : there is no question, or no stage.

    >>> trace = ForeignTrace(question="Refund?", stages={
    ...     "search": [ForeignPassage(text="Refunds take ten days.")], "context": [],
    ... })
    >>> trace.retrieved, trace.last
    ('search', 'context')
    """

    query_id: str = ""
    question: str = ""
    stages: Mapping[str, tuple[ForeignPassage, ...]] = field(default_factory=dict)
    answer: str | None = None

    def __post_init__(self) -> None:
        for name in ("query_id", "question"):
            if not isinstance(getattr(self, name), str):
                raise InvalidRecordError(
                    f"a trace needs {name} as text; got {getattr(self, name)!r:.80}."
                )
        if not (self.query_id or self.question.strip()):
            raise InvalidRecordError("a trace needs a query_id or a question; got neither.")
        if not self.stages or not all(isinstance(name, str) and name for name in self.stages):
            raise InvalidRecordError(
                f"the trace of {self.asked!r:.80} needs at least one stage, each with a name; got "
                f"{', '.join(map(repr, self.stages)) or 'none'}."
            )
        if not (self.answer is None or isinstance(self.answer, str)):
            raise InvalidRecordError(f"a trace needs its answer as text; got {self.answer!r:.80}.")
        kept = {name: tuple(passages) for name, passages in self.stages.items()}
        object.__setattr__(self, "stages", MappingProxyType(kept))

    @property
    def asked(self) -> str:
        """What the request is called in a message: its id, or else its question."""
        return self.query_id or self.question

    @property
    def last(self) -> str:
        """The stage whose passages were handed on at last."""
        return list(self.stages)[-1]

    @property
    def retrieved(self) -> str:
        """The stage whose ranking is measured: the last one that does not fill the context."""
        names = [name for name in self.stages if name not in PACKED]
        return names[-1] if names else self.last


def passage_from(given: Any) -> ForeignPassage:
    """A passage from what a retriever returns, or from JSON.

    Parameters
    ----------
    given : its text, (doc_id, start, end), a mapping with `PASSAGE_KEYS`, or a passage.

    Raises
    ------
    InvalidRecordError : it is none of these, or a key is unknown.

    >>> passage_from(("faq.md", 0, 22)) == passage_from({"doc_id": "faq.md", "start": 0, "end": 22})
    True
    """
    if isinstance(given, ForeignPassage):
        return given
    if isinstance(given, str):
        return ForeignPassage(text=given)
    if isinstance(given, tuple) and len(given) == 3:
        doc_id, start, end = given
        return ForeignPassage(doc_id=doc_id, start=start, end=end)
    if isinstance(given, Mapping):
        for key in given:
            if key not in PASSAGE_KEYS:
                raise InvalidRecordError(f"a passage has no key {key!r}; {_hint(key)}")
        return ForeignPassage(**{k: value for k, value in given.items() if value is not None})
    raise InvalidRecordError(
        "a passage is its text, (doc_id, start, end), or a mapping with some of "
        f"{', '.join(PASSAGE_KEYS)}; got {given!r:.80}."
    )


def _hint(key: Any) -> str:
    near = difflib.get_close_matches(str(key), PASSAGE_KEYS, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(PASSAGE_KEYS)}."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
