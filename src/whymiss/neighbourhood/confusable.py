"""Confusable pairs: chunks that the embedding puts side by side and that differ in what decides."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from whymiss.neighbourhood.differences import Difference, Sentence, differences, sentences
from whymiss.neighbourhood.ground import FEWEST_QUESTIONS, Ground
from whymiss.neighbourhood.nearest import neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFUSABLE: Final = (
    "chunk_id", "other_id", "doc_id", "other_doc_id", "start", "other_start", "cosine", "kind",
    "differs", "n_questions", "query_ids",
)  # fmt: skip

CLOSE: Final = 0.7
"""Where too few questions say how close a question is to its evidence: this cosine is close."""

_NEIGHBOURS: Final = 5
_FEWEST_LETTERS: Final = 3
_IDENTITY: Final = frozenset({"doc_id", "title", "source", "modified", "owner"})
"""Fields that name a document or who looks after it, and decide no answer."""

_Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Confusable:
    """Finds pairs of chunks that are close and differ in what decides.

    A pair is close where one is among the five rows nearest to the other and their cosine is at
    least what the typical labelled question has with its own evidence (the median), or 0.7 where
    fewer than 20 questions have evidence in the index: closer to each other than a question is to
    its answer, they cannot be told apart by it.

    They differ where sentences that are otherwise the same have another number, code, negation,
    value of a metadata field or word; or where each names, and is marked with, another value of
    one metadata field.
    """

    ground: Ground

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Pairs with what differs: `CONFUSABLE`; one row per pair and kind of difference.

        `differs` are ("what stands in the one", "in the other"), an empty text for nothing.
        `n_questions` labelled questions have evidence in just one of the two chunks while the
        other, which they may see, is as close to them or closer; pairs that mislead most come
        first, then the closest.
        """
        rows = []
        for (first, second), cosine in self._close.items():
            found = self._differences(first, second)
            if not found:
                continue
            misled = self._misled(first, second)
            one, other = self.ground.chunks[first], self.ground.chunks[second]
            for kind, sides in found.items():
                rows.append(
                    {
                        "chunk_id": one.chunk_id, "other_id": other.chunk_id,
                        "doc_id": one.doc_id, "other_doc_id": other.doc_id, "start": one.start,
                        "other_start": other.start, "cosine": cosine, "kind": kind,
                        "differs": sides, "n_questions": len(misled), "query_ids": misled,
                    }
                )  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(CONFUSABLE))
        order = ["n_questions", "cosine", "chunk_id", "other_id", "kind"]
        return frame.sort_values(
            order, ascending=[False, False, True, True, True], ignore_index=True
        )

    @cached_property
    def cosine(self) -> float:
        """From which cosine on a pair is close."""
        own = [
            float((self.ground.vectors[sorted(gold)] @ asked).max())
            for asked, gold in zip(self.ground.asked, self.ground.gold, strict=True)
            if gold
        ] if self.ground.questions else []  # fmt: skip
        return float(np.median(own)) if len(own) >= FEWEST_QUESTIONS else CLOSE

    @cached_property
    def _close(self) -> dict[_Pair, float]:
        found: dict[_Pair, float] = {}
        for row, near in enumerate(neighbours(self.ground.vectors, k=_NEIGHBOURS)):
            for other, cosine in zip(near.rows.tolist(), near.scores.tolist(), strict=True):
                if cosine >= self.cosine:
                    found[min(row, other), max(row, other)] = cosine
        return dict(sorted(found.items()))

    def _differences(self, first: int, second: int) -> dict[str, tuple[tuple[str, str], ...]]:
        """By kind what stands on each side."""
        found: list[Difference] = list(
            differences(self._sentences[first], self._sentences[second], self._words)
        )
        named, other = self._named[first], self._named[second]
        found += [
            Difference("metadata", f"{field} {value}", f"{field} {other[field]}")
            for field, value in named.items()
            if field in other and other[field] != value
        ]
        sides: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for difference in found:
            sides[difference.kind].append((difference.one, difference.other))
        return {kind: tuple(dict.fromkeys(some)) for kind, some in sorted(sides.items())}

    @cached_property
    def _sentences(self) -> list[list[Sentence]]:
        return [sentences(chunk.text, self._words) for chunk in self.ground.chunks]

    @cached_property
    def _marks(self) -> list[dict[str, str]]:
        """For each row the fields that are words and do not only name it."""
        return [
            {
                field: value.casefold()
                for field, value in self.ground.fields(row).items()
                if field not in _IDENTITY and isinstance(value, str) and _is_word(value)
            }
            for row in range(len(self.ground.chunks))
        ]

    @cached_property
    def _words(self) -> frozenset[str]:
        """Values of all fields with more than one value."""
        values: dict[str, set[str]] = defaultdict(set)
        for marks in self._marks:
            for field, value in marks.items():
                values[field].add(value)
        return frozenset(value for found in values.values() if len(found) > 1 for value in found)

    @cached_property
    def _named(self) -> list[Mapping[str, str]]:
        """For each row those of its marks that its text, headings or title name."""
        found: list[Mapping[str, str]] = []
        for chunk, marks in zip(self.ground.chunks, self._marks, strict=True):
            title = self.ground.title(chunk.doc_id)
            text = f"{title} {' '.join(chunk.headings)} {chunk.text}".casefold()
            found.append(
                {
                    field: value
                    for field, value in marks.items()
                    if value in self._words and re.search(rf"\b{re.escape(value)}", text)
                }
            )
        return found

    def _misled(self, first: int, second: int) -> tuple[str, ...]:
        """Questions whose evidence is in one of them and that are as close to the other."""
        found = []
        for i in sorted({*self._asking.get(first, ()), *self._asking.get(second, ())}):
            gold = self.ground.gold[i]
            if (first in gold) == (second in gold):
                continue
            right, wrong = (first, second) if first in gold else (second, first)
            question = self.ground.questions[i]
            seen = bool(self.ground.space.visible(question.query)[wrong])
            if seen and self._cosines[i, wrong] >= self._cosines[i, right]:
                found.append(question.query_id)
        return tuple(found)

    @cached_property
    def _cosines(self) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.ground.asked @ self.ground.vectors.T
        return found

    @cached_property
    def _asking(self) -> dict[int, list[int]]:
        """By row the questions that it holds evidence for."""
        found: dict[int, list[int]] = defaultdict(list)
        for i, gold in enumerate(self.ground.gold):
            for row in gold:
                found[row].append(i)
        return found


def _is_word(value: str) -> bool:
    return len(value) >= _FEWEST_LETTERS and value.replace(" ", "").replace("-", "").isalpha()
