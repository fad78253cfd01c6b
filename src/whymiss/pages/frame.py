"""The frame of a page: one HTML file that runs nothing and fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from whymiss.pages.markup import Markup, tag
from whymiss.pages.style import STYLE

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser is told besides: load nothing, run nothing."""


def page(title: str, header: Markup, sections: Mapping[str, tuple[str, Markup]]) -> str:
    """A whole page: a header, links to the sections, the sections.

    Parameters
    ----------
    sections : anchor to (heading, content), in order.

    >>> page("A <page>", tag("header"), {}).count("<page>")
    0
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        # Ours alone: nothing of a corpus stands in the style sheet.
        tag("style", Markup(STYLE)),
    )
    links = (tag("li", tag("a", name, href=f"#{at}")) for at, (name, _) in sections.items())
    body = tag(
        "body",
        header,
        tag("nav", tag("ul", *links), aria_label="Sections"),
        tag("main", *(_section(at, *section) for at, section in sections.items())),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _section(anchor: str, name: str, content: Markup) -> Markup:
    title = tag("h2", name, id=f"{anchor}-title")
    return tag("section", title, content, id=anchor, aria_labelledby=f"{anchor}-title")
