"""A store measured: question sets through its configurations, alone, compared and swept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whymiss.config import PipelineConfig
from whymiss.errors import LabelError, StoreError
from whymiss.evaluation import Question, read_questions
from whymiss.evaluation.keys import documents_key
from whymiss.evaluation.log import EvaluationLog
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.running import Progress, evaluate
from whymiss.evaluation.sweeping import Sweep, Trial, sweep
from whymiss.index import read_catalogue
from whymiss.pipeline import Pipeline
from whymiss.records import canonical_json, digest
from whymiss.tokens import add_tokens

if TYPE_CHECKING:
    from whymiss.index import Store
    from whymiss.models import Models
    from whymiss.retrieval import SearchSpace
    from whymiss.spaces import Spaces

Questions = str | Path | Iterable[Question]
PipelineMaker = Callable[..., Pipeline]


class Evaluator:
    """Runs labelled questions over a store, and keeps what it finished beside the store.

    `pipeline(config, space=..., answer=...)` makes a pipeline over a search space. `Workbench`
    holds one and hands it questions; `log` keeps what is finished until a run is complete, and
    finished configurations of sweeps for good.
    """

    def __init__(
        self, store: Store, models: Models, spaces: Spaces, *, pipeline: PipelineMaker
    ) -> None:
        self._store = store
        self._models = models
        self._spaces = spaces
        self._pipeline = pipeline
        self.log = EvaluationLog(store.state / "evaluations.sqlite")

    def run(
        self,
        questions: Questions,
        config: PipelineConfig,
        *,
        name: str = "",
        split: str = "",
        answers: bool = False,
        measures: Sequence[str] | None = None,
        resume: bool = True,
        progress: Progress | None = None,
    ) -> EvaluationRun:
        """One configuration over its stored index; `Workbench.evaluate` tells the parameters."""
        asked = chosen(questions, split)
        name = name or config.index.name
        space = self._spaces.space(config)
        pipeline = self._pipeline(config, space=space, answer=answers)
        return evaluate(
            {name: pipeline}, asked, measures=measures, log=self.log, resume=resume,
            progress=progress,
        )[name]  # fmt: skip

    def sweep(
        self,
        questions: Questions,
        configs: Mapping[str, PipelineConfig],
        *,
        skipped: Mapping[str, str] | None = None,
        split: str = "",
        answers: bool = False,
        measures: Sequence[str] | None = None,
        resume: bool = True,
        progress: Progress | None = None,
    ) -> Sweep:
        """Many configurations; those without a stored index get one in memory.

        Raises
        ------
        StoreError : documents came, went or changed while the sweep ran.
        """
        trials = _Trials(self, answers=answers, progress=progress)
        return sweep(
            configs,
            chosen(questions, split),
            trial=trials.of,
            measures=measures,
            answers=answers,
            log=self.log,
            resume=resume,
            skipped=skipped,
            progress=progress,
        )


class _Trials:
    """Pipelines for a sweep. One search space is kept at a time: a sweep goes index by index."""

    def __init__(self, evaluator: Evaluator, *, answers: bool, progress: Progress | None) -> None:
        self._evaluator = evaluator
        self._answers = answers
        self._progress = progress
        self._documents = documents_key(read_catalogue(evaluator._store))
        self._space: tuple[str, SearchSpace] | None = None

    def of(self, config: PipelineConfig) -> Trial:
        """How to run a configuration."""
        return Trial(version=self._version(config), pipeline=lambda: self._open(config))

    def _version(self, config: PipelineConfig) -> str:
        if config.chunking.strategy.startswith("custom:"):
            # The same name may stand for another function the next time.
            return ""
        models = self._evaluator._models
        reranker = models.reranker(config)
        generator = models.generator(config).name if self._answers else ""
        return digest(
            self._documents,
            models.encoder(config).model_version,
            reranker.model_version if reranker else "",
            generator,
            self._searched(config),
        )

    def _searched(self, config: PipelineConfig) -> str:
        """Names the build that approximate search goes through; exact search is the same in all."""
        store, name = self._evaluator._store, config.index.name
        if config.index.ann == "none" or not store.has_index(name):
            return ""
        return canonical_json(store.index_stamp(name))

    def _open(self, config: PipelineConfig) -> Pipeline:
        key = canonical_json([config.index_knobs(), config.index.name, config.index.ann])
        if self._space is None or self._space[0] != key:
            self._space = None
            space = self._evaluator._spaces.trial(config, progress=self._progress)
            if documents_key(space.catalogue) != self._documents:
                raise StoreError(
                    "the documents changed while the sweep ran, and configurations on different "
                    "documents cannot be compared. Start it again when nothing is ingested."
                )
            self._space = key, space
        space = self._space[1]
        # Or every question of the set would wait while its candidates are encoded.
        add_tokens(
            self._evaluator._store, self._evaluator._models, config, space.catalogue,
            progress=self._progress,
        )  # fmt: skip
        return self._evaluator._pipeline(config, space=space, answer=self._answers)


def chosen(questions: Questions, split: str) -> list[Question]:
    """The questions of a file or a list, all or those of one split.

    Raises
    ------
    LabelError : the file cannot be read, or no question is of that split.
    """
    given = read_questions(questions) if isinstance(questions, (str, Path)) else list(questions)
    kept = [question for question in given if not split or question.split == split]
    if split and not kept:
        splits = ", ".join(sorted({repr(question.split) for question in given}))
        raise LabelError(f"no question is of split {split!r}; there are {splits or 'none'}.")
    return kept
