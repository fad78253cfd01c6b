"""The structure of a text: one parser per syntax, one `Outline` out of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from whymiss.chunking.remember import remembered
from whymiss.chunking.structure import asciidoc, code, markdown, plain, rst
from whymiss.chunking.structure.parts import Block, BlockKind, Heading, Outline, Section
from whymiss.errors import ChunkingError
from whymiss.records import Syntax

__all__ = ["Block", "BlockKind", "Heading", "Outline", "Section", "outline"]

# Front doors of the parsers; an OpenAPI document arrives as Markdown with "## METHOD /path".
_PARSERS: Final[Mapping[str, Callable[[str], Outline]]] = {
    "markdown": markdown.outline,
    "openapi": markdown.outline,
    "rst": rst.outline,
    "asciidoc": asciidoc.outline,
    "code": code.outline,
    "plain": plain.outline,
}


@remembered
def outline(text: str, syntax: Syntax) -> Outline:
    """Sections and blocks of a text, with exact offsets, in time linear in its length.

    Nothing is an error of the text: what a parser does not understand is a paragraph.

    Raises
    ------
    ChunkingError : there is no parser for this syntax.

    Examples
    --------
    >>> found = outline("# Plans\\n\\n## Annual {plan=annual}\\n\\nPaid once.", "markdown")
    >>> [section.path for section in found.sections]
    [('Plans',), ('Plans', 'Annual')]
    >>> dict(found.sections[1].attributes)
    {'plan': 'annual'}
    """
    parser = _PARSERS.get(syntax)
    if parser is None:
        raise ChunkingError(
            f"outline knows the syntaxes {', '.join(_PARSERS)}; got {syntax!r}. "
            "Give the document one of them, 'plain' if none fits."
        )
    return parser(text)
