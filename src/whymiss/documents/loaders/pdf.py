"""PDF: text page by page, with headings told by their size and tables by their gaps."""

from __future__ import annotations

import io
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import PyPdfError

from whymiss.documents.loaders.pdf_layout import page_blocks
from whymiss.documents.loaders.pdf_page import Page, Piece, running_lines
from whymiss.documents.parsed import Parsed, clean, first_heading
from whymiss.errors import DocumentError, RefusedFileError

# What pypdf raises on broken files beyond its own errors; anything else ends the child.
_BROKEN = (
    PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError,
    NotImplementedError, OverflowError, ZeroDivisionError, OSError, RecursionError, LookupError,
)  # fmt: skip
_CPU_SHARE = 0.7


def load(data: bytes, name: str) -> Parsed:
    """Text of all pages as Markdown; the page count is metadata.

    Pages that fail, hold only pictures or no longer fit into the processor time make the document
    partial and are named.

    Raises
    ------
    RefusedFileError : it needs a password.
    DocumentError : it is damaged or has no text layer at all.
    """
    log = _Log()
    logger = logging.getLogger("pypdf")
    logger.handlers, logger.propagate = [log], False
    reader, warnings = _opened(data)
    pages, problems = _pages(reader)
    texts = [page for page in pages if page is not None]
    if not any(page.lines for page in texts):
        count = len(pages)
        reason = problems[0] if problems and not texts else f"{count} pages hold only images"
        raise DocumentError(f"no text layer: {reason}")
    running = running_lines(texts)
    if running:
        warnings.append(f"left out running headers and footers: {'; '.join(sorted(running)[:4])}")
    sizes = Counter[float]()
    for page in texts:
        sizes.update(page.sizes)
    blocks = [block for page in texts for block in page_blocks(page, sizes, running)]
    text = clean("\n\n".join(blocks) + "\n")
    return Parsed(
        text=text,
        syntax="markdown",
        title=_title(reader) or first_heading(text),
        metadata={"pages": len(pages)},
        warnings=(*warnings, *log.messages()),
        problems=tuple(problems),
    )


def _opened(data: bytes) -> tuple[PdfReader, list[str]]:
    try:
        reader = PdfReader(io.BytesIO(data))
        if not reader.is_encrypted:
            return reader, []
        if reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise RefusedFileError("needs a password")
    except _BROKEN as error:
        raise DocumentError(f"damaged PDF: {_said(error)}") from error
    return reader, ["encrypted with the empty password"]


def _pages(reader: PdfReader) -> tuple[list[Page | None], list[str]]:
    """Every page, None where it failed, and what is missing."""
    pages: list[Page | None] = []
    failed: list[str] = []
    try:
        count = len(reader.pages)
    except _BROKEN as error:
        raise DocumentError(f"damaged PDF: {_said(error)}") from error
    deadline = _cpu_deadline()
    empty: list[int] = []
    for number in range(1, count + 1):
        if time.process_time() > deadline:
            failed.append(f"pages {number} to {count} no longer fitted into the processor time")
            pages += [None] * (count - number + 1)
            break
        try:
            page = _page(reader, number)
        except _BROKEN as error:
            failed.append(f"page {number} failed: {_said(error)}")
            pages.append(None)
            continue
        pages.append(page)
        if not page.lines and page.has_images:
            empty.append(number)
    if empty:
        failed.append(f"no text on pages with images: {', '.join(map(str, empty[:20]))}")
    return pages, failed


def _page(reader: PdfReader, number: int) -> Page:
    raw = reader.pages[number - 1]
    pieces: list[Piece] = []

    def visit(text: str, cm: Any, tm: Any, font: Any, size: Any) -> None:
        if text.strip():
            scale = abs(tm[3] * cm[3]) or abs(tm[1] * cm[1]) or abs(tm[0] * cm[0])
            pieces.append(
                Piece(
                    x=float(tm[4] * cm[0] + tm[5] * cm[2] + cm[4]),
                    y=float(tm[4] * cm[1] + tm[5] * cm[3] + cm[5]),
                    size=round(float(size or 0) * scale, 1),
                    is_turned=abs(tm[0] * cm[0] + tm[1] * cm[2]) < 0.01,
                    text=text,
                )
            )

    plain = raw.extract_text(visitor_text=visit)
    layout = raw.extract_text(extraction_mode="layout", layout_mode_strip_rotated=False)
    resources = raw.get("/Resources")
    has_images = bool(resources and "/XObject" in resources.get_object())
    return Page(plain=plain, layout=layout, pieces=tuple(pieces), has_images=has_images)


def _cpu_deadline() -> float:
    """When to stop reading pages, so that what was read is not lost to the limit."""
    try:
        import resource
    except ModuleNotFoundError:
        return float("inf")
    soft, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return float("inf") if soft == resource.RLIM_INFINITY else soft * _CPU_SHARE


def _title(reader: PdfReader) -> str:
    try:
        title = str((reader.metadata.title if reader.metadata else "") or "")
    except _BROKEN:
        return ""  # a broken title is no loss: the heading or the file name stands in for it
    title = " ".join(title.split())
    # Word processors leave the name of their own file here.
    is_name = title.lower().endswith((".doc", ".docx", ".indd", ".tex", ".dvi", ".pdf", ".qxd"))
    return "" if is_name or title.lower() in ("untitled", "(anonymous)") else title


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


@dataclass
class _Log(logging.Handler):
    """Keeps what pypdf complains about, each complaint once."""

    seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(logging.WARNING)

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one message."""
        # pypdf prints whole dictionaries and object numbers, which differ page by page.
        message = re.sub(r"\{.*|\d+", "…", " ".join(record.getMessage().split()))[:200]
        self.seen[message] = self.seen.get(message, 0) + 1

    def messages(self) -> Iterator[str]:
        """The first five complaints and how many more there were."""
        for message, count in list(self.seen.items())[:5]:
            yield f"pypdf: {message}" + (f" ({count} times)" if count > 1 else "")
        if len(self.seen) > 5:
            yield f"pypdf: {len(self.seen) - 5} more complaints"
