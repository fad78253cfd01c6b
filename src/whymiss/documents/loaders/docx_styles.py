"""What the styles and lists of a Word document mean: heading levels, titles, list markers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from whymiss.documents.loaders.docx_package import attribute, child, local

_BODY_LEVEL = 9
_MAX_INDENT = 8


@dataclass(frozen=True, slots=True)
class Style:
    """`level` is the heading level, 0 for body text; the list is named as numbering has it."""

    level: int = 0
    is_title: bool = False
    list_id: str = ""
    list_level: int = 0


class Styles:
    """Paragraph styles with what they inherit."""

    def __init__(self, root: Element | None) -> None:
        self._elements = {
            attribute(style, "styleId"): style
            for style in (root if root is not None else ())
            if local(style) == "style"
        }

    def of(self, properties: Element | None) -> Style:
        """The style of a paragraph; its own settings win over those of the named style."""
        chain = [properties, *self._chain(attribute(child(properties, "pStyle"), "val"))]
        level = next((lvl for e in chain if (lvl := self._level(e)) is not None), 0)
        names = [attribute(child(e, "name"), "val").lower() for e in chain[1:] if e is not None]
        list_id, list_level = self._list(chain)
        is_title = "title" in names
        return Style(1 if is_title else level, is_title, list_id, list_level)

    def _chain(self, style_id: str) -> list[Element | None]:
        chain: list[Element | None] = []
        while style_id in self._elements and len(chain) < 20:  # a circle ends, too
            chain.append(self._elements[style_id])
            style_id = attribute(child(chain[-1], "basedOn"), "val")
        if not chain and style_id:
            # Some writers leave out the definition and rely on the name alone.
            stub = Element("style")
            stub.append(Element("name", {"val": re.sub(r"(?<=\D)(?=\d)", " ", style_id)}))
            chain.append(stub)
        return chain

    @staticmethod
    def _level(element: Element | None) -> int | None:
        # w:name is English in every language of Word; the id is what is translated.
        named = re.fullmatch(r"heading ([1-9])", attribute(child(element, "name"), "val").lower())
        if named:
            return int(named[1])
        inner = child(element, "pPr") if local_is(element, "style") else element
        outline = attribute(child(inner, "outlineLvl"), "val")
        if not outline.isdecimal():
            return None
        return int(outline) + 1 if int(outline) < _BODY_LEVEL else 0

    @staticmethod
    def _list(chain: list[Element | None]) -> tuple[str, int]:
        for element in chain:
            inner = child(element, "pPr") if local_is(element, "style") else element
            numbering = child(inner, "numPr")
            if numbering is not None:
                level = attribute(child(numbering, "ilvl"), "val")
                found = attribute(child(numbering, "numId"), "val")
                return found, int(level) if level.isdecimal() else 0
        return "", 0


class Numbering:
    """List markers, counted as the document goes on."""

    def __init__(self, root: Element | None) -> None:
        items = list(root) if root is not None else []
        self._abstract = {
            attribute(e, "abstractNumId"): e for e in items if local(e) == "abstractNum"
        }
        self._of = {
            attribute(e, "numId"): attribute(child(e, "abstractNumId"), "val")
            for e in items
            if local(e) == "num"
        }
        self._counts: dict[str, list[int]] = {}

    def marker(self, properties: Element | None, style: Style) -> str:
        """Indent and marker of a list item, as "- " or "2. "; empty outside lists."""
        list_id = style.list_id
        if list_id in ("", "0") or style.level:
            return ""
        level = min(style.list_level, _MAX_INDENT)
        counts = self._counts.setdefault(list_id, [0] * (_MAX_INDENT + 1))
        counts[level] += 1
        counts[level + 1 :] = [0] * (_MAX_INDENT - level)
        indent = "   " * level
        return f"{indent}- " if self._is_bullet(list_id, level) else f"{indent}{counts[level]}. "

    def _is_bullet(self, list_id: str, level: int) -> bool:
        abstract = self._abstract.get(self._of.get(list_id, ""))
        for item in abstract if abstract is not None else ():
            if local(item) == "lvl" and attribute(item, "ilvl") == str(level):
                return attribute(child(item, "numFmt"), "val") in ("bullet", "none", "")
        return True


def local_is(element: Element | None, tag: str) -> bool:
    """Whether an element is there and has this local tag."""
    return element is not None and local(element) == tag
