"""Every cause, in the order of the walk and in the order in which proofs are believed."""

from __future__ import annotations

from typing import Final

from whymiss.diagnosis.causes.answering import (
    ABSTAINED,
    CONTEXT_IGNORED,
    INCOMPLETE,
    NOT_REPRODUCIBLE,
    UNSUPPORTED,
    WRONG_CITATION,
)
from whymiss.diagnosis.causes.cause import Cause, Look, Patch
from whymiss.diagnosis.causes.chunking import BOUNDARY, TEXT_DROPPED, TOO_LARGE, TOO_SMALL
from whymiss.diagnosis.causes.embedding import CONFUSABLE, HUB, TRUNCATED, WRONG_VECTORS
from whymiss.diagnosis.causes.filtering import LEAKED, STARVED, WRONGLY_EXCLUDED
from whymiss.diagnosis.causes.packing import DISTRACTORS, OVER_BUDGET, POSITION, SPREAD
from whymiss.diagnosis.causes.parsing import CORPUS_GAP, PARSE_LOSS
from whymiss.diagnosis.causes.question import LABEL_INCOMPLETE, UNANSWERABLE, VOCABULARY_GAP
from whymiss.diagnosis.causes.retrieving import (
    BLIND,
    CUT_OFF,
    FUSION_DEMOTES,
    RERANKER_DEMOTES,
    SHALLOW,
)
from whymiss.diagnosis.causes.rows import APPROXIMATE_MISS, CROWDING_ROWS, MISSING_ROWS, STALE_ROWS

CAUSES: Final = (
    UNANSWERABLE, LABEL_INCOMPLETE, CORPUS_GAP, PARSE_LOSS,
    TEXT_DROPPED, BOUNDARY, TOO_LARGE, TOO_SMALL,
    TRUNCATED, WRONG_VECTORS, CONFUSABLE, HUB,
    STALE_ROWS, CROWDING_ROWS, MISSING_ROWS, APPROXIMATE_MISS,
    WRONGLY_EXCLUDED, STARVED, LEAKED,
    SHALLOW, BLIND, VOCABULARY_GAP, FUSION_DEMOTES, RERANKER_DEMOTES, CUT_OFF,
    OVER_BUDGET, SPREAD, POSITION, DISTRACTORS,
    CONTEXT_IGNORED, UNSUPPORTED, WRONG_CITATION, INCOMPLETE, ABSTAINED, NOT_REPRODUCIBLE,
)  # fmt: skip
"""From the question to the answer, as the stages stand."""

BELIEVED: Final = (
    UNANSWERABLE, LABEL_INCOMPLETE, CORPUS_GAP, PARSE_LOSS,
    MISSING_ROWS, STALE_ROWS, TEXT_DROPPED,
    WRONGLY_EXCLUDED, STARVED, LEAKED,
    APPROXIMATE_MISS, WRONG_VECTORS, TRUNCATED, SHALLOW, CROWDING_ROWS,
    OVER_BUDGET, CUT_OFF,
    BOUNDARY, TOO_SMALL, CONFUSABLE, TOO_LARGE,
    FUSION_DEMOTES, BLIND, HUB, RERANKER_DEMOTES,
    SPREAD, VOCABULARY_GAP,
    WRONG_CITATION, UNSUPPORTED, POSITION, ABSTAINED, CONTEXT_IGNORED, DISTRACTORS, INCOMPLETE,
    NOT_REPRODUCIBLE,
)  # fmt: skip
"""Of several causes whose patch helps, the first here is named first: what is broken in itself
before what is a matter of degree; rows before filters before models before orderings (a later stage
must work on what it is given), and of equals the one that is cheaper to put right."""

RIVALS: Final = (
    BOUNDARY, TOO_SMALL, CONFUSABLE, TOO_LARGE, FUSION_DEMOTES, BLIND, HUB, RERANKER_DEMOTES,
)  # fmt: skip
"""Causes that all show as a low rank: of these one whose patch brings the evidence to the very
front is believed before one whose patch only brings it within k."""

BEFORE_SEARCH: Final = {
    "parse": (UNANSWERABLE, LABEL_INCOMPLETE, CORPUS_GAP, PARSE_LOSS),
    "index": (UNANSWERABLE, LABEL_INCOMPLETE, TEXT_DROPPED, STALE_ROWS, MISSING_ROWS),
    "filter": (UNANSWERABLE, LABEL_INCOMPLETE, WRONGLY_EXCLUDED),
}
"""What can have lost evidence that never came to be searched, by the stage that lost it: a patch of
any later stage would only hide that."""

STANDING: Final = (LEAKED, NOT_REPRODUCIBLE, STALE_ROWS, STARVED, APPROXIMATE_MISS)
"""What is seen of the index and the request wherever the evidence was lost."""

ANSWERING: Final = (
    POSITION, DISTRACTORS, CONTEXT_IGNORED, UNSUPPORTED, WRONG_CITATION, INCOMPLETE, ABSTAINED,
)  # fmt: skip
"""Causes that are tried once the evidence was delivered, and only then."""

__all__ = [
    "ANSWERING",
    "BEFORE_SEARCH",
    "BELIEVED",
    "CAUSES",
    "RIVALS",
    "STANDING",
    "Cause",
    "Look",
    "Patch",
]
