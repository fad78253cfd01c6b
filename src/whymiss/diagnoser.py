"""A store's wrong answers walked down to their causes: questions made into scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.locating import Given, Located, locate
from whymiss.diagnosis.rebuilding import Rebuilds
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.repairs.pricing import Population
from whymiss.diagnosis.repairs.search import search
from whymiss.diagnosis.scene import DocumentReader, Remembered, Scene
from whymiss.diagnosis.survey import Survey, survey
from whymiss.errors import TraceError
from whymiss.evaluating import Questions, chosen
from whymiss.evaluation.keys import question_key
from whymiss.evaluation.labels import Question
from whymiss.evaluation.pinning import pin
from whymiss.evaluation.running import check_questions
from whymiss.records import Document, Query, Trace, digest

if TYPE_CHECKING:
    from whymiss.models import Models
    from whymiss.retrieval import SearchSpace
    from whymiss.spaces import Spaces

Progress = Callable[[str, int, int], None]


class Diagnoser:
    """Makes scenes of a store's questions, and keeps what diagnoses share.

    `Workbench` holds one and hands it questions.
    """

    def __init__(self, models: Models, spaces: Spaces) -> None:
        self._models = models
        self._spaces = spaces
        self._lab = Lab()
        self._rebuilds = Rebuilds()
        self._populations: dict[tuple[int, tuple[str, ...]], Population] = {}

    def scene(self, question: Question, config: PipelineConfig, *, answers: bool = True) -> Scene:
        """A labelled question and the pipeline that answers it."""
        space = self._spaces.space(config)
        return Scene(
            question=question,
            config=config,
            space=space,
            models=self._models,
            read_documents=self._reader(space),
            answers=answers,
        )

    def diagnose(
        self,
        asked: str | Query | Question | Trace,
        config: PipelineConfig,
        *,
        evidence: Given | None = None,
        expected: str | None = None,
        labelled: Questions | None = None,
        repairs: bool = True,
        rebuild: bool = False,
        answers: bool = True,
        progress: Progress | None = None,
    ) -> Diagnosis:
        """One question; `Workbench.diagnose` tells the parameters."""
        question, located, notes = self._asked(asked, config, evidence=evidence, expected=expected)
        scene = self.scene(question, config, answers=answers)
        population = self._population(labelled, scene)
        if population is not None and population.left_out:
            notes.append(f"{population.left_out} labelled questions cannot be judged and are left "
                         "out of every price")  # fmt: skip
        if population is not None:
            others = tuple(q.query.text for q in population.questions)
            scene = replace(scene, others=others)
        made = diagnose(
            scene,
            lab=self._lab,
            candidates=located.candidates if located is not None else (),
            notes=tuple(notes),
            progress=progress,
        )
        options = {"repairs": repairs, "rebuild": rebuild, "answers": answers}
        made = replace(made, options=options)
        if not repairs:
            return made
        case = Case(self._lab, self._lab.run(scene))
        found = search(
            case, made, rebuilds=self._rebuilds, population=population, rebuild=rebuild,
            progress=progress,
        )  # fmt: skip
        return replace(made, repairs=found)

    def diagnose_all(
        self,
        questions: Questions,
        config: PipelineConfig,
        *,
        split: str = "",
        answers: bool = True,
        progress: Progress | None = None,
    ) -> Survey:
        """Every labelled question; `Workbench.diagnose_all` tells the parameters."""
        given = chosen(questions, "")
        asked = chosen(given, split)
        check_questions(asked, who="diagnose_all")
        scene = self.scene(asked[0], config, answers=answers)
        population = self._population(given, scene)
        others = tuple(q.query.text for q in population.questions) if population else ()
        return survey(asked, replace(scene, others=others), lab=self._lab, progress=progress)

    def case(
        self,
        asked: str | Query | Question | Trace,
        config: PipelineConfig,
        *,
        evidence: Given | None = None,
        expected: str | None = None,
    ) -> tuple[Case, tuple[str, ...]]:
        """One question run to its context, without a diagnosis, and what is to be said of it.

        The parameters are those of `diagnose`.
        """
        question, _, notes = self._asked(asked, config, evidence=evidence, expected=expected)
        run = self._lab.run(self.scene(question, config, answers=False))
        return Case(self._lab, run), tuple(notes)

    def _asked(
        self,
        asked: str | Query | Question | Trace,
        config: PipelineConfig,
        *,
        evidence: Given | None,
        expected: str | None,
    ) -> tuple[Question, Located | None, list[str]]:
        """The question with its evidence, how that was located, and what is to be said of both."""
        notes: list[str] = []
        question = _question(asked, config, notes)
        space = self._spaces.space(config)
        located = self._located(question, space, evidence=evidence, expected=expected)
        if located is not None:
            question = replace(question, evidence=located.evidence)
            notes += [located.note] if located.note else []
        return question, located, notes

    def _reader(self, space: SearchSpace) -> DocumentReader:
        """Reads documents as they were when the space was read, each once."""
        return space.derived("read documents", lambda: Remembered(self._spaces.documents))

    def _located(
        self,
        question: Question,
        space: SearchSpace,
        *,
        evidence: Given | None,
        expected: str | None,
    ) -> Located | None:
        """Where the evidence stands; None where the question brings its own."""
        if evidence is None and expected is None and (question.evidence or question.documents):
            return None
        expected = expected or question.query.expected_answer
        if evidence is None and expected is None:
            return None
        return locate(
            evidence, self._documents(space), expected=expected, question=question.query.text
        )

    def _documents(self, space: SearchSpace) -> Iterable[Document]:
        return self._spaces.documents(sorted(space.catalogue.documents)).values()

    def _population(self, labelled: Questions | None, scene: Scene) -> Population | None:
        if labelled is None:
            return None
        given = chosen(labelled, "")
        key = (id(scene.space), tuple(map(question_key, given)))
        if key not in self._populations:
            self._populations.clear()
            wanted = sorted({s.doc_id for q in given for spans in q.evidence for s in spans}
                            | {d for q in given for d in q.documents})  # fmt: skip
            report = pin(given, self._spaces.documents(wanted).values())
            unfit = len(given) - len(report.sound)
            self._populations[key] = Population(report.sound, scene, unfit=unfit)
        return self._populations[key]


def question_of(text: str) -> Question:
    """A question of this text, without labels; equal texts have equal ids."""
    return Question(query=Query(query_id=f"case-{digest(text)[:8]}", text=text))


def _question(
    asked: str | Query | Question | Trace, config: PipelineConfig, notes: list[str]
) -> Question:
    if isinstance(asked, Question):
        return asked
    if isinstance(asked, Query):
        return Question(query=asked)
    if isinstance(asked, str):
        return question_of(asked)
    if asked.query_text is None:
        raise TraceError(
            f"diagnose needs the question; trace {asked.trace_id} keeps only its hash. Give the "
            "question itself, or keep texts with trace.raw_text."
        )
    if asked.config_fingerprint != config.fingerprint():
        notes.append(
            f"the trace was made under configuration {asked.config_fingerprint}, and is diagnosed "
            f"under {config.fingerprint()}"
        )
    query = Query(
        query_id=asked.query_hash[:12], text=asked.query_text, principals=asked.principals,
        where=asked.where,
    )  # fmt: skip
    return Question(query=query)
