"""One chunk per operation of an API description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whymiss.chunking.heading import ByHeading
from whymiss.protocols import Tokenizer
from whymiss.records import Document, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApi:
    """Operations are never joined and are divided only when larger than the size.

    Documents that are no API description are chunked by heading.

    >>> from whymiss.testing import RegexTokenizer
    >>> chunker = OpenApi(size=20, tokenizer=RegexTokenizer())
    >>> text = "# API\\n\\nJobs.\\n\\n## GET /jobs\\n\\nAll.\\n\\n## POST /jobs\\n\\nNew."
    >>> document = Document(doc_id="d", text=text, syntax="openapi")
    >>> [text[s.start : s.end] for s in chunker.spans(document)]
    ['# API\\n\\nJobs.', '## GET /jobs\\n\\nAll.', '## POST /jobs\\n\\nNew.']
    """

    size: int
    overlap: int = 0
    tokenizer: Tokenizer
    oversize: Literal["split", "keep"] = "split"

    def spans(self, document: Document) -> list[Span]:
        """Spans of whole operations where they fit."""
        chunker = ByHeading(
            size=self.size,
            overlap=self.overlap,
            tokenizer=self.tokenizer,
            merge=document.syntax != "openapi",
            oversize=self.oversize,
        )
        return chunker.spans(document)
