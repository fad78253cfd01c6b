"""Coverage gaps: questions far from everything in the index, and documents nobody asks about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.answering.lexical import Rarity, terms
from whymiss.neighbourhood.ground import FEWEST_QUESTIONS, Ground
from whymiss.neighbourhood.nearest import nearest
from whymiss.neighbourhood.occurrence import NEAREST

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAPS: Final = (
    "query_id", "text", "best_cosine", "lacking", "missing", "farness", "percentile", "far",
    "undefined_because", "nearest_chunk_id", "nearest_doc_id",
)  # fmt: skip
UNCOVERED: Final = ("doc_id", "title", "n_chunks", "best_cosine", "nearest_query_id")

FAR: Final = 0.95
"""A question is far where it is farther than this share of those that the index answers."""

_READ: Final = 5
"""Nearest chunks that are read for the words of a question."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """How far each question is from all that its asker may see.

    Two things are measured: the cosine of the nearest chunk, and the share of the question's terms,
    the rarer the heavier, that the five nearest chunks lack. Each is put among the answerable
    labelled questions (those with evidence in the index), the reference; `farness` is the mean of
    the two shares of the reference that are nearer, equals counting half. A question is itself left
    out of its reference. It is far where its farness is above that of 95 % of the reference: of
    questions like the answerable ones, one in twenty is called far.
    """

    ground: Ground

    @cached_property
    def questions(self) -> pd.DataFrame:
        """Every question, the farthest first: `GAPS`.

        `lacking` is the share of its terms' weight that the nearest chunks lack, and `missing` the
        terms (stemmed) that no chunk has that may be seen. `farness`, `percentile` (the share of
        the reference that is less far) and `far` are undefined, with the reason, where fewer than
        20 other questions are answerable.
        """
        rows = [self._row(i) for i in range(len(self.ground.questions))]
        frame = pd.DataFrame(rows, columns=list(GAPS))
        frame["far"] = frame["far"].astype("boolean")
        return frame.sort_values(
            ["percentile", "farness", "best_cosine", "query_id"],
            ascending=[False, False, True, True], ignore_index=True,
        )  # fmt: skip

    @cached_property
    def uncovered(self) -> pd.DataFrame:
        """Documents with evidence of no question and no chunk among the ten nearest of any:
        `UNCOVERED`, those farthest from every question first. None where there are no questions.
        """
        met = {doc_id for judged in self.ground.judged for doc_id in judged.doc_ids}
        chunks = self.ground.chunks
        met |= {chunks[row].doc_id for near in self._nearest for row in near.rows.tolist()}
        asked_at_all = self.ground.doc_ids if self.ground.questions else ()
        rows = [self._uncovered(doc_id) for doc_id in asked_at_all if doc_id not in met]
        frame = pd.DataFrame(rows, columns=list(UNCOVERED))
        return frame.sort_values(["best_cosine", "doc_id"], ignore_index=True)

    @property
    def undefined_because(self) -> str:
        """Why no question can be called far; empty where some can."""
        n = len(self._reference)
        if not self.ground.questions:
            return "there are no questions"
        if n <= FEWEST_QUESTIONS:
            return (
                f"{n} answerable questions with evidence in the index are too few to compare with; "
                f"more than {FEWEST_QUESTIONS} are needed"
            )
        return ""

    @cached_property
    def _nearest(self) -> list[Any]:
        space = self.ground.space
        hidden = [~space.visible(question.query) for question in self.ground.questions]
        return nearest(self.ground.asked, self.ground.vectors, k=NEAREST, without=hidden)

    @cached_property
    def _reference(self) -> list[int]:
        """Questions whose evidence stands in rows that their asker may see."""
        space = self.ground.space
        return [
            i
            for i, gold in enumerate(self.ground.gold)
            if gold and space.visible(self.ground.questions[i].query)[sorted(gold)].any()
        ]

    @cached_property
    def _terms(self) -> list[frozenset[str]]:
        return [terms(chunk.indexed_text) for chunk in self.ground.chunks]

    @cached_property
    def _asked(self) -> list[frozenset[str]]:
        return [terms(question.query.text) for question in self.ground.questions]

    @cached_property
    def _cosines(self) -> NDArray[np.float64]:
        """Of each question, the cosine of the nearest chunk; NaN where nothing may be seen."""
        return np.array([n.scores[0] if len(n.scores) else np.nan for n in self._nearest], float)

    @cached_property
    def _lacking(self) -> NDArray[np.float64]:
        """Of each question, the share of its terms' weight that the nearest chunks lack."""
        rarity = Rarity(self._terms)
        found = []
        for asked, near in zip(self._asked, self._nearest, strict=True):
            read = frozenset().union(*(self._terms[row] for row in near.rows[:_READ].tolist()))
            found.append(1 - rarity.containment(asked, read) if asked else np.nan)
        return np.array(found, float)

    @cached_property
    def _farness(self) -> NDArray[np.float64]:
        """The mean share of the reference that is nearer, by cosine and by terms."""
        found = np.full(len(self._cosines), np.nan)
        for i in range(len(found)):
            others = [j for j in self._reference if j != i]
            if len(others) >= FEWEST_QUESTIONS:
                by_cosine = _below(-self._cosines[others], -self._cosines[i])
                by_terms = _below(self._lacking[others], self._lacking[i])
                undefined = np.isnan(self._cosines[i]) or np.isnan(self._lacking[i])
                found[i] = np.nan if undefined else (by_cosine + by_terms) / 2
        return found

    def _row(self, i: int) -> dict[str, Any]:
        question, near = self.ground.questions[i], self._nearest[i]
        others = [j for j in self._reference if j != i]
        because = self._undefined(i)
        percentile = (
            float("nan") if because else float(np.mean(self._farness[others] < self._farness[i]))
        )
        chunk = self.ground.chunks[near.rows[0]] if len(near.rows) else None
        return {
            "query_id": question.query_id, "text": question.query.text,
            "best_cosine": float(self._cosines[i]), "lacking": float(self._lacking[i]),
            "missing": self._missing(i), "farness": float(self._farness[i]),
            "percentile": percentile, "far": None if because else percentile >= FAR,
            "undefined_because": because,
            "nearest_chunk_id": chunk.chunk_id if chunk else "",
            "nearest_doc_id": chunk.doc_id if chunk else "",
        }  # fmt: skip

    def _undefined(self, i: int) -> str:
        if self.undefined_because:
            return self.undefined_because
        if not len(self._nearest[i].rows):
            return "its asker may see no chunk"
        return "" if self._asked[i] else "it has no word that says anything"

    def _missing(self, i: int) -> tuple[str, ...]:
        visible = self.ground.space.visible(self.ground.questions[i].query)
        return tuple(
            sorted(
                term
                for term in self._asked[i]
                if not any(visible[row] for row in self._having.get(term, ()))
            )
        )

    @cached_property
    def _having(self) -> dict[str, list[int]]:
        """By term of a question the rows that have it."""
        wanted = frozenset().union(*self._asked)
        found: dict[str, list[int]] = {}
        for row, own in enumerate(self._terms):
            for term in own & wanted:
                found.setdefault(term, []).append(row)
        return found

    def _uncovered(self, doc_id: str) -> dict[str, Any]:
        rows = self.ground.rows_of[doc_id]
        cosines = self.ground.asked @ self.ground.vectors[rows].T
        best = int(cosines.max(axis=1).argmax())
        return {
            "doc_id": doc_id, "title": self.ground.title(doc_id), "n_chunks": len(rows),
            "best_cosine": float(cosines.max()),
            "nearest_query_id": self.ground.questions[best].query_id,
        }  # fmt: skip


def _below(values: NDArray[np.float64], value: float) -> float:
    """The share of values below one, equals counting half."""
    return float(np.mean(values < value) + np.mean(values == value) / 2)
