"""The wrong-answer walk: from an answer to its proven cause and an applied repair."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whymiss.diagnosis.case_file.recipe import recipe
from whymiss.diagnosis.locating import Located
from whymiss.errors import InvalidRecordError
from whymiss.evaluation.labels import Question
from whymiss.pages.markup import Markup
from whymiss.widgets.base.asker import names_of, where_of
from whymiss.widgets.walk import steps
from whymiss.widgets.walk.outcome import applied_code
from whymiss.widgets.walk.picking import Picking
from whymiss.widgets.walk.results import Outcome, Walked
from whymiss.widgets.walk.sight import Sight
from whymiss.widgets.walk.snapshot import snapshot_html
from whymiss.widgets.walk.state import WalkState
from whymiss.widgets.walk.view import Offered, parts_of

if TYPE_CHECKING:
    from whymiss.config import PipelineConfig
    from whymiss.diagnosis.repairs.repair import Repair
    from whymiss.evaluating import Questions
    from whymiss.live.background import Check
    from whymiss.records import Query
    from whymiss.widgets.base.surface import Event
    from whymiss.widgets.desk import Desk
    from whymiss.widgets.live.panel import LivePanel

_IN_NO_FILE: Final = (
    "# Repairs were priced on labelled questions that are in no file: diagnose(labelled=QUESTIONS)."
)


class WalkPanel(Picking):
    """Walks a wrong answer to the step that lost its evidence, proves the cause, tries repairs.

    The steps stand one below the other. Each appears when it can be taken, and changing one takes
    back what came of it further down.

    Attributes
    ----------
    state : what was asked, and what was said of the answer; setting it asks again.
    walked : what the steps found so far.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import whymiss
    >>> from whymiss.records import Document
    >>> from whymiss.testing import HashingEncoder
    >>> wb = whymiss.open(mkdtemp(), encoder=HashingEncoder())
    >>> report = wb.ingest([Document(doc_id="faq", text="Refunds take ten days.", allowed=["*"])])
    >>> walk = wb.walk("How long do refunds take?")
    >>> walk.flush(), walk.walked.trace.answer.text
    (True, 'Refunds take ten days. [1]')
    >>> walk.press("wrong"); walk.press("paste", "quote", text="ten days"); walk.flush()
    True
    >>> walk.press("diagnose"); walk.flush(), walk.walked.diagnosis.ending
    (True, 'healthy')
    >>> wb.close()
    """

    kind: ClassVar[str] = "walk"
    label: ClassVar[str] = "Wrong-answer walk"
    verb: ClassVar[str] = "walk"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = WalkState(config=desk.workbench.config)
        self._given: Question | None = None
        self._walked = Walked()
        self._sight = Sight()
        self._list_id = f"wm-documents-{uuid.uuid4().hex}"
        self.draw()

    @property
    def state(self) -> WalkState:
        """Question, asker, filter, pipeline, whether the answer is wrong, and the evidence."""
        return self._state

    @state.setter
    def state(self, state: WalkState) -> None:
        with self._lock:
            self._begin(state, self._given)

    @property
    def walked(self) -> Walked:
        """What the steps found so far."""
        return self._walked

    def open(self, question: str | Question | Query, config: PipelineConfig | None = None) -> None:
        """Ask a question, and begin the walk with its answer.

        Parameters
        ----------
        question : as free text, or as it is labelled, with its asker and filter.
        config : the pipeline that answers; the workbench's own when not given.

        Raises
        ------
        InvalidRecordError : the question has no word in it.
        """
        with self._lock:
            given = question if isinstance(question, Question) else None
            self._begin(WalkState.of(question, config or self.desk.workbench.config), given)

    def actions(self) -> Mapping[str, Callable[[Event], None]]:
        return {
            **self.picking_actions(),
            "ask": self._ask,
            "diagnose": lambda _: self._diagnose(),
            "repairs": lambda _: self._repair(rebuild=False),
            "rebuild": lambda _: self._repair(rebuild=True),
            "apply": self._apply,
            "build": lambda _: self._build(),
            "walk-on": lambda _: self._walk_on(),
            "show-live": lambda _: self.desk.bring_to_front(self._live_panel(), self),
            "save": self._save,
            "cancel": lambda _: self.stop(),
        }

    def turn(self, knob: str, value: Any) -> None:
        if knob == "query_id" and value:
            self.open(self.desk.labelled.question(value), self._state.config)
        elif knob == "query_id":
            self._state = replace(self._state, query_id="")
            self.draw()
        elif knob == "pipeline" and value:
            chosen = self._pipelines()[value]
            self._begin(replace(self._state, config=chosen, wrong=None), self._given)
        elif knob == "needs":
            self.revise(self._state.needing(value))

    def snapshot(self) -> Markup:
        return snapshot_html(self._state, self._walked)

    def to_code(self) -> str:
        """Lines of Python that ask the same, and make the same diagnosis where there is one."""
        workbench, walked = self.desk.workbench, self._walked
        if walked.diagnosis is None:
            return self._state.to_code(str(workbench.store.uri))
        labelled, config = self.desk.labelled, self._state.config
        lines = recipe(workbench.case(walked.diagnosis, config=config, labelled=labelled.source))
        if labelled.questions and not labelled.source:
            lines = f"{_IN_NO_FILE}\n{lines}"
        return lines + (applied_code(walked.outcome) if walked.outcome is not None else "")

    def parts(self) -> dict[str, Markup]:
        offered = Offered(
            questions=self.desk.labelled.questions,
            n_unfit=self.desk.labelled.n_unfit,
            labelled=self.labelled(),
            pipelines=self._pipelines(),
            doc_ids=self._doc_ids() if self._walked.trace is not None else (),
            list_id=self._list_id,
        )
        return parts_of(self._state, self._walked, self._sight, offered, to_code=self.to_code())

    def labelled(self) -> Question | None:
        query_id = self._state.query_id
        offered = (*self.desk.labelled.questions, *([self._given] if self._given else []))
        return next((q for q in offered if query_id and q.query_id == query_id), None)

    def _doc_ids(self) -> list[str]:
        return sorted(self.desk.workbench.space(self._state.config).catalogue.documents)

    def _pipelines(self) -> dict[str, PipelineConfig]:
        """Pipelines that can be walked in place of this one, by name."""
        from whymiss.widgets.live.panel import LivePanel

        live = self.desk.opened(LivePanel)
        found = {"the workbench's": self.desk.workbench.config}
        if live is not None:
            found["the live panel's"] = live.state.config
        return {name: config for name, config in found.items() if config != self._state.config}

    def _questions(self) -> Questions | None:
        """What repairs are priced on; by its file where it has one, so that code can name it."""
        labelled = self.desk.labelled
        return (labelled.source or labelled.questions) if labelled.questions else None

    def _question(self) -> Question:
        return self._state.asked(self.labelled())

    @property
    def _answers(self) -> bool:
        return self._walked.trace is not None and self._walked.trace.answer is not None

    def _begin(self, state: WalkState, given: Question | None = None) -> None:
        """Take a state on, and ask its question if there is one."""
        if state.question:
            state.query()
        self.cancel()
        self._state, self._given = state, given
        self._walked, self._sight = Walked(), Sight(pasted=state.expected)
        self.draw()
        if state.question:
            self.work_in("answer", "Asking", lambda check: self._found(
                check, steps.ask(self.desk.workbench, state.query(), state.config)
            ))  # fmt: skip

    def _ask(self, event: Event) -> None:
        text, state = str(event.fields["question"]), self._state
        if not text.strip():
            raise InvalidRecordError("the walk needs a question with at least one word.")
        where = where_of(str(event.fields["where"]), state.where)
        principals = names_of(str(event.fields["principals"]))
        same = text == state.question
        if not same:
            state = replace(state, query_id="", evidence=(), expected="")
        asked = replace(state, question=text, principals=principals, where=where, wrong=None)
        self._begin(asked, self._given if same else None)

    def _found(self, check: Check, walked: Walked) -> None:
        def change() -> None:
            self._walked = walked

        self.settle(check, change)

    def _diagnose(self) -> None:
        self.revise(self._state)
        self.work_in("funnel", "Looking for the cause", self._verdict)

    def _verdict(self, check: Check) -> None:
        """The cause first, shown as soon as it is known; then the repairs."""
        config = self._state.config
        made = steps.diagnose(
            self.desk.workbench, self._question(), config, labelled=self._questions(),
            answers=self._answers, progress=self.teller("funnel", check),
        )  # fmt: skip
        found = replace(self._walked, diagnosis=made)
        if not made.question.evidence and made.candidates:
            note = " ".join(made.notes)
            found = replace(found, located=Located(candidates=made.candidates, note=note))
        self._found(check, steps.with_flow(self.desk.workbench, found, config))
        self._repairs(check, rebuild=False)

    def _repair(self, *, rebuild: bool) -> None:
        self.work_in("repairs", "Trying repairs", lambda c: self._repairs(c, rebuild=rebuild))

    def _repairs(self, check: Check, *, rebuild: bool) -> None:
        walked = self._walked
        assert walked.diagnosis is not None
        made = steps.diagnose(
            self.desk.workbench, self._question(), self._state.config,
            labelled=self._questions(), answers=self._answers, repairs=True, rebuild=rebuild,
            progress=self.teller("repairs", check),
        )  # fmt: skip
        # What the verdict rests on was run before; only the repairs are new.
        known = replace(walked.diagnosis, repairs=made.repairs, options=made.options)
        self._found(check, replace(walked, diagnosis=known, outcome=None))

    def _apply(self, event: Event) -> None:
        """Carry a repair into the live panel, and ask the question here with it."""
        diagnosis = self._walked.diagnosis
        assert diagnosis is not None
        self._try_out(diagnosis.repairs[int(event.value)])

    def _build(self) -> None:
        """Build the index that an applied repair needs, and ask again."""
        outcome = self._walked.outcome
        assert outcome is not None

        def building(check: Check) -> None:
            self.desk.workbench.build(outcome.config, progress=self.teller("outcome", check))

        self._try_out(outcome.repair, first=building)

    def _try_out(self, repair: Repair, first: Callable[[Check], None] | None = None) -> None:
        question, walked = self._question(), self._walked
        live = self._live_panel() if repair.changes or repair.where else None

        def job(check: Check) -> None:
            if first is not None:
                first(check)
            outcome = steps.try_out(
                self.desk.workbench, repair, question, labelled=self._questions(),
                answers=self._answers, progress=self.teller("outcome", check),
            )  # fmt: skip
            self._found(check, replace(walked, outcome=outcome))
            if live is not None:
                # Not under this panel's lock: the other one has a lock of its own.
                _carry(live, outcome, question)
                self._found(check, replace(walked, outcome=replace(outcome, in_live=True)))

        self.work_in("outcome", f"Asking with {repair.title}", job)

    def _live_panel(self) -> LivePanel:
        from whymiss.widgets.live.panel import LivePanel

        return self.desk.panel(LivePanel)

    def _walk_on(self) -> None:
        """Take the repaired pipeline on, and begin again with its answer."""
        outcome = self._walked.outcome
        assert outcome is not None
        config, where = outcome.config, outcome.query.where
        self._begin(replace(self._state, config=config, where=where, wrong=None), self._given)

    def _save(self, event: Event) -> None:
        diagnosis = self._walked.diagnosis
        assert diagnosis is not None
        path = self.desk.workbench.case_file(
            diagnosis, str(event.fields["path"]).strip(), config=self._state.config,
            labelled=self.desk.labelled.source,
        )  # fmt: skip
        self._walked = replace(self._walked, saved=str(path.resolve()))
        self.draw()


def _carry(live: LivePanel, outcome: Outcome, question: Question) -> None:
    """Hand a repair to the live panel, with the pipeline that was diagnosed as its baseline."""
    repair = outcome.repair
    if live.state.config != repair.base:
        live.reconfigure(repair.base)
    live.try_out(outcome.config, question, repair.where)
    spans = (span for spans in question.evidence for span in spans if span.pinned)
    live.point_at([(span.doc_id, *span.interval) for span in spans])
