"""The compare panel: two pipelines over the labelled questions, and where they part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whymiss.config import PipelineConfig
from whymiss.errors import ConfigError, InvalidRecordError
from whymiss.evaluating import chosen
from whymiss.pages.markup import IN_NOTEBOOK, Markup, tag
from whymiss.pipeline import Pipeline
from whymiss.widgets.base.controls import code
from whymiss.widgets.base.knobs import turned
from whymiss.widgets.base.panel import busy
from whymiss.widgets.base.reporting import Reporting
from whymiss.widgets.compare.questions_view import (
    ROWS,
    questions_html,
    questions_snapshot,
    rankings_html,
)
from whymiss.widgets.compare.rankings import Rankings, rankings_of
from whymiss.widgets.compare.results import Compared, listed
from whymiss.widgets.compare.state import (
    SIDES,
    CompareState,
    first_split,
    offered_measures,
    spends_holdout,
)
from whymiss.widgets.compare.view import (
    measures_html,
    pipelines_html,
    snapshot_html,
    verdict_html,
)
from whymiss.widgets.handing import (
    pipelines_of_live,
    show_chunk,
    try_out_live,
    walk_through,
)

if TYPE_CHECKING:
    from whymiss.evaluation.labels import Question
    from whymiss.live.background import Check
    from whymiss.widgets.base.surface import Event
    from whymiss.widgets.desk import Desk


_STOPPED: Final = tag(
    "p",
    "Stopped. What was finished is kept: comparing again goes on from there.",
    role="status",
)


class ComparePanel(Reporting):
    """Which of two pipelines is better on the labelled questions, and on which questions.

    Attributes
    ----------
    state : what is compared and what is listed; setting it compares nothing by itself.
    compared : the newest comparison; None before the first.
    rankings : of the question that was looked at last; None before one is.
    """

    kind: ClassVar[str] = "compare"
    label: ClassVar[str] = "Compare"
    verb: ClassVar[str] = "compare_panel"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        config = desk.workbench.config
        questions = desk.labelled.questions
        self._state = CompareState(
            baseline=config,
            other=config,
            measures=offered_measures(questions, config.retrieval.k),
            split=first_split(questions),
        )
        self.compared: Compared | None = None
        self.rankings: Rankings | None = None
        self._pipelines: dict[str, Pipeline] = {}
        self._comparing = False
        self._n_looks = 0
        self.draw()

    @property
    def state(self) -> CompareState:
        """Both pipelines, measures, split, and what is listed."""
        return self._state

    @state.setter
    def state(self, state: CompareState) -> None:
        with self._lock:
            self._state = state
            self.draw()

    def hold(
        self,
        baseline: PipelineConfig,
        other: PipelineConfig,
        names: tuple[str, str] = ("baseline", "other"),
    ) -> None:
        """Take two pipelines into the panel; `compare` runs them.

        Raises
        ------
        ConfigError : both are called the same.
        """
        self.state = replace(self._state, baseline=baseline, other=other, names=names)

    def compare(self) -> None:
        """Run both pipelines over the questions, in the background.

        Raises
        ------
        ConfigError : the pipelines are the same.
        LabelError : no question is of the split.
        """
        with self._lock:
            state = self._state
            if state.baseline == state.other:
                raise ConfigError("both pipelines are the same; change a knob of one of them.")
            asked = chosen(self.desk.labelled.questions, state.split)
            if not asked:
                raise ConfigError("there are no labelled questions; give them with questions=…")
            self._comparing = True
            self.show({"work": busy("Getting ready")})
            self.work(lambda check: self._run(state, asked, check))

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {
            "compare": lambda _: self.compare(),
            "cancel": lambda _: self._stop(),
            "from_live": lambda _: self._take_from_live(),
            "copy": lambda _: self._hold_both(self._state.baseline, self._state.baseline),
            "swap": lambda _: self._hold_both(self._state.other, self._state.baseline),
            "live": lambda _: try_out_live(self, self._state.other),
            "filter": lambda event: self._list(shown=event.value, page=0),
            "page": lambda event: self._turn_to(int(event.value)),
            "look": lambda event: self._look(str(event.value)),
            "browse": lambda event: self._browse(str(event.value)),
            "walk": lambda event: self._walk(str(event.value)),
        }

    def turn(self, knob: str, value: Any) -> None:
        side, _, path = knob.partition(":")
        if side in SIDES:
            config = turned(path, value, self._state.pipeline(side))
            self._state = self._state.with_pipeline(side, config)
        elif side == "also":
            self._state = self._state.measuring(path, bool(value))
        elif knob == "decides":
            self._state = self._state.deciding(str(value))
        elif knob == "cutoff":
            self._state = self._state.with_cutoff(int(value))
        elif knob == "split":
            self._state = replace(self._state, split=str(value))
        elif knob == "by":
            self._list(by=str(value), page=0)
            return
        else:
            raise ConfigError(f"the compare panel has no knob {knob!r}.")
        # What came out may be of other settings now, and says so.
        self.show({**self._setup(), **self._results(), "code": self._code()})

    def questions_changed(self) -> None:
        questions = self.desk.labelled.questions
        known = {question.query_id: question for question in questions}
        made = self.compared
        if made and any(known.get(query_id) != q for query_id, q in made.questions.items()):
            self.compared = self.rankings = None
        self.state = self._state.fitted(questions)

    def draw(self) -> None:
        setup, results = self._setup(), self._results()
        self.show({"problem": Markup(), **setup, "work": Markup(), **results, "code": self._code()})

    def snapshot(self) -> Markup:
        made = self.compared
        if made is None:
            return snapshot_html(self._state, None, Markup())
        table = questions_snapshot(made, self._state, style=IN_NOTEBOOK)
        return snapshot_html(self._state, made, table)

    def to_code(self) -> str:
        """Lines of Python that make the same comparison."""
        store = str(self.desk.workbench.store.uri)
        return self._state.to_code(store, self.desk.labelled.source)

    def _run(self, state: CompareState, asked: Sequence[Question], check: Check) -> None:
        configs = dict(zip(state.names, (state.baseline, state.other), strict=True))
        with self.ended_by_errors(check):
            made = self.desk.workbench.compare(
                asked, configs, measures=state.measures, progress=self.telling(check)
            )
        looks = spends_holdout(state.split, self.desk.labelled.questions)
        with self._lock:
            check()
            self._n_looks += looks
            self.compared = Compared(
                state=state,
                comparison=made,
                questions={question.query_id: question for question in asked},
                n_looks=self._n_looks if looks else 0,
            )
            self._pipelines, self.rankings = {}, None
            self.end_work()
            self._list(by="", page=0, question="")
        self.keep()

    def end_work(self, said: Markup | None = None) -> None:
        self._comparing = False
        super().end_work(said)

    def _stop(self) -> None:
        self.cancel()
        self.end_work(_STOPPED)

    def _setup(self) -> dict[str, Markup]:
        """The parts that say what will be compared."""
        labelled = self.desk.labelled
        measures = measures_html(self._state, labelled.questions, n_unfit=labelled.n_unfit)
        return {"pipelines": pipelines_html(self._state), "measures": measures}

    def _results(self) -> dict[str, Markup]:
        """The parts that say what came out."""
        made, found = self.compared, self.rankings
        if made is None:
            return dict.fromkeys(("verdict", "questions", "rankings"), Markup())
        return {
            "verdict": verdict_html(made, self._state),
            "questions": questions_html(made, self._state),
            "rankings": rankings_html(found, made.state.names) if found else Markup(),
        }

    def _code(self) -> Markup:
        return code("compare", self.to_code())

    def _turn_to(self, page: int) -> None:
        made = self.compared
        n_rows = len(listed(made, self._state)) if made else 0
        self._list(page=max(0, min(page, (n_rows - 1) // ROWS)))

    def _list(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self.show(self._results())

    def _hold_both(self, baseline: PipelineConfig, other: PipelineConfig) -> None:
        self.state = replace(self._state, baseline=baseline, other=other)

    def _take_from_live(self) -> None:
        self.hold(*pipelines_of_live(self.desk), ("pinned baseline", "live settings"))

    def _asked(self, query_id: str) -> tuple[Compared, Question]:
        made = self.compared
        if made is None or query_id not in made.questions:
            raise InvalidRecordError("that question was not compared; choose one of the list.")
        return made, made.questions[query_id]

    def _look(self, query_id: str) -> None:
        """Show what both pipelines select for a question."""
        made, question = self._asked(query_id)
        if self._comparing:
            raise InvalidRecordError("a comparison runs; wait until it is done, or cancel it.")
        self._list(question=query_id)
        self.show({"work": busy("Asking both pipelines")})

        def job(check: Check) -> None:
            with self.ended_by_errors(check):
                pipelines = [self._pipeline(made.state.pipeline(side), check) for side in SIDES]
                found = rankings_of(question, *pipelines)
            with self._lock:
                check()
                self.rankings = found
                self.show({"work": Markup(), **self._results()})

        self.work(job)

    def _pipeline(self, config: PipelineConfig, check: Check) -> Pipeline:
        """Opened once for a comparison: it may need an index in memory."""
        key = config.fingerprint()
        if key not in self._pipelines:
            workbench = self.desk.workbench
            self._pipelines[key] = workbench.trial(config, progress=self.telling(check))
        return self._pipelines[key]

    def _walk(self, value: str) -> None:
        side, _, query_id = value.partition(":")
        made, question = self._asked(query_id)
        walk_through(self, question, made.state.pipeline(side))

    def _browse(self, value: str) -> None:
        side, _, rank = value.partition(":")
        made, found = self.compared, self.rankings
        if made is None or found is None:
            raise InvalidRecordError("no rankings are shown; choose a question of the list.")
        chunk = found.selected(side).chunks[int(rank) - 1]
        show_chunk(self, chunk, made.state.pipeline(side))
