"""Hubs: chunks close to many questions they do not answer, and what goes right without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from whymiss.neighbourhood.ground import FEWEST_QUESTIONS, NEAR_DUPLICATE, Ground
from whymiss.neighbourhood.groups import connected
from whymiss.neighbourhood.nearest import pairs_above
from whymiss.neighbourhood.occurrence import occurrences, skewness, unusual
from whymiss.neighbourhood.sentinels import sentinels
from whymiss.retrieval.editing import edited_space
from whymiss.text import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

OCCURRENCES: Final = (
    "chunk_id", "doc_id", "start", "n_questions", "n_bad", "n_sentinels", "stands_out",
)  # fmt: skip
HUBS: Final = (
    "hub", "doc_id", "start", "n", "chunk_ids", "told_by", "n_queries", "share", "n_evidence",
    "in_front", "entered", "displaced", "harmful", "effect", "text",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Hubs:
    """k-occurrence over the labelled questions and over sentinels, and the causal test.

    A question counts against a row ("bad" k-occurrence) where the row is among its ten nearest by
    cosine, may be seen by the asker, and stands in no document that holds the answer. A sentinel
    counts against rows of other documents than its own. A row stands out where it, together with
    its near copies (cosine at least 0.85), has at least the mean and two standard deviations of
    all rows, and 2 % of the queries: by the questions where there are 20 or more, or else by the
    sentinels. Standing out is no fault by itself: what a hub does is told by taking it away.
    """

    ground: Ground

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per chunk, the most frequent first: `OCCURRENCES`.

        `n_questions` is N_k over the labelled questions, `n_bad` what of it counts against the
        chunk, `n_sentinels` what of the sentinels does.
        """
        chunks = self.ground.chunks
        standing = {row for group in self._groups for row in group}
        frame = pd.DataFrame(
            {
                "chunk_id": [chunk.chunk_id for chunk in chunks],
                "doc_id": [chunk.doc_id for chunk in chunks],
                "start": [chunk.start for chunk in chunks],
                "n_questions": self._near.sum(axis=0, dtype=np.int64),
                "n_bad": self._bad.sum(axis=0, dtype=np.int64),
                "n_sentinels": self._foreign.sum(axis=0, dtype=np.int64),
                "stands_out": [row in standing for row in range(len(chunks))],
            },
            columns=list(OCCURRENCES),
        )
        return frame.sort_values(
            ["n_bad", "n_sentinels", "chunk_id"], ascending=[False, False, True], ignore_index=True
        )

    @cached_property
    def hubs(self) -> pd.DataFrame:
        """Chunks that stand out, with their near copies, and what removing them does: `HUBS`.

        `n_queries` of the queries (`share`) have one among their ten nearest; for `n_evidence`
        labelled questions one of them holds evidence. `in_front` are the lost questions that have
        one of them selected. Then all `n` rows are taken out and those questions, and the
        delivered ones that had one selected, are run again: of `entered` the evidence is delivered
        only without the hub, of `displaced` only with it. It is `harmful` where those are fewer.
        Those whose removal rescues most come first.
        """
        rows = [self._tested(group) for group in self._groups]
        frame = pd.DataFrame(rows, columns=list(HUBS))
        net = frame["entered"].map(len) - frame["displaced"].map(len)
        return (
            frame.assign(net=net)
            .sort_values(["net", "n_queries", "hub"], ascending=[False, False, True],
                         ignore_index=True)
            .drop(columns="net")
        )  # fmt: skip

    @property
    def told_by(self) -> str:
        """Which queries tell what stands out: "questions" or "sentinels"."""
        enough = len(self.ground.questions) >= FEWEST_QUESTIONS
        return "questions" if enough else "sentinels"

    @property
    def n_queries(self) -> int:
        """How many they are."""
        return len(self._telling)

    @property
    def undefined_because(self) -> str:
        """Why nothing can stand out; empty where it can."""
        if self.n_queries >= FEWEST_QUESTIONS:
            return ""
        return (
            f"{counted(self.n_queries, 'sentinel')} and "
            f"{counted(len(self.ground.questions), 'question')} are too few to tell what is close "
            f"to many; {FEWEST_QUESTIONS} are needed"
        )

    @cached_property
    def skewness(self) -> float:
        """Skewness of N_k over the queries that tell what stands out; NaN where undefined."""
        near = self._near if self.told_by == "questions" else self._foreign
        return skewness(near.sum(axis=0)) if not self.undefined_because else float("nan")

    @cached_property
    def threshold(self) -> float:
        """The count from which on a row stands out."""
        return unusual(self._telling.sum(axis=0), self.n_queries)

    @property
    def _telling(self) -> NDArray[np.bool_]:
        return self._bad if self.told_by == "questions" else self._foreign

    @cached_property
    def _near(self) -> NDArray[np.bool_]:
        space = self.ground.space
        hidden = [~space.visible(question.query) for question in self.ground.questions]
        return occurrences(self.ground.asked, self.ground.vectors, without=hidden)

    @cached_property
    def _bad(self) -> NDArray[np.bool_]:
        number = {doc_id: i for i, doc_id in enumerate(self.ground.doc_ids)}
        bad = self._near.copy()
        for row, judged in zip(bad, self.ground.judged, strict=True):
            of = [number[doc_id] for doc_id in judged.doc_ids if doc_id in number]
            row[np.isin(self.ground.documents, of)] = False
        return bad

    @cached_property
    def _foreign(self) -> NDArray[np.bool_]:
        asked = sentinels(self.ground)
        if not asked:
            return np.zeros((0, len(self.ground.chunks)), bool)
        vectors = self.ground.encoder.encode_queries([sentinel.text for sentinel in asked])
        own = [np.array(sentinel.rows, np.int64) for sentinel in asked]
        found = occurrences(vectors, self.ground.vectors, without=own)
        for row, sentinel in zip(found, asked, strict=True):
            row[self.ground.rows_of[sentinel.doc_id]] = False
        return found

    @cached_property
    def _groups(self) -> list[list[int]]:
        """Rows that stand out together with their near copies."""
        if self.undefined_because:
            return []
        met = np.flatnonzero(self._telling.any(axis=0))
        links = [(int(row), int(row)) for row in met]
        for first, second, _ in pairs_above(self.ground.vectors[met], NEAR_DUPLICATE):
            links += zip(met[first].tolist(), met[second].tolist(), strict=True)
        return [
            sorted(group)
            for group in connected(links)
            if self._telling[:, group].any(axis=1).sum() >= self.threshold
        ]

    @cached_property
    def _before(self) -> tuple[list[int], list[bool], list[frozenset[int]]]:
        """The questions that can be judged, whether they are delivered, and what is selected."""
        asked = [i for i, judged in enumerate(self.ground.judged) if judged.judgeable]
        return (asked, *self.ground.delivered(self.ground.space, asked))

    def _tested(self, group: Sequence[int]) -> dict[str, Any]:
        members = set(group)
        first = max(group, key=lambda row: (int(self._telling[:, row].sum()), -row))
        chunk = self.ground.chunks[first]
        met = int(self._telling[:, list(group)].any(axis=1).sum())
        lost, entered, displaced = self._without(members)
        return {
            "hub": chunk.chunk_id, "doc_id": chunk.doc_id, "start": chunk.start, "n": len(group),
            "chunk_ids": tuple(self.ground.chunks[row].chunk_id for row in group),
            "told_by": self.told_by, "n_queries": met, "share": met / self.n_queries,
            "n_evidence": sum(not members.isdisjoint(gold) for gold in self.ground.gold),
            "in_front": lost, "entered": entered, "displaced": displaced,
            "harmful": len(entered) > len(displaced),
            "effect": self._effect(lost, entered, displaced), "text": chunk.text,
        }  # fmt: skip

    def _without(
        self, members: set[int]
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Lost questions with the hub in front; those that its removal rescues, and loses."""
        asked, held, selected = self._before
        met = [at for at, rows in enumerate(selected) if not members.isdisjoint(rows)]
        numbers = [asked[at] for at in met]
        if not met:
            return (), (), ()
        after, _ = self.ground.delivered(edited_space(self.ground.space, drop=members), numbers)
        ids = [self.ground.questions[i].query_id for i in numbers]
        was = [held[at] for at in met]
        told = list(zip(ids, was, after, strict=True))
        return (
            tuple(query_id for query_id, before, _ in told if not before),
            tuple(query_id for query_id, before, now in told if now and not before),
            tuple(query_id for query_id, before, now in told if before and not now),
        )

    def _effect(self, lost: Sequence[str], entered: Sequence[str], displaced: Sequence[str]) -> str:
        if not self._before[0]:
            return "not tested: no labelled question can be judged"
        if entered or displaced:
            return (
                f"without it the evidence of {counted(len(entered), 'lost question')} is "
                f"delivered, and that of {len(displaced)} is not any more"
            )
        if lost:
            return f"its removal changes nothing for {counted(len(lost), 'lost question')}"
        return "it stands in front of no lost question"
