"""Word documents as Markdown: headings, lists, tables, notes and text boxes; no deleted text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from whymiss.documents.loaders.docx_package import Package, attribute, child, local
from whymiss.documents.loaders.docx_styles import Numbering, Styles
from whymiss.documents.parsed import Parsed, clean
from whymiss.documents.tables import pipe_table

# Deleted or moved away, a second drawing of the same text box, or instructions to Word.
_SKIPPED = frozenset(
    {"del", "moveFrom", "Fallback", "instrText", "delText", "delInstrText", "pPr", "rPr", "rt"}
)
_CONTAINERS = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "body"})
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}


def load(data: bytes, name: str) -> Parsed:
    """Body text as Markdown, foot- and endnotes at its end. Headers and comments are left out.

    Raises
    ------
    RefusedFileError : the archive is a bomb or its XML defines entities.
    DocumentError : the archive or its main part is damaged.
    """
    package = Package(data)
    reader = _Reader(package)
    blocks = list(reader.blocks(package.main_body()))
    blocks += _notes(package, reader)
    title = reader.title or package.core_title()
    heading = next((b.lstrip("# ") for b, kind in blocks if kind == "heading"), "")
    warnings = (f"{reader.pictures} pictures are not read",) if reader.pictures else ()
    return Parsed(
        text=clean(_joined(blocks)),
        syntax="markdown",
        title=title or heading,
        warnings=warnings,
    )


Block = tuple[str, str]  # Markdown, and one of "heading", "item", "paragraph", "table"


class _Reader:
    def __init__(self, package: Package) -> None:
        self._styles = Styles(package.part("word/styles.xml"))
        self._numbering = Numbering(package.part("word/numbering.xml"))
        self.title = ""
        self.pictures = 0

    def blocks(self, parent: Element) -> Iterator[Block]:
        """Paragraphs and tables of a body, a cell or a note, in order."""
        for element in parent:
            tag = local(element)
            if tag == "p":
                yield from self._paragraph(element)
            elif tag == "tbl":
                yield from self._table(element)
            elif tag in _CONTAINERS:
                yield from self.blocks(element)

    def _paragraph(self, element: Element) -> Iterator[Block]:
        boxes: list[Element] = []
        text = self._runs(element, boxes).strip()
        properties = child(element, "pPr")
        style = self._styles.of(properties)
        if text and style.is_title and not self.title:
            self.title = " ".join(text.split())
        numbered = self._numbering.marker(properties, style) if text else ""
        if text and style.level:
            yield f"{'#' * min(style.level, 6)} {' '.join(text.split())}", "heading"
        elif text and numbered:
            indent = " " * len(numbered)
            yield numbered + text.replace("\n", f"\n{indent}"), "item"
        elif text:
            yield text, "paragraph"
        for box in boxes:
            yield from self.blocks(box)

    def _runs(self, element: Element, boxes: list[Element]) -> str:
        pieces: list[str] = []
        for part in element:
            tag = local(part)
            if tag in _SKIPPED:
                continue
            if tag == "t":
                pieces.append(part.text or "")
            elif tag in _SIGNS:
                pieces.append(_SIGNS[tag])
            elif tag in ("footnoteReference", "endnoteReference"):
                pieces.append(f"[^{tag[0]}{attribute(part, 'id')}]")
            elif tag == "txbxContent":
                boxes.append(part)
            else:
                self.pictures += tag in ("blip", "imagedata")
                pieces.append(self._runs(part, boxes))
        return "".join(pieces)

    def _table(self, table: Element) -> Iterator[Block]:
        rows: list[list[str]] = []
        for tr in _inside(table, "tr"):
            properties = child(tr, "trPr")
            if properties is None or child(properties, "del") is None:
                rows.append(self._row(tr, rows[-1] if rows else []))
        if max((len(row) for row in rows), default=0) > 1:
            yield pipe_table(rows), "table"
            return
        # A table of one column is a frame around text.
        for tr in _inside(table, "tr"):
            for tc in _inside(tr, "tc"):
                yield from self.blocks(tc)

    def _row(self, tr: Element, above: list[str]) -> list[str]:
        row: list[str] = []
        cells = list(_inside(tr, "tc"))
        for tc in cells:
            properties = child(tc, "tcPr")
            span = child(properties, "gridSpan")
            merge = child(properties, "vMerge")
            width = attribute(span, "val")
            text = self._cell(tc)
            if merge is not None and attribute(merge, "val") != "restart" and len(row) < len(above):
                text = above[len(row)]  # goes on from the row above; each row reads by itself
            n_columns = max(1, min(int(width), 100)) if width.isdecimal() else 1
            row += [text, *([text if len(cells) > 1 else ""] * (n_columns - 1))]
        return row

    def _cell(self, tc: Element) -> str:
        texts = []
        for markdown, kind in self.blocks(tc):
            if kind == "table":
                lines = [x for x in markdown.splitlines() if not re.fullmatch(r"[|\s-]+", x)]
                markdown = "; ".join(x.strip("| ").replace(" | ", ", ") for x in lines)
            elif kind == "heading":
                markdown = markdown.lstrip("# ")
            texts.append(markdown.replace("\\|", "|"))
        return "; ".join(texts)


def _inside(parent: Element, wanted: str) -> Iterator[Element]:
    """Rows of a table or cells of a row, also those in content controls and insertions."""
    for element in parent:
        if local(element) == wanted:
            yield element
        elif local(element) in _CONTAINERS:
            yield from _inside(element, wanted)


def _notes(package: Package, reader: _Reader) -> Iterator[Block]:
    for part, letter in (("word/footnotes.xml", "f"), ("word/endnotes.xml", "e")):
        root = package.part(part)
        for note in root if root is not None else ():
            # Word keeps its separator lines as notes of a special type.
            if attribute(note, "type") in ("", "normal"):
                text = " ".join(" ".join(markdown.split()) for markdown, _ in reader.blocks(note))
                if text:
                    yield f"[^{letter}{attribute(note, 'id')}]: {text}", "paragraph"


def _joined(blocks: list[Block]) -> str:
    pieces: list[str] = []
    previous = ""
    for markdown, kind in blocks:
        if pieces:
            pieces.append("\n" if kind == previous == "item" else "\n\n")
        pieces.append(markdown)
        previous = kind
    return "".join([*pieces, "\n"]) if pieces else ""
