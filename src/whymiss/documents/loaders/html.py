"""HTML as Markdown: headings, lists, tables and code keep their shape; links become their text."""

from __future__ import annotations

import re
import warnings as python_warnings
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PreformattedString

from whymiss.documents.encoding import decode
from whymiss.documents.loaders.html_table import grid
from whymiss.documents.loaders.text import notes
from whymiss.documents.parsed import Parsed, clean
from whymiss.documents.tables import cell_text, fenced, pipe_table

_DEPTH = 120
_CELL_CHARS = 2000
_DROPPED = frozenset(
    {
        *("script", "style", "template", "noscript", "head", "title", "svg", "math", "iframe"),
        *("object", "canvas", "audio", "video", "select"),
    }
)
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details"),
        *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "li", "main"),
        *("menu", "nav", "ol", "p", "pre", "search", "section", "summary", "table", "tbody"),
        *("td", "tfoot", "th", "thead", "tr", "ul"),
    }
)
# HTML lets these end tags be left out: a new one ends the open ones named here.
_ENDS = {
    **dict.fromkeys(("li",), ("li", "p")),
    **dict.fromkeys(("dt", "dd"), ("dt", "dd", "p")),
    **dict.fromkeys(("td", "th"), ("td", "th", "p")),
    **dict.fromkeys(("tr",), ("tr", "td", "th", "p")),
    **dict.fromkeys(("tbody", "tfoot"), ("thead", "tbody", "tr", "td", "th", "p")),
}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SUPERSCRIPT = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_BREAK = "\x1f"  # stands for <br> until white space is collapsed


def load(data: bytes, name: str) -> Parsed:
    r"""The visible text as Markdown.

    With a <main> or <article>, navigation, header and footer around it are left out. Tags nested
    deeper than 120 are flattened to their text and the document is marked partial.

    >>> load(b"<h1>Plans</h1><ul><li>Solo<li>Crew</ul>", "plans.html").text
    '# Plans\n\n- Solo\n- Crew\n'
    """
    decoded = decode(data)
    warnings, problems = notes(decoded)
    with python_warnings.catch_warnings():
        # bs4 suspects file names and XML in its input; both are decided before we come here.
        python_warnings.simplefilter("ignore")
        soup = BeautifulSoup(clean(decoded.text), "html.parser")
    _end_implied(soup)
    page_title = " ".join(soup.title.get_text().split()) if soup.title else ""
    warnings = (*warnings, *_drop_boilerplate(soup))
    renderer = _Renderer()
    text = "\n\n".join(block for block in renderer.blocks(soup) if block.strip())
    if renderer.flattened:
        problems = (*problems, f"tags nested deeper than {_DEPTH} were flattened to their text")
    heading = soup.find("h1")
    title = " ".join(heading.get_text(" ").split()) if heading else ""
    return Parsed(
        text=clean(f"{text}\n" if text else ""),
        syntax="markdown",
        title=title or page_title,
        warnings=warnings,
        problems=problems,
    )


def _end_implied(soup: BeautifulSoup) -> None:
    """Move what html.parser nested into an item, a cell or a row whose end tag was left out."""
    for tag in soup.find_all(list(_ENDS)):
        ended, parent = None, tag.parent
        while parent is not None and parent.name in _ENDS[tag.name]:
            ended, parent = parent, parent.parent
        if ended is not None:
            ended.insert_after(tag.extract())


def _drop_boilerplate(soup: BeautifulSoup) -> Iterator[str]:
    if soup.find(["main", "article"]) is None:
        return
    dropped = []
    for tag in soup.find_all(["nav", "header", "footer"]):
        if tag.decomposed or (tag.name != "nav" and tag.find_parent(["main", "article"])):
            continue
        if not tag.find(["main", "article"]):
            dropped.append(tag.name)
            tag.decompose()
    if dropped:
        yield f"left out around the main part: {', '.join(dropped)}"


def _hidden(tag: Tag) -> bool:
    return (
        tag.name in _DROPPED
        or tag.has_attr("hidden")
        or bool(_HIDDEN_STYLE.search(str(tag.get("style") or "")))
    )


class _Renderer:
    """Walks a tree and remembers whether something lay too deep."""

    def __init__(self) -> None:
        self.flattened = False

    def blocks(self, tag: Tag, depth: int = 0) -> Iterator[str]:
        """The blocks of a container; runs of inline content between them are paragraphs."""
        run: list[str] = []
        for child in tag.children:
            if isinstance(child, Tag) and _hidden(child):
                continue
            if isinstance(child, Tag) and self._is_block(child):
                yield from _paragraph(run)
                run = []
                yield from self._block(child, depth + 1)
            else:
                run.append(self.inline(child, depth + 1))
        yield from _paragraph(run)

    def _is_block(self, tag: Tag) -> bool:
        # An unknown or inline element around blocks (<a><div>…) counts as a container.
        return tag.name in _BLOCKS or tag.find(_BLOCKS) is not None

    def _block(self, tag: Tag, depth: int) -> Iterator[str]:
        if depth > _DEPTH:
            self.flattened = True
            yield " ".join(tag.get_text(" ").split())
        elif re.fullmatch(r"h[1-6]", tag.name):
            words = cell_text(self.inline(tag, depth)).replace("\\|", "|")
            yield f"{'#' * int(tag.name[1])} {words}" if words else ""
        elif tag.name in ("ul", "ol", "menu"):
            yield self._list(tag, depth)
        elif tag.name == "dl":
            yield from self._definitions(tag, depth)
        elif tag.name == "table":
            yield from self._table(tag, depth)
        elif tag.name == "pre":
            yield fenced(tag.get_text().strip("\n"), _language(tag))
        elif tag.name == "blockquote":
            inner = "\n\n".join(self.blocks(tag, depth))
            yield "\n".join(f"> {line}".rstrip() for line in inner.splitlines())
        else:
            yield from self.blocks(tag, depth)

    def inline(self, node: object, depth: int) -> str:
        """Inline content; line breaks are marked, other white space is left for later."""
        if isinstance(node, NavigableString):
            return "" if isinstance(node, PreformattedString) else str(node).replace(_BREAK, " ")
        if not isinstance(node, Tag) or _hidden(node):
            return ""
        if depth > _DEPTH:
            self.flattened = True
            return node.get_text(" ")
        if node.name == "br":
            return _BREAK
        if node.name == "img":
            return str(node.get("alt") or "")
        text = "".join(self.inline(child, depth + 1) for child in node.children)
        if node.name == "sup":
            return text.strip().translate(_SUPERSCRIPT)
        if node.name in ("code", "kbd", "samp", "tt") and text.strip() and "`" not in text:
            return f"`{text.strip()}`"
        # Blocks inside an inline context (a cell, a heading) must not run together.
        return f"{_BREAK}{text}{_BREAK}" if node.name in _BLOCKS else text

    def _list(self, tag: Tag, depth: int) -> str:
        start = str(tag.get("start") or "1")
        number = int(start) if start.isdecimal() and len(start) < 9 else 1
        items: list[str] = []
        for child in tag.find_all(True, recursive=False):
            if _hidden(child):
                continue
            marker = f"{number}. " if tag.name == "ol" else "- "
            # A list straight inside a list belongs to the item before it.
            nested = child.name in ("ul", "ol", "menu") and items
            inner = self._list(child, depth + 1) if nested else self._item(child, depth + 1)
            lines = inner.splitlines()
            if not lines:
                continue
            indent = " " * len(marker)
            first = indent if nested else marker
            items.append(
                "\n".join([first + lines[0], *(f"{indent}{x}".rstrip() for x in lines[1:])])
            )
            number += not nested
        return "\n".join(items)

    def _item(self, tag: Tag, depth: int) -> str:
        blocks = [block for block in self.blocks(tag, depth) if block.strip()]
        text = blocks[0] if blocks else ""
        for block in blocks[1:]:
            # A nested list follows its item directly; other blocks need a blank line.
            text += ("\n" if re.match(r"- |\d+\. ", block) else "\n\n") + block
        return text

    def _definitions(self, tag: Tag, depth: int) -> Iterator[str]:
        terms: list[str] = []
        for child in tag.find_all(["dt", "dd"]):
            if child.find_parent("dl") is not tag or _hidden(child):
                continue
            inner = "\n\n".join(filter(str.strip, self.blocks(child, depth + 1)))
            if child.name == "dt":
                terms.append(f"**{inner}**" if inner else "")
            else:
                yield "\n".join([*filter(None, terms), inner])
                terms = []
        yield "\n".join(filter(None, terms))

    def _table(self, tag: Tag, depth: int) -> Iterator[str]:
        caption = tag.find("caption", recursive=False)
        if caption is not None:
            yield from _paragraph([self.inline(caption, depth)])
        rows = grid(tag, lambda cell: self._cell(cell, depth + 1))
        width = max((len(row) for row in rows), default=0)
        longest = max((len(text) for row in rows for text in row), default=0)
        if width > 1 and len(rows) > 1 and longest <= _CELL_CHARS:
            yield pipe_table(rows)
            return
        # One column, one row or a whole article in a cell: layout, not a table.
        for cell in tag.find_all(["td", "th"]):
            if cell.find_parent("table") is tag:
                yield from self.blocks(cell, depth + 1)

    def _cell(self, cell: Tag, depth: int) -> str:
        parts = [" ".join(part.split()) for part in self.inline(cell, depth).split(_BREAK)]
        text = "; ".join(part for part in parts if part)
        return re.sub(r"([.:;,!?]);", r"\1", text)


def _paragraph(run: list[str]) -> Iterator[str]:
    lines = (" ".join(line.split()) for line in "".join(run).split(_BREAK))
    text = "\n".join(line for line in lines if line)
    if text:
        yield text


def _language(pre: Tag) -> str:
    for tag in (pre, pre.find("code")):
        if isinstance(tag, Tag):
            names = " ".join(str(name) for name in tag.get_attribute_list("class") if name)
            match = re.search(r"\b(?:language|lang|highlight-source)-([\w+#]+)", names)
            if match:
                return match[1]
    return ""
