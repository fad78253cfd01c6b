"""Ways from page to page of what is too long to be shown at once."""

from __future__ import annotations

from whymiss.pages.markup import Child, Markup, tag


def pager(here: int, n_pages: int, *between: Child, name: str) -> Markup:
    """Buttons to the pages before and behind, which ask for the action "page", and what is between.

    Parameters
    ----------
    here : number of the page that is shown, from 0.
    name : what is turned over, for a screen reader.

    >>> pager(0, 2, "1 of 2", name="Pages").count("aria-disabled")
    1
    """
    return tag(
        "nav",
        _turn("\u25c0 Before", here - 1, enabled=here > 0),
        *between,
        _turn("Next \u25b6", here + 1, enabled=here < n_pages - 1),
        class_="wm-row",
        aria_label=name,
    )


def _turn(said: str, page: int, *, enabled: bool) -> Markup:
    """At the end it stays a button that does nothing: one that is switched off loses the focus."""
    return tag(
        "button",
        said,
        type="button",
        data_do="page",
        data_value=str(page),
        aria_disabled=None if enabled else "true",
    )
