"""Evidence as a person gives it, found in the corpus: a place, a quote, or an expected answer.

What is not plain is never chosen silently: the places it may be are shown, and the user picks one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from whymiss.answering.lexical import terms
from whymiss.diagnosis.locating.choosing import (
    PICK,
    Placed,
    at_place,
    clear,
    lacking,
    negated_otherwise,
    short,
    taken,
    worth_showing,
)
from whymiss.diagnosis.locating.likely_places import aligned, resembling
from whymiss.diagnosis.records import Candidate
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import Chunk, Document, Passage
from whymiss.text import locate_quote

Piece = EvidenceSpan | Chunk | Passage | str | tuple[str, int, int]
"""One place that the answer needs: a span, a passage that was picked, a quote, or where it is."""

Given = Piece | Sequence[Piece] | Sequence[Sequence[Piece]]
"""One piece; pieces all of which are needed; or alternatives, each of them pieces."""

LIKE_QUOTE: Final = 0.8
"""Match from which a passage is taken for a quote that stands nowhere word for word."""

QUOTE_LEAD: Final = 0.05
"""How far it must be ahead of the next: passages about two plans differ in one word of twenty."""

LIKE_ANSWER: Final = 0.6
"""Match from which a passage is taken for the one an expected answer rests on."""

ANSWER_LEAD: Final = 0.1
"""How far it must be ahead of the next; of our own 216 answers 62 are taken so, all rightly."""

_TELLING: Final = 3
"""Terms from which an answer that stands somewhere word for word cannot stand there by chance."""

_BETWEEN: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the evidence stands, as far as that is plain.

    evidence : alternatives of spans all of which are needed, as in `Question`; empty when nothing
        was given, or nothing plain was found. A quote that names its document and does not stand
        in it stays a span without a place: that it is missing there is a finding.
    candidates : the places that were considered, best first for each piece; those taken too.
    note : what was decided, and why.
    """

    evidence: tuple[tuple[EvidenceSpan, ...], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    note: str = ""


def locate(
    given: Given | None,
    documents: Iterable[Document],
    *,
    expected: str | None = None,
    question: str = "",
    limit: int = 5,
) -> Located:
    """Find the evidence in the corpus.

    A place (a span, a chunk, a passage, `(doc_id, start, end)`) is taken as it is. When the
    document has changed beneath it, its text is looked for as a quote in that document.

    A quote is looked for as `text.locate_quote` does: in its document, or in all where it names
    none. It is taken when it stands in one place. A quote that names no document and stands
    nowhere is compared word by word: the best passage is taken when it matches at 0.8 or more,
    holds all numbers of the quote, is negated as it is and is 0.05 ahead of the next. Below that,
    one word in five differs, and what is meant is a guess; another number is another fact.

    An expected answer is taken where it stands word for word, once and with three telling words
    or more. Else passages of one to three sentences are ranked by the words that they share with
    it and with the question (see `resembling`), and the best is taken at a match of 0.6, with all
    numbers and a lead of 0.1. It is often put in other words, so the lead must be wider.

    In all other cases the evidence is empty, and the note says what to pick from.

    Parameters
    ----------
    given : one piece of evidence, a sequence of pieces that are all needed, or a sequence of such
        sequences, any of which answers. None, or an empty sequence, is nothing.
    documents : the corpus, as it is stored.
    expected : the expected answer; only looked at when no evidence is given.
    question : what was asked; used with `expected`.
    limit : most candidates for each piece.

    Raises
    ------
    InvalidRecordError : a piece is of another type, a quote is empty, or a place without a quote
        reaches beyond its document.

    Examples
    --------
    >>> faq = Document(doc_id="faq", text="Refunds take ten days. Cards are quicker.")
    >>> found = locate("refunds  take TEN days", [faq])
    >>> found.evidence[0][0].interval, found.candidates[0].how
    ((0, 21), 'exact')
    >>> locate(None, [faq], expected="No, cards").note
    "No passage clearly says 'No, cards'. Pick one: diagnose(..., evidence=candidates[0].span)."
    """
    corpus = {document.doc_id: document for document in documents}
    alternatives = _alternatives(given)
    if alternatives:
        return _joined([[_place(p, corpus, limit) for p in pieces] for pieces in alternatives])
    if expected is None or not expected.strip():
        return Located(note="No evidence is known: neither a place, a quote nor an answer.")
    return _joined([[_place_answer(expected, corpus, question, limit)]])


def _joined(alternatives: Sequence[Sequence[Placed]]) -> Located:
    """What is plain of all pieces: an alternative one of whose pieces is not, is left out."""
    evidence: list[tuple[EvidenceSpan, ...]] = []
    for pieces in alternatives:
        spans = [piece.span for piece in pieces if piece.span is not None]
        if len(spans) == len(pieces):
            evidence.append(tuple(spans))
    every = [piece for pieces in alternatives for piece in pieces]
    notes = [piece.note for piece in every]
    left = len(alternatives) - len(evidence)
    if evidence and left:
        notes.append(f"Alternatives left out for that: {left} of {len(alternatives)}.")
    return Located(
        evidence=tuple(dict.fromkeys(evidence)),
        candidates=tuple(dict.fromkeys(c for piece in every for c in piece.candidates)),
        note=" ".join(dict.fromkeys(notes)),
    )


def _alternatives(given: Given | None) -> list[list[Piece]]:
    if given is None:
        return []
    if _is_piece(given):
        return [[given]]  # type: ignore[list-item]
    if not isinstance(given, Sequence):
        raise _wrong(given)
    if all(_is_piece(item) for item in given):
        return [list(given)] if given else []  # type: ignore[arg-type]
    alternatives = [[item] if _is_piece(item) else item for item in given]
    for pieces in alternatives:
        if not isinstance(pieces, Sequence) or not pieces or not all(map(_is_piece, pieces)):
            raise _wrong(pieces)
    return [list(pieces) for pieces in alternatives]  # type: ignore[arg-type]


def _is_piece(value: Any) -> bool:
    if isinstance(value, tuple) and len(value) == 3:
        return isinstance(value[0], str) and not any(
            isinstance(offset, (str, tuple, EvidenceSpan, Chunk, Passage)) for offset in value[1:]
        )
    return isinstance(value, (EvidenceSpan, Chunk, Passage, str))


def _wrong(value: Any) -> InvalidRecordError:
    return InvalidRecordError(
        "locate needs evidence as spans, a quote, (doc_id, start, end), a chunk or a passage, or a "
        f"sequence of these; got {value!r}."
    )


def _place(piece: Piece, corpus: Mapping[str, Document], limit: int) -> Placed:
    if isinstance(piece, str):
        if not piece.strip():
            raise InvalidRecordError(f"locate: a quote needs visible text; got {piece!r}.")
        return _place_quote(piece, corpus, limit)
    return _place_span(_as_span(piece), corpus, limit)


def _as_span(piece: EvidenceSpan | Chunk | Passage | tuple[str, int, int]) -> EvidenceSpan:
    if isinstance(piece, EvidenceSpan):
        return piece
    if isinstance(piece, tuple):
        return EvidenceSpan(doc_id=piece[0], start=piece[1], end=piece[2])
    quote = piece.text if piece.text.strip() else None
    return EvidenceSpan(doc_id=piece.doc_id, start=piece.start, end=piece.end, quote=quote)


def _place_span(span: EvidenceSpan, corpus: Mapping[str, Document], limit: int) -> Placed:
    """A place, or a quote of a named document."""
    document = corpus.get(span.doc_id)
    if document is None:
        return Placed(span=span, note=f"There is no document {span.doc_id!r}.")
    if span.pinned:
        start, end = span.interval
        found = document.text[start:end]
        if _reads(found, span.quote) and end <= len(document.text):
            return taken(_exact(document, start, end, grade=span.grade), "The place was given.")
        if span.quote is None:
            raise InvalidRecordError(
                f"evidence in {span.doc_id!r} at [{start}, {end}) is beyond the document's "
                f"{len(document.text)} characters, or only white space; give the place as it is."
            )
    quote = span.quote or ""
    places = [_exact(document, *at, grade=span.grade) for at in locate_quote(document.text, quote)]
    if len(places) == 1:
        moved = " now; the document has changed" if span.pinned else ""
        return taken(places[0], f"The quote stands once{moved}, {at_place(places[0])}.")
    if places:
        note = f"The quote {short(quote)} stands {len(places)} times in {span.doc_id!r}. {PICK}"
        return Placed(span=None, candidates=places[:limit], note=note)
    return Placed(
        span=replace(span, start=None, end=None),
        candidates=worth_showing(aligned(quote, corpus.values(), limit=limit)),
        note=f"The quote {short(quote)} does not stand in {span.doc_id!r}.",
    )


def _reads(found: str, quote: str | None) -> bool:
    if quote is None:
        return bool(found.strip())
    return found == quote or locate_quote(found, quote) == [(0, len(found))]


def _place_quote(quote: str, corpus: Mapping[str, Document], limit: int) -> Placed:
    """A quote that may stand in any document."""
    placed = _place_verbatim(quote, corpus, limit, what="quote")
    if placed is not None:
        return placed
    found = aligned(quote, corpus.values(), limit=max(limit, 2))
    doubt = lacking(quote, found) or negated_otherwise(quote, found)
    return clear(
        found, quote, "reads like", least=LIKE_QUOTE, lead=QUOTE_LEAD, doubt=doubt, limit=limit
    )


def _place_answer(
    expected: str, corpus: Mapping[str, Document], question: str, limit: int
) -> Placed:
    if len(terms(expected)) >= _TELLING:
        placed = _place_verbatim(expected, corpus, limit, what="expected answer")
        if placed is not None:
            return placed
    found = resembling(expected, corpus.values(), question=question, limit=max(limit, 2))
    # "No" alone says nothing: the question's words would decide.
    least = LIKE_ANSWER if len(terms(expected)) >= _TELLING else math.inf
    # "No: only owners" is said by "Owners alone may", so negations tell nothing here.
    doubt = lacking(expected, found)
    return clear(found, expected, "says", least=least, lead=ANSWER_LEAD, doubt=doubt, limit=limit)


def _place_verbatim(
    quote: str, corpus: Mapping[str, Document], limit: int, *, what: str
) -> Placed | None:
    places = _verbatim(quote, corpus.values())
    if len(places) == 1:
        return taken(places[0], f"The {what} stands once, {at_place(places[0])}.")
    if not places:
        return None
    n_documents = len({place.span.doc_id for place in places})
    shown = f" The first {limit} are shown." if len(places) > limit else ""
    note = f"The {what} {short(quote)} stands {len(places)} times in {n_documents} documents."
    return Placed(span=None, candidates=places[:limit], note=f"{note}{shown} {PICK}")


def _verbatim(quote: str, documents: Iterable[Document]) -> list[Candidate]:
    """Every place of a quote; where one has the exact wording, only those that have."""
    corpus = list(documents)
    holding = [document for document in corpus if quote in document.text]
    if not holding:
        # Forgiving one character at a time is slow; most documents are ruled out at once.
        wanted = _folded(quote)
        holding = [document for document in corpus if wanted in _folded(document.text)]
    return [_exact(doc, *at) for doc in holding for at in locate_quote(doc.text, quote)]


def _folded(text: str) -> str:
    """The text without what `locate_quote` forgives: whatever it finds stands in here, too."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _BETWEEN.sub("", plain)


def _exact(document: Document, start: int, end: int, *, grade: float = 1.0) -> Candidate:
    text = document.text[start:end]
    span = EvidenceSpan(doc_id=document.doc_id, start=start, end=end, grade=grade, quote=text)
    return Candidate(span=span, text=text, match=1.0, how="exact")
