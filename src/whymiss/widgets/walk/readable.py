"""Text of a document as it is read and picked from: one character shown for each there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whymiss.evaluation.labels import EvidenceSpan
from whymiss.pages.highlight import highlighted_text
from whymiss.pages.markup import Markup, tag, visible
from whymiss.text import Interval

_UNSEEN: Final = "\N{REPLACEMENT CHARACTER}"


def readable(
    text: str, *, doc_id: str, start: int, evidence: Sequence[EvidenceSpan] = ()
) -> Markup:
    """A stretch of a document from which words can be picked, its evidence underlined.

    A selection in it is counted in characters, so each stands for one of the document: what cannot
    be seen is shown as one mark.

    Parameters
    ----------
    text : the document's characters from `start` on.

    >>> print(readable("a <b> ten", doc_id="faq", start=6))
    <div class="wm-text mathjax_ignore" data-text-of="faq" data-from="6">a &lt;b&gt; ten</div>
    """
    places = evidence_in(evidence, doc_id, start, start + len(text))
    # Not a <pre>: that would swallow a line break at its beginning.
    return tag(
        "div",
        highlighted_text(
            one_for_one(text), evidence=[(first - start, last - start) for first, last in places]
        ),
        class_="wm-text mathjax_ignore",
        data_text_of=doc_id,
        data_from=str(start),
    )


def one_for_one(text: str) -> str:
    r"""A text of the same length in which everything can be shown as it is.

    >>> one_for_one("a\r\nb\x00c")
    'a \nb�c'
    """
    plain = text.replace("\r\n", " \n").replace("\r", "\n")
    if visible(plain) == plain:
        return plain
    return "".join(c if visible(c) == c else _UNSEEN for c in plain)


def evidence_in(
    evidence: Sequence[EvidenceSpan], doc_id: str, start: int, end: int
) -> list[Interval]:
    """What of the evidence lies within [start, end) of a document."""
    inside = (
        (max(start, span.interval[0]), min(end, span.interval[1]))
        for span in evidence
        if span.pinned and span.doc_id == doc_id
    )
    return [(first, last) for first, last in inside if first < last]
