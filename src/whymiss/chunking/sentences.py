"""Where sentences begin: a small rule-based splitter that only looks at punctuation and layout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from whymiss.chunking.remember import remembered

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ABBREVIATION: Final = re.compile(
    r"al|approx|apr|art|aug|av|bros|bzw|ca|capt|cf|ch|chap|co|col|corp|cp|dec|dept|dr|ed|"
    r"eds|eg|eq|eqs|esp|est|etc|ex|feb|fig|figs|fr|gen|gov|hr|ie|inc|incl|jan|jr|jul|jun|"
    r"lt|ltd|maj|mar|max|min|mr|mrs|ms|mt|nos|nov|nr|oct|op|p|par|pp|pres|prof|ref|refs|"
    r"resp|rev|sec|sen|sep|sept|sgt|sr|st|str|tab|tel|univ|usw|viz|vol|vols|vs|zb"
)
_BEFORE_NUMBER: Final = frozenset({"no", "nos", "nr", "fig", "figs", "p", "pp", "vol", "ch"})
_OPENERS: Final = "\"'([{“‘«„*_`"

# Each run of stops is tried once (look-behind, possessive), which keeps hostile input linear.
_CANDIDATE: Final = re.compile(
    r"(?P<stop>(?<![.!?…])[.!?…]++[\"'”’»)\]}*_`]*+)(?=\s)"
    r"|(?P<wide>(?<![。！？｡])[。！？｡]++[」』）】〉》”’]*+)"
    r"|(?P<blank>\n[ \t]*+(?=\n))"
    r"|(?P<item>\n(?=[ \t]*+(?:[-*+•–]|\d{1,3}[.)]|\|)[ \t]))"
)
_LAST_WORD: Final = re.compile(r"[^\s(\[\"'“‘«„*_`]*\Z")
_DOTTED: Final = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")
_HIRAGANA: Final = re.compile(r"[」』”’][\u3041-\u309f]")
_INK: Final = re.compile(r"\S")


@remembered
def sentence_starts(text: str) -> NDArray[np.int64]:
    """Character offsets at which a sentence begins, ascending; read-only.

    A sentence ends at a stop followed by white space unless the stop belongs to an abbreviation,
    an initial, a numbered line or a pause before a small letter; at a full-width stop; at a blank
    line; and before a list line or table row.

    Examples
    --------
    >>> text = "Dr. Li paid EUR 3.50 (e.g. by card). Why? It was due."
    >>> [int(start) for start in sentence_starts(text)]
    [0, 37, 42]
    """
    first = _INK.search(text)
    if first is None:
        return np.zeros(0, np.int64)
    starts = [first.start()]
    for match in _CANDIDATE.finditer(text):
        following = _INK.search(text, match.end())
        if following is None:
            break
        place = following.start()
        quoted = match["wide"] and _HIRAGANA.match(text, match.end() - 1)
        goes_on = quoted or (match["stop"] and _goes_on(text, match, place))
        if place > starts[-1] and not goes_on:
            starts.append(place)
    found = np.array(starts, dtype=np.int64)
    # One array serves all who ask for this text.
    found.setflags(write=False)
    return found


def _goes_on(text: str, match: re.Match[str], place: int) -> bool:
    """Whether the sentence goes on after this stop."""
    stop = match["stop"]
    following = text[place].lower() if text[place] in _OPENERS else text[place]
    small = following.islower()
    if stop[0] != "." or stop.startswith(".."):
        # A pause, or a question inside quotes: '"Why?" he asked', 'well... maybe'.
        return small and (len(stop) > 1 or stop[0] in ".…")
    found = _LAST_WORD.search(text[max(0, match.start() - 40) : match.start()])
    word = found.group() if found else ""
    if small or (word.isdigit() and _opens_line(text, match.start() - len(word))):
        return True
    if len(stop) > 1:
        return False
    if text[place].isdigit() and word.lower() in _BEFORE_NUMBER:
        return True
    plain = word.lower().replace(".", "")
    initial = len(plain) == 1 and word.isalpha() and word.isupper() and word != "I"
    return initial or bool(_DOTTED.fullmatch(word) or _ABBREVIATION.fullmatch(plain))


def _opens_line(text: str, place: int) -> bool:
    line_start = text.rfind("\n", max(0, place - 20), place) + 1
    return not text[line_start if line_start else max(0, place - 20) : place].strip()
