"""A box that scrolls sideways where a table is wider than the panel."""

from __future__ import annotations

from whymiss.pages.markup import Markup, tag


def scrolled(name: str, content: Markup) -> Markup:
    """A box that the keyboard can scroll too; `name` says what is in it.

    >>> print(scrolled("Repairs", Markup("<table></table>")))
    <div class="wide" tabindex="0" role="region" aria-label="Repairs"><table></table></div>
    """
    return tag("div", content, class_="wide", tabindex="0", role="region", aria_label=name)
