"""Precision omega: how precise a chunking could be at best, in characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.measures.characters import best_of, by_document
from whymiss.records import Score
from whymiss.text import Interval, covered_length, merge_spans


def precision_omega(chunks: Mapping[str, Sequence[Interval]], question: Question) -> Score:
    """Precision if exactly the chunks that touch the evidence were retrieved.

    Of Chroma's report (see `characters`): over the chunks that touch a required span, required
    characters in them, divided by the union of these chunks and of what they miss. As in the
    report's code, whose published figures this gives, a chunk that ends where a span begins, or
    begins where it ends, touches it. It depends on the chunking alone. Of several alternatives the
    best value counts.

    Parameters
    ----------
    chunks : the spans of all chunks of the index, by document.

    Returns
    -------
    Score
        Undefined where no span is judged; 0 where no chunk touches the evidence.

    Examples
    --------
    10 required characters in two chunks of 20 together; the third does not touch them.

    >>> from whymiss.records import Query
    >>> span = EvidenceSpan(doc_id="a", start=5, end=15)
    >>> question = Question(query=Query(query_id="q", text="Refund?"), evidence=((span,),))
    >>> precision_omega({"a": [(0, 10), (10, 20), (20, 30)]}, question).value
    0.5
    """

    def value(spans: Sequence[EvidenceSpan]) -> float:
        hit = union = 0
        for doc_id, wanted in by_document(spans).items():
            touching = [
                chunk
                for chunk in chunks.get(doc_id, ())
                if any(chunk[0] <= end and start <= chunk[1] for start, end in wanted)
            ]
            hit += covered_length(wanted, touching)
            union += sum(end - start for start, end in merge_spans([*touching, *wanted]))
        return hit / union

    return best_of("precision_omega", question, value)
