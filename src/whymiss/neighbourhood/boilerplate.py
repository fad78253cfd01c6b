"""Boilerplate: sentences and lines that many documents repeat, and what they cost."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from whymiss.neighbourhood.differences import pieces
from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.shingles import plain_words

LINES: Final = (
    "line", "n_documents", "n_chunks", "n_tokens", "wasted_tokens", "doc_ids",
)  # fmt: skip
CHUNKS: Final = ("chunk_id", "doc_id", "start", "share", "boilerplate_tokens", "n_tokens")

FEWEST_DOCUMENTS: Final = 3
"""Two pages that say the same may quote each other; what a third repeats is a form."""

_FEWEST_WORDS: Final = 3
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, eq=False)
class Boilerplate:
    """Sentences and lines that stand in at least three documents.

    Compared are words alone, numbers left open, so that "Page 3 of 7" is "Page 4 of 7". What the
    versions of one thing repeat is counted once: it is their text, not a form.

    family_of : the family of each document that belongs to one.
    """

    ground: Ground
    family_of: Mapping[str, str]

    @cached_property
    def lines(self) -> pd.DataFrame:
        """What is repeated, as it stands where it comes first, the costliest first: `LINES`.

        `n_documents` counts a family once. `n_tokens` is of the line; `wasted_tokens` those of all
        its occurrences but the first.
        """
        rows = []
        tokens = self._tokens
        for key in self._repeated:
            places = self._places[key]
            chunks = dict.fromkeys(row for row, _ in places)
            doc_ids = dict.fromkeys(self.ground.chunks[row].doc_id for row, _ in places)
            rows.append(
                {
                    "line": places[0][1], "n_documents": len(self._sources(key)),
                    "n_chunks": len(chunks), "n_tokens": tokens[places[0][1]],
                    "wasted_tokens": sum(tokens[text] for _, text in places[1:]),
                    "doc_ids": tuple(doc_ids),
                }
            )  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(LINES))
        return frame.sort_values(
            ["wasted_tokens", "line"], ascending=[False, True], ignore_index=True
        )

    @cached_property
    def chunks(self) -> pd.DataFrame:
        """Chunks with boilerplate, those with the largest share first: `CHUNKS`.

        `share` is of the visible characters of the chunk's text.
        """
        repeated: dict[int, list[str]] = defaultdict(list)
        for key in self._repeated:
            for row, text in self._places[key]:
                repeated[row].append(text)
        rows = []
        for row, texts in repeated.items():
            chunk = self.ground.chunks[row]
            size = sum(map(_ink, texts))
            rows.append(
                {
                    "chunk_id": chunk.chunk_id, "doc_id": chunk.doc_id, "start": chunk.start,
                    "share": size / _ink(chunk.text),
                    "boilerplate_tokens": sum(self._tokens[text] for text in texts),
                    "n_tokens": chunk.n_tokens,
                }
            )  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(CHUNKS))
        return frame.sort_values(["share", "chunk_id"], ascending=[False, True], ignore_index=True)

    @cached_property
    def _places(self) -> dict[tuple[str, ...], list[tuple[int, str]]]:
        """By its words every occurrence of a line: the row, and the text there."""
        found: dict[tuple[str, ...], list[tuple[int, str]]] = defaultdict(list)
        for row, chunk in enumerate(self.ground.chunks):
            for piece in pieces(chunk.text):
                words = plain_words(piece)
                if len(words) >= _FEWEST_WORDS:
                    found[tuple(_NUMBER.sub("0", word) for word in words)].append((row, piece))
        return found

    @cached_property
    def _repeated(self) -> list[tuple[str, ...]]:
        return [key for key in self._places if len(self._sources(key)) >= FEWEST_DOCUMENTS]

    def _sources(self, key: tuple[str, ...]) -> set[str]:
        doc_ids = {self.ground.chunks[row].doc_id for row, _ in self._places[key]}
        return {self.family_of.get(doc_id, doc_id) for doc_id in doc_ids}

    @cached_property
    def _tokens(self) -> dict[str, int]:
        """Tokens of each repeated line, as the encoder's tokenizer counts them."""
        texts = list(dict.fromkeys(t for key in self._repeated for _, t in self._places[key]))
        return dict(zip(texts, _counted(self.ground, texts), strict=True))


def _counted(ground: Ground, texts: Sequence[str]) -> Sequence[Any]:
    return ground.encoder.tokenizer.count(texts) if texts else []


def _ink(text: str) -> int:
    """Visible characters."""
    return sum(not character.isspace() for character in text)
