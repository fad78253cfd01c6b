"""The probes of one drill, counted: each costs one of the budget, the same one again is free."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import pandas as pd

from whymiss.diagnosis.faults import PlantedCase
from whymiss.diagnosis.lab import Lab, Run
from whymiss.diagnosis.scene import Scene
from whymiss.drills import probes
from whymiss.drills.fixes import checked_knobs
from whymiss.errors import DrillError, InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.records import canonical_json

PROBES = (
    "stages", "settings", "candidates", "context", "answer", "document", "rows", "cut",
    "permissions", "vector_check", "search", "rerun",
)  # fmt: skip
"""What can be looked up, from the widest view to the closest."""


class Board:
    """A broken pipeline that answered one question, and what may be looked up in it.

    Parameters
    ----------
    case : only its broken scene is looked at.
    budget : how many different probes may be taken.
    taken : those that were taken before, as `probe_key` writes them.
    on_take : called with the key of every new probe.
    """

    def __init__(
        self,
        case: PlantedCase,
        lab: Lab,
        *,
        budget: int,
        taken: Collection[str] = (),
        on_take: Callable[[str], None] | None = None,
    ) -> None:
        self._scene = case.scene
        self._lab = lab
        self._budget = budget
        self._taken = dict.fromkeys(taken)
        self._seen: dict[str, pd.DataFrame] = {}
        self._on_take = on_take

    @property
    def question(self) -> Question:
        """What was asked, by whom and with which filter, and what should have been found."""
        return self._scene.question

    @property
    def doc_ids(self) -> tuple[str, ...]:
        """The documents that should have answered."""
        every = (s.doc_id for spans in self.question.evidence for s in spans)
        return tuple(dict.fromkeys(every))

    @property
    def taken(self) -> tuple[str, ...]:
        """The probes that were taken, as `probe_key` writes them, in order."""
        return tuple(self._taken)

    @property
    def probes_left(self) -> int:
        """Probes that may still be taken."""
        return max(0, self._budget - len(self._taken))

    def stages(self) -> pd.DataFrame:
        """What each stage of the search handed on, and at which rank the evidence stands in it."""
        return self._take("stages", lambda: probes.stages(self._run))

    def settings(self) -> pd.DataFrame:
        """Every knob of the configuration, with the usual value beside it."""
        return self._take("settings", lambda: probes.settings(self._scene.config))

    def candidates(self, stage: str = "") -> pd.DataFrame:
        """The candidates behind a stage ("dense", "bm25", "fuse", "rerank", "select"), best first.

        Without a stage those of the last one that orders.

        Raises
        ------
        DrillError : the stage did not run.
        """
        if stage and stage not in self._run.stages:
            raise DrillError(
                f"there are no candidates behind {stage!r}; there are behind "
                f"{', '.join(self._run.stages)}."
            )
        return self._take("candidates", lambda: probes.candidates(self._run, stage), stage)

    def context(self) -> pd.DataFrame:
        """The passages that were packed for the generator, and those that were left out."""
        return self._take("context", lambda: probes.context(self._run))

    def answer(self) -> pd.DataFrame:
        """The claims of the answer, what each cites, and what supports it."""
        return self._take("answer", lambda: probes.answer(self._answered))

    def document(self, doc_id: str) -> pd.DataFrame:
        """A document as it is stored."""
        return self._take("document", lambda: probes.document(self._run, doc_id), doc_id)

    def rows(self, doc_id: str) -> pd.DataFrame:
        """The rows that the index has of a document."""
        return self._take("rows", lambda: probes.rows(self._run, doc_id), doc_id)

    def cut(self, doc_id: str) -> pd.DataFrame:
        """The rows that the chunker would make of a document now."""
        return self._take("cut", lambda: probes.cut(self._run, doc_id), doc_id)

    def permissions(self, doc_id: str) -> pd.DataFrame:
        """Whether the asker may read a document, and whether it passes the filter."""
        return self._take("permissions", lambda: probes.permissions(self._run, doc_id), doc_id)

    def vector_check(self, doc_id: str) -> pd.DataFrame:
        """The stored vectors of a document's rows, and what the encoder makes of their text now."""
        return self._take("vector_check", lambda: probes.vector_check(self._run, doc_id), doc_id)

    def search(self, text: str) -> pd.DataFrame:
        """The candidates of another question, asked by the same person with the same filter."""
        try:
            query = replace(self.question.query, text=text)
        except InvalidRecordError as error:
            raise DrillError(f"search needs words; {error}") from error
        scene = replace(self._scene, question=replace(self.question, query=query))
        return self._take("search", lambda: probes.candidates(self._lab.run(scene)), text)

    def rerun(self, changes: Mapping[str, Any]) -> pd.DataFrame:
        """What the stages hand on with some knobs changed, such as {"retrieval.k": 10}."""
        scene = self._scene.configured(checked_knobs(changes))
        return self._take("rerun", lambda: probes.stages(self._lab.run(scene)), dict(changes))

    def _take(self, name: str, look: Callable[[], pd.DataFrame], *given: Any) -> pd.DataFrame:
        key = probe_key(name, *given)
        if key not in self._taken and not self.probes_left:
            raise DrillError(
                f"the {self._budget} probes of this drill are used up; what was looked up before "
                "can be looked up again, a hint can be taken, an answer handed in."
            )
        if key not in self._seen:
            self._seen[key] = look()
        if key not in self._taken:
            self._taken[key] = None
            if self._on_take is not None:
                self._on_take(key)
        return self._seen[key].copy()

    @cached_property
    def _run(self) -> Run:
        return self._lab.run(self._scene)

    @cached_property
    def _answered(self) -> Run:
        scene: Scene = replace(self._scene, answers=True)
        return self._lab.run(scene, answer_always=True)


def probe_key(name: str, *given: Any) -> str:
    """A probe and what it was given, as one text.

    >>> probe_key("rows", "faq.md")
    '["rows","faq.md"]'
    """
    return canonical_json([name, *given])
