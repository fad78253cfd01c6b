"""Remembering what was found in a text, so that a second chunk size does not read it again."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

CHARACTERS_KEPT: Final = 2**24
"""Texts of a corpus that is interactive at all; a larger one is read again each time."""

T = TypeVar("T")
P = ParamSpec("P")


class TextMemo(Generic[T]):
    """Values by text and key, the least recently used forgotten first. Safe for threads.

    Bounded by the characters of the texts, because values grow with them.

    >>> memo: TextMemo[int] = TextMemo(max_characters=5)
    >>> [memo.get("abc", "n", lambda: 1), memo.get("abc", "n", lambda: 2)]
    [1, 1]
    >>> memo.get("def", "n", lambda: 3), memo.get("abc", "n", lambda: 4)
    (3, 4)
    """

    def __init__(self, max_characters: int = CHARACTERS_KEPT) -> None:
        self._most = max_characters
        self._kept: OrderedDict[tuple[str, Hashable], T] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def get(self, text: str, key: Hashable, compute: Callable[[], T]) -> T:
        """The value, computed when it is not kept."""
        place = (text, key)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        value = compute()
        with self._lock:
            if place not in self._kept and len(text) <= self._most:
                self._kept[place] = value
                self._characters += len(text)
            while self._characters > self._most:
                (old, _), _ = self._kept.popitem(last=False)
                self._characters -= len(old)
        return value


def remembered(
    function: Callable[Concatenate[str, P], T],
) -> Callable[Concatenate[str, P], T]:
    """Remember a function of a text and a few hashable settings; its values are not to be changed.

    >>> @remembered
    ... def n_words(text): print("counting"); return len(text.split())
    >>> n_words("a b"), n_words("a b")
    counting
    (2, 2)
    """
    memo: TextMemo[T] = TextMemo()

    @functools.wraps(function)
    def wrapper(text: str, /, *args: P.args, **knobs: P.kwargs) -> T:
        key = (args, tuple(sorted(knobs.items())))
        return memo.get(text, key, lambda: function(text, *args, **knobs))

    return wrapper
