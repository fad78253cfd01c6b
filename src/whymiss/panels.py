"""The panels that a workbench opens in a notebook."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.evaluating import Questions
    from whymiss.evaluation.labels import Question
    from whymiss.records import Query
    from whymiss.widgets.chunks.panel import ChunkBrowser
    from whymiss.widgets.compare.panel import ComparePanel
    from whymiss.widgets.dashboard import Dashboard
    from whymiss.widgets.desk import Desk
    from whymiss.widgets.live.panel import LivePanel
    from whymiss.widgets.map.panel import MapPanel
    from whymiss.widgets.walk.panel import WalkPanel


class Panels:
    """Opens panels; `Workbench` is one.

    There is one panel of each kind. Asking for it again gives the same, as it was left, so that a
    cell can be run again; panels hand questions and configurations to each other. Each has a
    `state` that can be read and set, and `to_code()`. `questions` are labelled ones, a JSON Lines
    file or a list: every panel offers them from then on.

    They need the `lab` extra. In a script they work too: set the state, `flush()`, read it.
    """

    def live_panel(
        self,
        question: str | Query | Question | None = None,
        *,
        config: PipelineConfig | None = None,
        questions: Questions | None = None,
    ) -> LivePanel:
        """Retrieval while its knobs move: chunking, top-K, weights, reranker, filters, budget.

        Raises
        ------
        LabelError : the labelled questions cannot be read.
        """
        from whymiss.widgets.live.panel import LivePanel

        self._desk.use(questions)
        panel = self._desk.panel(LivePanel)
        if config is not None:
            panel.reconfigure(config)
        if question is not None:
            panel.ask(question)
        return panel

    def walk(
        self,
        question: str | Query | Question | None = None,
        *,
        config: PipelineConfig | None = None,
        questions: Questions | None = None,
    ) -> WalkPanel:
        """From a wrong answer to the stage that lost its evidence, the cause, and a repair.

        Raises
        ------
        LabelError : the labelled questions cannot be read.
        """
        from whymiss.widgets.walk.panel import WalkPanel

        self._desk.use(questions)
        panel = self._desk.panel(WalkPanel)
        if question is not None:
            panel.open(question, config)
        elif config is not None:
            panel.state = replace(panel.state, config=config)
        return panel

    def map_panel(
        self,
        question: str | Query | Question | None = None,
        *,
        questions: Questions | None = None,
    ) -> MapPanel:
        """The embedding map to look around in: neighbours, selections, a question's way.

        Raises
        ------
        LabelError : the labelled questions cannot be read.
        """
        from whymiss.widgets.map.panel import MapPanel

        self._desk.use(questions)
        panel = self._desk.panel(MapPanel)
        if question is not None:
            panel.look_at(question)
        return panel

    def compare_panel(
        self,
        baseline: PipelineConfig | None = None,
        other: PipelineConfig | None = None,
        *,
        questions: Questions | None = None,
    ) -> ComparePanel:
        """Two pipelines side by side, with the questions that each wins.

        Parameters
        ----------
        baseline, other : the workbench's own where one is not given.

        Raises
        ------
        LabelError : the labelled questions cannot be read.
        """
        from whymiss.widgets.compare.panel import ComparePanel

        self._desk.use(questions)
        panel = self._desk.panel(ComparePanel)
        if baseline is not None or other is not None:
            own = self._desk.workbench.config
            panel.hold(baseline or own, other or own)
        return panel

    def chunk_browser(
        self,
        doc_id: str | None = None,
        *,
        config: PipelineConfig | None = None,
        questions: Questions | None = None,
    ) -> ChunkBrowser:
        """A document with the borders of its chunks, which move with the sliders.

        Raises
        ------
        LabelError : the labelled questions cannot be read.
        """
        from whymiss.widgets.chunks.panel import ChunkBrowser

        self._desk.use(questions)
        panel = self._desk.panel(ChunkBrowser)
        if doc_id is not None:
            panel.open(doc_id, config)
        return panel

    def show(self, *, questions: Questions | None = None) -> Dashboard:
        """All panels in one place.

        Raises
        ------
        LabelError : the labelled questions cannot be read.
        """
        from whymiss.widgets.dashboard import Dashboard

        self._desk.use(questions)
        return self._desk.panel(Dashboard)

    @cached_property
    def _desk(self) -> Desk:
        from whymiss.widgets.desk import Desk

        return Desk(self)  # type: ignore[arg-type]
