"""What the chunk browser shows, as plain data: a document, a chunking, a place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from whymiss.config import PipelineConfig
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.text import Interval
from whymiss.widgets.base.written import config_code

PAGE_CHARACTERS: Final = 12_000
"""Most characters of a page: some thousand words, which a browser draws anew in no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksState:
    """Everything that decides what the chunk browser shows.

    doc_id : of the document; empty before one is chosen.
    contains : words by which documents are looked for in the list.
    config : its chunking and encoder decide the borders; the rest goes along to other panels.
    at : a character of the document; the page that holds it is shown.
    marked : spans that a person has marked as evidence, of any document.

    Examples
    --------
    >>> state = ChunksState(doc_id="faq", config=PipelineConfig().replace(chunking__size=64))
    >>> print(state.to_code("store", [(0, 22)]))
    import whymiss
    from whymiss.config import PipelineConfig
    from whymiss.evaluation import EvidenceSpan
    from whymiss.evaluation.boundaries import boundaries_frame
    <BLANKLINE>
    config = PipelineConfig().replace({'chunking.size': 64})
    wb = whymiss.open('store', config=config)
    evidence = [EvidenceSpan(doc_id='faq', start=start, end=end) for start, end in [(0, 22)]]
    boundaries = boundaries_frame(
        wb.document('faq'),
        wb.live.chunks_of('faq', config),
        evidence=evidence,
        tokenizer=wb.encoder(config).tokenizer,
    )
    """

    doc_id: str = ""
    contains: str = ""
    config: PipelineConfig = field(default_factory=PipelineConfig)
    at: int = 0
    marked: tuple[EvidenceSpan, ...] = ()

    def to_code(self, store: str, evidence: Sequence[Interval]) -> str:
        """Lines of Python that make the same table of borders.

        Parameters
        ----------
        evidence : the spans of the document that are underlined.
        """
        doc_id = repr(self.doc_id)
        return "\n".join(
            [
                "import whymiss",
                "from whymiss.config import PipelineConfig",
                "from whymiss.evaluation import EvidenceSpan",
                "from whymiss.evaluation.boundaries import boundaries_frame",
                "",
                f"config = {config_code(self.config)}",
                f"wb = whymiss.open({store!r}, config=config)",
                f"evidence = [EvidenceSpan(doc_id={doc_id}, start=start, end=end) "
                f"for start, end in {[*evidence]!r}]",
                "boundaries = boundaries_frame(",
                f"    wb.document({doc_id}),",
                f"    wb.live.chunks_of({doc_id}, config),",
                "    evidence=evidence,",
                "    tokenizer=wb.encoder(config).tokenizer,",
                ")",
            ]
        )


def span_code(span: EvidenceSpan) -> str:
    """A span as Python, with the quote that tells when its document has changed.

    >>> span_code(EvidenceSpan(doc_id="faq", start=0, end=7, quote="Refunds"))
    "EvidenceSpan(doc_id='faq', start=0, end=7, quote='Refunds')"
    """
    start, end = span.interval
    quote = f", quote={span.quote!r}" if span.quote is not None else ""
    return f"EvidenceSpan(doc_id={span.doc_id!r}, start={start}, end={end}{quote})"


def pages_of(text: str, most: int = PAGE_CHARACTERS) -> list[Interval]:
    """A text in pages that do not move when its chunks do; there is always one.

    A page ends behind a line break where its second half has one.

    >>> pages_of("one\\ntwo\\nthree", 9), pages_of("")
    ([(0, 8), (8, 13)], [(0, 0)])
    """
    edges = [0]
    while len(text) - edges[-1] > most:
        start = edges[-1]
        line_end = text.rfind("\n", start + most // 2, start + most)
        edges.append(line_end + 1 if line_end >= 0 else start + most)
    return list(pairwise([*edges, len(text)]))


def page_at(pages: Sequence[Interval], at: int) -> int:
    """The number, from 0, of the page that holds a character; the last behind the text.

    >>> page_at([(0, 8), (8, 13)], 8), page_at([(0, 8), (8, 13)], 99)
    (1, 1)
    """
    return next((n for n, (_, end) in enumerate(pages) if at < end), len(pages) - 1)
