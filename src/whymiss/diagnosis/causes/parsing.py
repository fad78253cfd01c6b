"""Causes before any chunk is cut: S0 the document is missing, S1 its text was lost in parsing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes.cause import Cause, Look, Patch, fine
from whymiss.diagnosis.edits import ingested
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.records import EVERYONE, Document

PutBack = Callable[[Case, list[EvidenceSpan]], Scene]


def corpus_gap(case: Case) -> Look:
    """S0: the document of the evidence is not stored."""
    return _missing(case, "document", "is not in the store", _with_document)


def parse_loss(case: Case) -> Look:
    """S1: the document is stored, but not the words of the evidence."""
    return _missing(case, "text", "is stored without the words of the evidence", _with_text)


def _missing(case: Case, reason: str, what: str, put_back: PutBack) -> Look:
    missing = [span for span, why in case.run.truth.missing if why == reason]
    if not missing:
        return fine("every labelled document is stored" if reason == "document" else
                    "the labelled words stand in their documents")  # fmt: skip
    names = ", ".join(dict.fromkeys(span.doc_id for span in missing))
    said = f"{names} {what}"
    quoted = [span for span in missing if span.quote]
    patches = (
        (Patch(says="the quoted words put into the store", apply=lambda: put_back(case, quoted)),)
        if quoted
        else ()
    )
    return Look(says=said, deviation=said, definite=True, patches=patches)


def _with_document(case: Case, missing: list[EvidenceSpan]) -> Scene:
    principals = case.scene.question.query.principals or (EVERYONE,)
    texts: dict[str, list[str]] = {}
    for span in missing:
        texts.setdefault(span.doc_id, []).append(span.quote or "")
    documents = [
        Document(
            doc_id=doc_id,
            text="\n\n".join(dict.fromkeys(quotes)),
            allowed=principals,
            metadata=_satisfying(case.scene),
        )
        for doc_id, quotes in texts.items()
    ]
    return ingested(case.scene, documents)


def _with_text(case: Case, missing: list[EvidenceSpan]) -> Scene:
    documents = dict(case.run.truth.documents)
    for span in missing:
        document = documents[span.doc_id]
        if span.quote and span.quote not in document.text:
            text = f"{document.text.rstrip()}\n\n{span.quote}\n"
            documents[span.doc_id] = replace(document, text=text)
    changed = [documents[doc_id] for doc_id in dict.fromkeys(span.doc_id for span in missing)]
    return ingested(case.scene, changed)


def _satisfying(scene: Scene) -> dict[str, object]:
    """Metadata that lets a document through the question's equality clauses."""
    return {
        clause.field: clause.value[0] if clause.op == "in" else clause.value
        for clause in scene.question.query.where
        if clause.op in ("eq", "in", "le", "ge")
    }


CORPUS_GAP = Cause(code="S0", name="CorpusGap", stage="parse", look=corpus_gap)
PARSE_LOSS = Cause(code="S1", name="ParseLoss", stage="parse", look=parse_loss)
