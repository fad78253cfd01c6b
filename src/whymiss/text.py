"""Spans of text, quotes found again in it, words of it, and the one way to show it: pure functions.

A span is a half-open range of characters [start, end), as everywhere in whymiss.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from whymiss.errors import InvalidRecordError

Interval = tuple[int, int]

_ELLIPSIS: Final = "…"
_BETWEEN_PIECES: Final = f" {_ELLIPSIS} "
_LEAST_PIECE: Final = 20
"""Characters below which a piece of an excerpt tells a reader nothing."""


def merge_spans(spans: Iterable[Interval]) -> list[Interval]:
    """The same characters as few, ascending spans; overlapping and touching ones become one.

    Empty spans cover nothing and are left out.

    Raises
    ------
    InvalidRecordError : a span ends before it starts.

    >>> merge_spans([(5, 8), (0, 3), (3, 4), (7, 9), (2, 2)])
    [(0, 4), (5, 9)]
    """
    merged: list[Interval] = []
    for start, end in sorted(spans):
        if end < start:
            raise InvalidRecordError(f"A span must not end before it starts; got [{start}, {end}).")
        if end == start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def intersection_length(one: Interval, other: Interval) -> int:
    """How many characters two spans share.

    >>> intersection_length((0, 5), (3, 9)), intersection_length((0, 3), (3, 9))
    (2, 0)
    """
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def covered_length(required: Iterable[Interval], delivered: Iterable[Interval]) -> int:
    """How many characters of the required spans lie in the delivered ones, each counted once.

    >>> covered_length([(0, 10)], [(2, 5), (4, 6), (9, 20)])
    5
    """
    wanted, given = merge_spans(required), merge_spans(delivered)
    total = i = j = 0
    while i < len(wanted) and j < len(given):
        total += intersection_length(wanted[i], given[j])
        # Whichever ends first can meet nothing further on.
        if wanted[i][1] <= given[j][1]:
            i += 1
        else:
            j += 1
    return total


def coverage(required: Iterable[Interval], delivered: Iterable[Interval]) -> float:
    """Share of the required characters that the delivered spans hold, from 0 to 1.

    Overlaps and repeats add nothing the second time, on either side.

    Raises
    ------
    InvalidRecordError : nothing is required, so that no share of it exists.

    >>> coverage([(0, 10)], [(0, 5), (3, 8)])
    0.8
    """
    wanted = merge_spans(required)
    if not wanted:
        raise InvalidRecordError(
            "coverage needs at least one required character; got none. "
            "Leave questions without labels out before measuring."
        )
    return covered_length(wanted, delivered) / sum(end - start for start, end in wanted)


def counted(n: int, one: str, several: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "chunk has", "chunks have"), counted(3, "chunk")
    ('1 chunk has', '3 chunks')
    """
    return f"{n} {one if n == 1 else several or one + 's'}"


def normalise_whitespace(text: str) -> str:
    """One space where white space was, none at the ends.

    >>> normalise_whitespace(" ten\\n  business\\u00a0days ")
    'ten business days'
    """
    return " ".join(text.split())


_SINGLE_QUOTES: Final = "‘’‚‛′`´ʼ＇"
_DOUBLE_QUOTES: Final = "“”„‟″«»＂"
_DASHES: Final = "‐‑‒–—―−﹘﹣－"
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_TYPOGRAPHY: Final = str.maketrans(
    dict.fromkeys(_SINGLE_QUOTES, "'")
    | dict.fromkeys(_DOUBLE_QUOTES, '"')
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_INVISIBLE, None)
)


def locate_quote(text: str, quote: str) -> list[Interval]:
    """Where a quote stands in a text: every place, as offsets of the text as it is.

    The exact wording wins. Only where it does not occur, white space (any amount, line breaks
    too), the typography of quotation marks and dashes, ligatures, accents written in one or two
    characters, invisible characters and case are forgiven. Nothing else is: a changed word or
    number is not found. The search is linear in the text.

    Parameters
    ----------
    text : the whole source text.
    quote : a passage copied from it, by hand or by a program; only white space finds nothing.

    Returns
    -------
    list of (start, end)
        Ascending, not overlapping; empty when the quote is not there.

    Examples
    --------
    >>> locate_quote("It “never”\\nexpires.", '"NEVER" expires')
    [(3, 18)]
    >>> locate_quote("ten days, ten days", "ten days")
    [(0, 8), (10, 18)]
    """
    if not quote.strip():
        return []
    exact = [(at, at + len(quote)) for at in _occurrences(text, quote)]
    if exact:
        return exact
    folded, origins = _fold(text)
    wanted = _fold(quote)[0].strip()
    if not wanted:
        return []
    return [
        (origins[at], origins[at + len(wanted) - 1] + 1)
        for at in _occurrences(folded, wanted)
        if _is_between_characters(folded, origins, at)
        and _is_between_characters(folded, origins, at + len(wanted))
    ]


def _occurrences(text: str, wanted: str) -> Iterable[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))


def _fold(text: str) -> tuple[str, list[int]]:
    """The text with its forgivable differences removed, and where each character came from."""
    folded: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        if character.isspace():
            piece = "" if folded and folded[-1] == " " else " "
        elif character.isascii():
            piece = character.lower().translate(_TYPOGRAPHY)
        else:
            # Typography first: NFKD takes some quotation marks apart into a space and an accent.
            plain = character.translate(_TYPOGRAPHY)
            piece = unicodedata.normalize("NFKD", plain).casefold()
        for part in piece:
            folded.append(part)
            origins.append(index)
    return "".join(folded), origins


def _is_between_characters(folded: str, origins: Sequence[int], at: int) -> bool:
    """Whether a match may begin or end here: not inside a ligature, not before an accent."""
    if at in (0, len(folded)):
        return True
    return origins[at] != origins[at - 1] and not unicodedata.combining(folded[at])


def esc(text: str, quote: bool = False) -> str:
    """Text made harmless for HTML: the only way in which text of a corpus may reach a page.

    `& < >` become entities, and `$` too, so that what looks for formulas in the source (Markdown,
    plotly) finds none. JupyterLab's MathJax looks again in the finished page, where entities are
    characters: there the text must stand in a `<pre>` or under the class `mathjax_ignore`.
    `quote=True` also escapes both quotation marks, as an attribute's value needs; plotly shows
    those entities as they are written, so leave it off there.

    >>> esc("<b>R&D</b> costs $5")
    '&lt;b&gt;R&amp;D&lt;/b&gt; costs &#36;5'
    """
    return html.escape(text, quote=quote).replace("$", "&#36;")


def excerpt(text: str, spans: Sequence[Interval], width: int) -> str:
    """At most `width` characters on one line that show the spans with something around them.

    Spans far apart share the width and are joined by "…", which also marks every cut end. Where
    the width gives a span fewer than 20 characters, only the first spans are shown; without spans,
    the beginning of the text. The result is plain text: pass it through `esc` before it is shown.

    Raises
    ------
    InvalidRecordError : the width is below 1, or a span is no range of characters.

    >>> excerpt("Refunds take ten business days. Cards are quicker.", [(13, 30)], 30)
    '…take ten business days. Card…'
    """
    if width < 1:
        raise InvalidRecordError(f"excerpt needs a width of at least 1; got {width}.")
    shown = merge_spans(spans) or [(0, min(1, len(text)))]
    shown = shown[: max(1, width // (_LEAST_PIECE + len(_BETWEEN_PIECES)))]
    room = (width - 2 - len(_BETWEEN_PIECES) * (len(shown) - 1)) // len(shown)
    windows = merge_spans(_window(span, max(1, room), len(text)) for span in shown)
    pieces = [normalise_whitespace(text[start:end]) for start, end in windows]
    line = _BETWEEN_PIECES.join(pieces)
    before = _ELLIPSIS if windows and windows[0][0] > 0 else ""
    after = _ELLIPSIS if windows and windows[-1][1] < len(text) else ""
    return (before + line + after)[:width]


def _window(span: Interval, room: int, length: int) -> Interval:
    start, end = span
    padding = max(0, room - (end - start))
    start = max(0, min(start - padding // 2, length - room))
    return start, min(length, start + room)


# Letters and digits; an underscore joins, as the other marks that names and numbers are written
# with do when they stand between two such parts.
_PART: Final = re.compile(r"[^\W_]+")
_WHOLE: Final = re.compile(r"[^\W_]+(?:(?:['’._:/@+&-]|(?<=\d),(?=\d))[^\W_]+|_+[^\W_]+)*")


def words(text: str) -> list[str]:
    """Lower-cased words in reading order; a compound is followed by its parts.

    A compound is what is written without a space: identifiers (FW-1042, support_tiers_v3,
    X-Header), decimal numbers, times, addresses, contractions. It is kept whole, so that it can
    be matched exactly, and in parts, so that "tiers" finds it too.

    >>> words("FW-1042 costs 99.9 EUR")
    ['fw-1042', 'fw', '1042', 'costs', '99.9', '99', '9', 'eur']
    """
    found: list[str] = []
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    for match in _WHOLE.finditer(plain):
        whole = match.group()
        found.append(whole)
        parts = _PART.findall(whole)
        if len(parts) > 1:
            found.extend(parts)
    return found
