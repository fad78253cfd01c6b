"""Setting a drill: a fault planted in a seeded question, accepted only if it can be solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.faults import PlantedCase, planted
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.proving import Tried, prove
from whymiss.diagnosis.repairs.pricing import Population
from whymiss.diagnosis.scene import Scene
from whymiss.drills.board import Board
from whymiss.drills.catalogue import BUDGETS, N_DRILLS, Kind, generator, layout
from whymiss.drills.grading import HandIn, grade
from whymiss.errors import ConfigError, DrillError
from whymiss.evaluating import Questions, chosen
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.pinning import pin

if TYPE_CHECKING:
    from whymiss.workbench import Workbench

TRIES: Final = 80
"""Questions that are tried for a drill before it is given up."""

N_OTHERS: Final = 24
"""Other labelled questions that a fix is held against."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Instance:
    """One drill, set. Nothing of it but what `Board` shows is for students.

    case : the healthy and the broken scene, and the key.
    solution : what the written path hands in. taken : the probes that it takes.
    """

    number: int
    kind: Kind
    case: PlantedCase
    others: Population
    solution: HandIn
    taken: tuple[str, ...]

    @property
    def budget(self) -> int:
        """How many probes a student may take."""
        return BUDGETS[self.kind.level]

    @cached_property
    def tried(self) -> dict[str, Tried]:
        """Every cause by its code, with the best run that one of its patches led to."""
        return {tried.cause.code: tried for tried in prove(Lab(), self.case.scene).tried}


class Setter:
    """A workbench with labelled questions, in which drills are set.

    Equal seeds give equal drills over equal stores and questions.

    Raises
    ------
    DrillError : no question has evidence whose words stand in one place of the corpus.
    LabelError : the questions cannot be read.
    IndexNotFoundError, IndexMismatchError : the configured index is missing or different.
    """

    def __init__(self, workbench: Workbench, questions: Questions) -> None:
        self.lab = Lab()
        self._workbench = workbench
        self._questions, self._others = _usable(workbench, chosen(questions, ""))
        if not self._questions:
            raise DrillError(
                "a drill needs a labelled question whose evidence stands in one place of the "
                "corpus; there is none among those given."
            )
        self._texts = tuple(question.query.text for question in self._questions)

    def instance(self, seed: str, number: int) -> Instance:
        """A seed's drill of this number, from 1.

        Raises
        ------
        DrillError : there is no such number, or no question of this corpus suits the drill.
        """
        if not (isinstance(number, int) and 1 <= number <= N_DRILLS):
            raise DrillError(f"drills are numbered 1 to {N_DRILLS}; got {number!r}.")
        return self.set(layout(seed)[number - 1], seed, number)

    def set(self, kind: Kind, seed: str, number: int) -> Instance:
        """A drill of a kind, in the first question of the seed's order that suits it."""
        order = generator(seed, number).permutation(len(self._questions)).tolist()
        for at, place in enumerate(order[:TRIES]):
            made = self._planted(kind, seed, number, at, self._questions[place])
            if made is not None:
                return made
        raise DrillError(
            f"drill {number} cannot be set: none of {min(TRIES, len(order))} questions suits it in "
            "this pipeline. Take another seed, more labelled questions, or a pipeline with both "
            "branches and a reranker."
        )

    def _planted(
        self, kind: Kind, seed: str, number: int, at: int, question: Question
    ) -> Instance | None:
        rng = generator(seed, number, at)
        case = planted(self._scene(question), kind.fault, rng, self.lab)
        if case is None or not _found(case):
            return None
        others = self._population(case, question, seed, number)
        board = Board(case, self.lab, budget=BUDGETS[kind.level])
        try:
            fix = kind.path(board)
        except (DrillError, ConfigError):
            # What this planting shows is not what the path looks for.
            return None
        ((cause, stage),) = case.keys
        made = Instance(
            number=number, kind=kind, case=case, others=others, taken=board.taken,
            solution=HandIn(stage=stage, cause=cause, fix=fix),
        )  # fmt: skip
        return made if grade(made, made.solution, self.lab).full else None

    def _scene(self, question: Question) -> Scene:
        made = self._workbench.scene(question, answers=False)
        return replace(made, others=self._texts)

    def _population(
        self, case: PlantedCase, question: Question, seed: str, number: int
    ) -> Population:
        """Other questions over documents whose stored text is what their labels know."""
        now = case.scene.space.catalogue.content_hashes
        was = case.base.space.catalogue.content_hashes
        sound = {doc_id for doc_id, text in now.items() if was.get(doc_id) == text}
        every = [
            q for q in self._others
            if q.query_id != question.query_id
            and all(s.doc_id in sound for spans in q.evidence for s in spans)
        ]  # fmt: skip
        order = generator(seed, number, N_OTHERS, 1).permutation(len(every))[:N_OTHERS]
        return Population([every[i] for i in order.tolist()], case.scene)


def _found(case: PlantedCase) -> bool:
    """Whether the diagnosis names what was planted, before anything else."""
    said = diagnose(case.scene, lab=Lab())
    return bool(said.proven) and (said.proven[0], said.stage) == case.keys[0]


def _usable(
    workbench: Workbench, given: Sequence[Question]
) -> tuple[list[Question], list[Question]]:
    """The questions to plant in, and those that a fix is held against.

    Where the words of the evidence stand twice, a question is not lost when one place is.
    """
    scene = workbench.scene(given[0]) if given else None
    if scene is None:
        return [], []
    documents = scene.read_documents(sorted(scene.space.catalogue.documents)).values()
    labelled = [q for q in pin(given, documents).sound if q.evidence]
    texts = [document.text for document in documents]
    once = [q for q in labelled if all(_once(texts, s) for spans in q.evidence for s in spans)]
    return once, labelled


def _once(texts: Sequence[str], span: EvidenceSpan) -> bool:
    return sum(text.count(span.quote or "") for text in texts) == 1
