"""The live retrieval panel: a question, every knob, and what is retrieved, as the knobs move."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whymiss.config import PipelineConfig
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.live import LiveResult
from whymiss.live.collector import collected_later
from whymiss.pages.markup import Markup, foreign, join, tag
from whymiss.records import Chunk, Query
from whymiss.widgets.base.asker import names_of, where_of
from whymiss.widgets.base.controls import code
from whymiss.widgets.base.knobs import turned
from whymiss.widgets.base.panel import busy
from whymiss.widgets.base.reporting import Reporting
from whymiss.widgets.handing import show_chunk, walk_through
from whymiss.widgets.live.cards import Place, cards_of
from whymiss.widgets.live.cards_view import cards_html
from whymiss.widgets.live.knobs_view import knobs_html
from whymiss.widgets.live.state import LiveState
from whymiss.widgets.live.view import (
    ask_html,
    delivery_of,
    measure_html,
    measured_html,
    settings_table,
    strip_html,
    waiting_html,
)

if TYPE_CHECKING:
    from whymiss.live.background import Check
    from whymiss.records import Clause
    from whymiss.widgets.base.surface import Event
    from whymiss.widgets.desk import Desk


@dataclass(frozen=True, slots=True)
class _Held:
    """What the baseline selected for a question."""

    asked: tuple[Query, PipelineConfig]
    chunks: tuple[Chunk, ...]


_HURRY: Final = 0.2
"""Seconds between two changes below which a person is still moving something."""

_BREATH: Final = 0.08
"""Seconds without a further change after which the search begins while something moves."""


class LivePanel(Reporting):
    """What a pipeline retrieves while its knobs move, without building its index.

    Attributes
    ----------
    state : everything that decides what is shown; setting it searches anew.
    result : the newest result of the state; None before the first.
    """

    kind: ClassVar[str] = "live"
    label: ClassVar[str] = "Live retrieval"
    verb: ClassVar[str] = "live_panel"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = LiveState(config=desk.workbench.config)
        self.result: LiveResult | None = None
        self._held: _Held | None = None
        self._pointed: tuple[Place, ...] = ()
        self._moved_along = ""
        self._changed_at = 0.0
        self._measured: tuple[PipelineConfig, tuple[str, ...]] | None = None
        self._prepared: set[object] = set()
        self.draw()

    @property
    def state(self) -> LiveState:
        """Question, asker, filter, every knob, and the pinned baseline."""
        return self._state

    @state.setter
    def state(self, state: LiveState) -> None:
        with self._lock:
            self._moved_along = ""
            self._become(state)
            self.draw()

    def ask(self, question: str | Question | Query) -> None:
        """Ask another question, as free text or as it is labelled."""
        self.state = self._asked(question)

    def try_out(
        self,
        config: PipelineConfig,
        question: str | Question | Query | None = None,
        where: Sequence[Clause] = (),
    ) -> None:
        """Carry a pipeline into the panel; the one there was becomes the pinned baseline.

        Parameters
        ----------
        question : to ask; by default the one there is.
        where : filters to ask it with, in addition to its own.
        """
        state = self._state if question is None else self._asked(question)
        asked = tuple(dict.fromkeys((*state.where, *where)))
        self.state = replace(state, config=config, baseline=self._state.config, where=asked)

    def reconfigure(self, config: PipelineConfig) -> None:
        """Take another pipeline; question, asker and baseline stay."""
        self.state = replace(self._state, config=config)

    def point_at(self, spans: Sequence[Place]) -> None:
        """Mark the cards that touch these places."""
        with self._lock:
            self._pointed = tuple(spans)
            self._draw_result()

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {
            "ask": lambda event: self.ask(str(event.fields.get("question", ""))),
            "pin": lambda _: self._pin(self._state.config),
            "unpin": lambda _: self._pin(None),
            "reset": lambda _: self._reset(),
            "cancel": lambda _: self._stop(),
            "measure": lambda _: self._measure(),
            "walk": lambda _: self._walk(),
            "browse": lambda event: self._browse(str(event.value)),
            "locate": lambda event: self._locate(str(event.value)),
        }

    def turn(self, knob: str, value: Any) -> None:
        state = self._state
        self._moved_along = ""
        if knob == "query_id":
            self.ask(self.desk.labelled.question(value) if value else state.question)
            return
        if knob == "principals":
            self._become(replace(state, principals=names_of(str(value))))
            return
        if knob == "where":
            self._become(replace(state, where=where_of(str(value), state.where)))
            return
        before = state.config
        config = turned(knob, value, before)
        self._moved_along = ", ".join(
            f"{name} moved along to {to}"
            for name, (to, _) in config.diff(before).items()
            if name != knob
        )
        self._become(replace(state, config=config))
        self.show({"knobs": knobs_html(self._state)})

    def draw(self) -> None:
        state, labelled = self._state, self.desk.labelled
        self.show(
            {
                "problem": Markup(),
                "ask": ask_html(state, labelled.questions),
                "knobs": knobs_html(state),
                "strip": waiting_html("Ask a question, or choose a labelled one."),
                "work": Markup(),
                "cards": Markup(),
                "measure": self._measure_part(),
                "code": code("live", self.to_code()),
            }
        )
        self._draw_result()

    def questions_changed(self) -> None:
        with self._lock:
            state = self._state
            known = {question.query_id for question in self.desk.labelled.questions}
            if state.query_id and state.query_id not in known:
                # Its evidence is not known any more; the question is.
                self._become(replace(state, query_id=""))
            self.draw()

    def snapshot(self) -> Markup:
        state, result = self._state, self.result
        if result is None:
            return tag("p", "Live retrieval: no question was asked.")
        return join(
            [
                tag("h3", "Live retrieval: ", foreign(state.question)),
                strip_html(result, delivery_of(result, self._question())),
                settings_table(state),
                cards_html(self._cards(result), controls=False),
            ]
        )

    def to_code(self) -> str:
        """Lines of Python that search the same."""
        return self._state.to_code(str(self.desk.workbench.store.uri))

    def cancel(self) -> None:
        self.desk.workbench.live.cancel()
        super().cancel()

    def close(self) -> None:
        if not self.closed:
            self.cancel()
        super().close()

    def _asked(self, question: str | Question | Query) -> LiveState:
        """The state with another question; a labelled one brings its asker and filter."""
        if isinstance(question, str):
            if not question.strip():
                raise InvalidRecordError("the panel needs a question with at least one word.")
            same = question == self._state.question
            return replace(
                self._state, question=question, query_id=self._state.query_id if same else ""
            )
        query = question.query if isinstance(question, Question) else question
        known = {labelled.query_id for labelled in self.desk.labelled.questions}
        return replace(
            self._state,
            question=query.text,
            query_id=query.query_id if query.query_id in known else "",
            principals=query.principals,
            where=query.where,
        )

    def _become(self, state: LiveState) -> None:
        """Take a state on, and search for it in place of whatever is searched."""
        self._state = state
        self.cancel()
        now = time.monotonic()
        hurried, self._changed_at = now - self._changed_at < _HURRY, now
        if state.question:
            self.work(lambda check: self._search(state, check, hurried=hurried))

    def _search(self, state: LiveState, check: Check, *, hurried: bool) -> None:
        live = self.desk.workbench.live
        if hurried:
            # What a drag only passes through is not begun: it could not be stopped at once.
            time.sleep(_BREATH)
            check()
        self._prepare(state.config, check)
        self._hold_baseline(state, check)
        check()
        with collected_later():
            run = live.search(state.query(), state.config)
            results = iter(run)
            if run.latest is not None:
                self._take(next(results), state, check)
        for result in results:
            self._take(result, state, check)

    def _take(self, result: LiveResult, state: LiveState, check: Check) -> None:
        """Show a result of what the panel is set to; one of an earlier setting is dropped."""
        check()
        with self._lock:
            if state is self._state:
                self.result = result
                self._draw_result()
        if result.kind != "preview":
            self.keep()

    def _prepare(self, config: PipelineConfig, check: Check) -> None:
        """Add the token vectors that previews need, once for a model."""
        if config.embedding in self._prepared:
            return
        self.show({"work": busy("Getting ready: the model is loaded, documents are read")})
        with self.ended_by_errors(check):
            self.desk.workbench.live.prepare(config, progress=self.telling(check))
        self._prepared.add(config.embedding)
        self.end_work()

    def _hold_baseline(self, state: LiveState, check: Check) -> None:
        """Find out what the baseline selects for the question, unless that is known."""
        if state.baseline is None or (self._held and self._held.asked == _baseline_of(state)):
            return
        self.show({"work": busy("Asking the baseline")})
        with self.ended_by_errors(check):
            found = self.desk.workbench.live.search(state.query(), state.baseline).wait("exact")
        check()
        self.end_work()
        if found is not None:
            self._held = _Held(_baseline_of(state), found.chunks)

    def _pin(self, config: PipelineConfig | None) -> None:
        self.state = replace(self._state, baseline=config)

    def _reset(self) -> None:
        state = self._state
        self.state = replace(state, config=self.desk.workbench.config, baseline=None)

    def _stop(self) -> None:
        self.cancel()
        self.show({"work": Markup()})
        self._draw_result(stopped=True)

    def _measure(self) -> None:
        """Measure the settings, and the baseline with them, on the labelled questions."""
        state, questions = self._state, self.desk.labelled.questions
        self.cancel()
        workbench = self.desk.workbench
        measures = [f"recall@{state.config.retrieval.k}", "delivered_evidence"]

        def job(check: Check) -> None:
            tell = self.telling(check)
            with self.ended_by_errors(check):
                knobs = {"retrieval.k": [state.config.retrieval.k]}
                made = workbench.sweep(
                    questions, knobs, config=state.config, measures=measures, progress=tell
                )
                (run,) = made.runs.values()
                scores = {name: run.score(name) for name in measures}
                lines = [f"{name}: {s} over {s.n} questions" for name, s in scores.items()]
                if state.baseline is not None:
                    pair = {"baseline": state.baseline, "these settings": state.config}
                    held = workbench.compare(questions, pair, measures=measures, progress=tell)
                    lines += held.sentences()
            with self._lock:
                check()
                self.end_work()
                self._measured = state.config, tuple(lines)
                self.show({"measure": self._measure_part()})

        self.work(job)

    def _measure_part(self) -> Markup:
        labelled = self.desk.labelled
        asked = measure_html(len(labelled.questions), labelled.n_unfit)
        if self._measured is None:
            return asked
        config, lines = self._measured
        return join([asked, measured_html(lines, config, now=self._state.config)])

    def _walk(self) -> None:
        asked = self._question() or Question(query=self._state.query())
        walk_through(self, asked, self._state.config)

    def _browse(self, chunk_id: str) -> None:
        show_chunk(self, self._chunk(chunk_id), self._state.config)

    def _locate(self, chunk_id: str) -> None:
        from whymiss.widgets.map.panel import MapPanel

        chunk = self._chunk(chunk_id)
        found = self.desk.panel(MapPanel)
        found.look_at(self._question() or self._state.query())
        found.point_at([(chunk.doc_id, chunk.start, chunk.end)])
        self.desk.bring_to_front(found, self)

    def _chunk(self, chunk_id: str) -> Chunk:
        if self.result is None or chunk_id not in self.result.space.snapshot.row_of:
            raise InvalidRecordError(
                "the results have changed since; press the button of a card that is shown now."
            )
        snapshot = self.result.space.snapshot
        return snapshot.chunks[snapshot.row_of[chunk_id]]

    def _question(self) -> Question | None:
        """The labelled question, as it is asked now; None for a free one."""
        state = self._state
        if not state.query_id:
            return None
        return replace(self.desk.labelled.question(state.query_id), query=state.query())

    def _draw_result(self, *, stopped: bool = False) -> None:
        result = self.result
        if result is None:
            return
        delivery = delivery_of(result, self._question())
        self.show(
            {
                "strip": strip_html(result, delivery, moved=self._moved_along, stopped=stopped),
                "cards": cards_html(self._cards(result)),
                "measure": self._measure_part(),
                "code": code("live", self.to_code()),
            }
        )

    def _cards(self, result: LiveResult) -> Any:
        question = self._question()
        spans = [span for way in question.evidence for span in way] if question else []
        state = self._state
        held = self._held
        compared = (
            held is not None and state.baseline is not None and (held.asked == _baseline_of(state))
        )
        return cards_of(
            result,
            document=self.desk.workbench.live.document,
            evidence=spans,
            baseline=held.chunks if compared and held else None,
            pointed=self._pointed,
        )


def _baseline_of(state: LiveState) -> tuple[Query, PipelineConfig]:
    """What decides what the baseline selects."""
    assert state.baseline is not None
    return state.query(), state.baseline
