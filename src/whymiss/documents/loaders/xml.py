"""XML: the text between the tags, one line per innermost element."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from whymiss.documents.encoding import decode
from whymiss.documents.loaders.text import notes
from whymiss.documents.parsed import Parsed, clean
from whymiss.errors import RefusedFileError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_TAG = re.compile(r"<[^<>]{1,500}>")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>")


def load(data: bytes, name: str) -> Parsed:
    r"""Text content in document order; the first <title> is the title.

    What is not well-formed is read as tag soup and marked partial.

    Raises
    ------
    RefusedFileError : it defines entities, which could stand for gigabytes.

    >>> load(b"<r><title>Plans</title><p>Solo <b>12</b></p></r>", "plans.xml").text
    'Plans\nSolo 12\n'
    """
    import defusedxml
    from defusedxml.ElementTree import ParseError, fromstring

    decoded = decode(data)
    warnings, problems = notes(decoded)
    # The text is already decoded, so what the declaration says of its encoding no longer holds.
    text = _DECLARATION.sub("", clean(decoded.text), count=1)
    try:
        root = fromstring(text)
    except defusedxml.DefusedXmlException as error:
        outside = getattr(error, "sysid", None)
        if outside is None:
            raise RefusedFileError(f"XML that defines entities is not read: {error}") from error
        problems = (*problems, f"read as tag soup, without the outside file {outside}")
        lines, title = _soup_lines(text), ""
    except (ParseError, ValueError) as error:
        problems = (*problems, f"not well-formed XML, read as tag soup: {error}")
        lines, title = _soup_lines(text), ""
    else:
        lines = list(_lines(root))
        title = next((_inline(e) for e in root.iter() if _local(e) == "title"), "")
    body = "\n".join(lines)
    return Parsed(text=f"{body}\n", title=title, warnings=warnings, problems=problems)


def _lines(root: Element) -> Iterator[str]:
    """One line per element that holds text of its own, its descendants' text included."""
    stack = [root]
    while stack:  # not recursive: the depth is the file's to choose
        element = stack.pop()
        own = [element.text, *(child.tail for child in element)]
        if any(piece and piece.strip() for piece in own):
            line = _inline(element)
            if line:
                yield line
        else:
            stack.extend(reversed(element))


def _inline(element: Element) -> str:
    text = "".join(element.itertext())
    if _MARKUP.search(text):
        # Feeds carry escaped HTML inside elements.
        from bs4 import BeautifulSoup

        text = BeautifulSoup(text, "html.parser").get_text(" ")
    return " ".join(text.split())


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _soup_lines(text: str) -> list[str]:
    from html import unescape

    text = re.sub(r"<!\[CDATA\[|\]\]>", "\n", text)
    lines = (" ".join(line.split()) for line in unescape(_TAG.sub("\n", text)).splitlines())
    return [line for line in lines if line]
