"""Passages of another system found again in the stored documents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from whymiss.evaluation.judged import JudgedQuestion
from whymiss.evaluation.judging import Retrieved
from whymiss.foreign.records import ForeignPassage
from whymiss.records import Document
from whymiss.text import counted, locate_quote

_NO_LETTERS: Final = re.compile(r"[\W_]+")
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The passages of one stage as spans, best first.

    unsure : why evidence may be among them that cannot be seen; empty where it is certain what
        they hold. unsure_documents : why it is not certain which documents they come from.
    """

    spans: tuple[Retrieved, ...]
    unsure: str = ""
    unsure_documents: str = ""


NOTHING: Final = Placed(spans=())


class Placer:
    """Finds passages in documents; a text that comes again is looked for once.

    Examples
    --------
    >>> placer = Placer([Document(doc_id="a", text="Refunds take ten days. Ten days.")])
    >>> placer.places(ForeignPassage(text="refunds  take ten days"))
    (('a', 0, 21),)
    >>> placer.places(ForeignPassage(doc_id="a", text="en days"))
    (('a', 14, 21), ('a', 24, 31))
    >>> placer.problem(ForeignPassage(text="Cards are quicker."))
    'stands in no document'
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self._texts = {document.doc_id: document.text for document in documents}
        self._bare = {doc_id: _bare(text) for doc_id, text in self._texts.items()}
        self._found: dict[tuple[str, str], tuple[Retrieved, ...]] = {}

    def places(self, passage: ForeignPassage) -> tuple[Retrieved, ...]:
        """Every place where a passage can stand; none where it stands nowhere.

        A place that is given is believed where the document reaches so far and, if the words are
        given too, has them there. Words are looked for as `text.locate_quote` does, in all
        documents the exact wording first.
        """
        if passage.start is not None and passage.end is not None:
            text = self._texts.get(passage.doc_id, "")
            here = text[passage.start : passage.end]
            if passage.end > len(text) or (passage.text and not _reads(here, passage.text)):
                return ()
            return ((passage.doc_id, passage.start, passage.end),)
        key = passage.doc_id, passage.text
        if key not in self._found:
            self._found[key] = self._located(*key)
        return self._found[key]

    def problem(self, passage: ForeignPassage) -> str:
        """Why a passage has no place; empty where it has one."""
        if self.places(passage):
            return ""
        if passage.doc_id and passage.doc_id not in self._texts:
            return f"names the document {passage.doc_id!r}, which is not stored"
        if not passage.placed:
            return (
                f"stands not in {passage.doc_id!r}" if passage.doc_id else "stands in no document"
            )
        text = self._texts[passage.doc_id]
        place = f"[{passage.start}, {passage.end}) of {passage.doc_id!r}"
        if (passage.end or 0) > len(text):
            return f"is said to stand at {place}, which has {len(text)} characters"
        return f"is said to stand at {place}, where other words stand"

    def placed(
        self, stage: str, passages: Sequence[ForeignPassage], judged: JudgedQuestion
    ) -> Placed:
        """The passages of a stage as spans, as far as it matters for a question.

        A passage with several places takes any of them where none of them holds evidence: which
        one it is changes nothing then. Otherwise the stage is unsure.
        """
        spans: list[Retrieved] = []
        unsure = documents = ""
        for rank, passage in enumerate(passages, start=1):
            said = f"passage {rank} of {stage!r}"
            places = self.places(passage)
            if not places:
                unsure = unsure or f"{said} {self.problem(passage)}"
                continue
            if len(places) > 1:
                several = f"{said} stands at {_listed(places)}"
                if judged.telling(places):
                    unsure = unsure or f"{several}, and evidence is among them"
                if len({doc_id for doc_id, _, _ in places}) > 1:
                    documents = documents or several
            spans.append(places[0])
        return Placed(spans=tuple(spans), unsure=unsure, unsure_documents=unsure or documents)

    def _located(self, doc_id: str, words: str) -> tuple[Retrieved, ...]:
        wanted = _bare(words)
        named = [doc_id] if doc_id else self._texts
        places = [
            (name, start, end)
            for name in named
            if wanted in self._bare.get(name, "")
            for start, end in locate_quote(self._texts.get(name, ""), words)
        ]
        exact = [place for place in places if self._texts[place[0]][place[1] : place[2]] == words]
        return tuple(exact or places)


def _reads(here: str, words: str) -> bool:
    return here == words or locate_quote(here, words) == [(0, len(here))]


def _bare(text: str) -> str:
    """Letters and digits alone: wherever a quote can be located, its own are among them."""
    return _NO_LETTERS.sub("", unicodedata.normalize("NFKD", text).casefold())


def _listed(places: Sequence[Retrieved]) -> str:
    shown = ", ".join(f"{doc_id!r} [{start}, {end})" for doc_id, start, end in places[:_SHOWN])
    more = len(places) - _SHOWN
    return f"{counted(len(places), 'place')}: {shown}" + (f" and {more} more" if more > 0 else "")
