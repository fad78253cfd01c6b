"""Every labelled question of one configuration diagnosed: a table, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import pandas as pd

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case import Case
from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.clusters import Handle, clusters, handles_of, outcome_of
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.headroom import headroom, step_of
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.records import Diagnosis
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.judging import why_unjudged
from whymiss.evaluation.labels import Question
from whymiss.evaluation.run import as_html
from whymiss.evaluation.statistics import Interval, wilson
from whymiss.stages import STAGES
from whymiss.text import esc

Progress = Callable[[str, int, int], None]

TABLE: Final = (
    "query_id", "text", "tags", "ending", "lost_at", "stage", "cause", "name", "proven",
    "together", "unexplained", "step", "n_reruns",
)  # fmt: skip
_COUNTED: Final = ("n", "share", "low", "high", "query_ids")
BY_STAGE: Final = ("stage", *_COUNTED)
BY_CAUSE: Final = ("cause", "name", *_COUNTED)
FAILURES: Final = ("stage", "cause", "name", *_COUNTED)
UNJUDGED: Final = ("query_id", "reason")
_CLUSTERS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """One judged question: its diagnosis, where it counts in the headroom, what it shares."""

    diagnosis: Diagnosis
    step: str
    handles: frozenset[Handle]

    @property
    def stage(self) -> str:
        """The stage at fault; empty where nothing failed."""
        if self.diagnosis.ending == "healthy":
            return ""
        return self.diagnosis.stage or "answer"


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """Every question of a set diagnosed: what `Workbench.diagnose_all` gives.

    surveyed : the questions that can be judged, in the order of the set.
    unjudged : those that cannot, each with the reason; they count nowhere.
    answers : whether answers were written and judged.
    """

    config: PipelineConfig
    answers: bool
    surveyed: tuple[Surveyed, ...]
    unjudged: pd.DataFrame

    @cached_property
    def diagnoses(self) -> dict[str, Diagnosis]:
        """The diagnosis of every judged question by its id, in the order of the set."""
        return {one.diagnosis.question.query_id: one.diagnosis for one in self.surveyed}

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per judged question, failed or not.

        `stage` is the one at fault and `lost_at` the one where the evidence went missing; `cause`
        is the first proven one, `proven` has all, and `together` says whether all are needed.
        `step` is where the question counts in `headroom`.
        """
        return pd.DataFrame([_table_row(one) for one in self.surveyed], columns=list(TABLE))

    @cached_property
    def score(self) -> Interval:
        """The share of judged questions that came through, with its Wilson interval."""
        return wilson(len(self.surveyed) - len(self._failed), len(self.surveyed))

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Failed questions by stage at fault and first proven cause, in the order of the pipeline.

        The cause is empty where none is proven. `share` is of all judged questions, with its
        Wilson interval.
        """
        rows = self._counted(("stage", "cause", "name"))
        rows.sort(key=lambda row: (_place(row["stage"]), -row["n"], _cause_place(row["cause"])))
        return pd.DataFrame(rows, columns=list(FAILURES))

    @cached_property
    def by_stage(self) -> pd.DataFrame:
        """Failed questions by stage at fault, in the order of the pipeline."""
        rows = self._counted(("stage",))
        rows.sort(key=lambda row: _place(row["stage"]))
        return pd.DataFrame(rows, columns=list(BY_STAGE))

    @cached_property
    def by_cause(self) -> pd.DataFrame:
        """Failed questions by first proven cause, most frequent first."""
        rows = self._counted(("cause", "name"))
        rows.sort(key=lambda row: (-row["n"], _cause_place(row["cause"])))
        return pd.DataFrame(rows, columns=list(BY_CAUSE))

    @cached_property
    def headroom(self) -> pd.DataFrame:
        """What each step would bring if it and all behind it were perfect: see `headroom`."""
        steps = {one.diagnosis.question.query_id: one.step for one in self.surveyed}
        return headroom(steps, answers=self.answers)

    @cached_property
    def clusters(self) -> pd.DataFrame:
        """Failures that one fix may bring back together, largest first: see `clusters`."""
        return clusters(
            [outcome_of(one.diagnosis, one.handles, one.stage) for one in self.surveyed]
        )

    @property
    def _failed(self) -> list[Surveyed]:
        return [one for one in self.surveyed if one.stage]

    def _counted(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Failed questions counted by some columns of the table."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for one in self._failed:
            row = _table_row(one)
            groups.setdefault(tuple(row[key] for key in keys), []).append(row["query_id"])
        rows = []
        for group, ids in groups.items():
            rate = wilson(len(ids), len(self.surveyed))
            rows.append(
                {
                    **dict(zip(keys, group, strict=True)),
                    "n": len(ids), "share": rate.estimate, "low": rate.low, "high": rate.high,
                    "query_ids": tuple(ids),
                }
            )  # fmt: skip
        return rows

    def __repr__(self) -> str:
        causes = self.by_cause.to_dict(orient="records")
        return "\n".join([self._headline, *(f"  {_cause_name(row)}: {row['n']}" for row in causes)])

    @property
    def _headline(self) -> str:
        said = f"Survey of {len(self.surveyed)} questions: {self.score} come through"
        return said + (
            f"; {len(self.unjudged)} more cannot be judged" if len(self.unjudged) else ""
        )

    def _repr_html_(self) -> str:
        failures = self.failures.drop(columns="query_ids")
        failures["name"] = failures["name"].replace("", "unexplained")
        ladder = self.headroom[["step", "n", "share", "score_after", "perfect"]]
        together = self.clusters[["n", "of", "says"]]
        hidden = len(together) - _CLUSTERS_SHOWN
        pieces = [
            f"<p>{esc(self._headline)}</p>",
            as_html(failures, index=False),
            f"<p>Headroom: from {self.score.estimate:.3f} up to 1, the last row first</p>",
            as_html(ladder, index=False),
            "<p>Worth fixing together</p>",
            as_html(together.head(_CLUSTERS_SHOWN), index=False),
            *([f"<p>and {hidden} more in <code>clusters</code></p>"] if hidden > 0 else []),
        ]
        # MathJax leaves this class alone, so that a price in dollars is no formula.
        return f'<div class="mathjax_ignore">{"".join(pieces)}</div>'


def survey(
    questions: Sequence[Question], scene: Scene, *, lab: Lab, progress: Progress | None = None
) -> Survey:
    """Diagnose every question in the place of a scene's own.

    Parameters
    ----------
    questions : each id once.
    scene : the pipeline, and the texts that tell what is close to many questions.
    lab : what it keeps is shared by all questions.
    progress : called with (what, done, total).
    """
    surveyed, unjudged = [], []
    for done, question in enumerate(questions):
        if progress is not None:
            progress("diagnose questions", done, len(questions))
        asked = replace(scene, question=question)
        if reason := _unjudged_because(asked, lab):
            unjudged.append((question.query_id, reason))
        else:
            surveyed.append(_surveyed(asked, lab))
    if progress is not None:
        progress("diagnose questions", len(questions), len(questions))
    return Survey(
        config=scene.config,
        answers=scene.answers,
        surveyed=tuple(surveyed),
        unjudged=pd.DataFrame(unjudged, columns=list(UNJUDGED), dtype=object),
    )


def _cause_name(row: Mapping[Hashable, Any]) -> str:
    return f"{row['name']} ({row['cause']})" if row["cause"] else "unexplained"


def _surveyed(scene: Scene, lab: Lab) -> Surveyed:
    asked_for = {"repairs": False, "rebuild": False, "answers": scene.answers}
    diagnosis = replace(diagnose(scene, lab=lab), options=asked_for)
    case = Case(lab, lab.run(scene))
    return Surveyed(diagnosis=diagnosis, step=step_of(case), handles=handles_of(case.run))


def _unjudged_because(scene: Scene, lab: Lab) -> str:
    truth = lab.truth(scene)
    if truth.holds is not None or truth.missing:
        return ""
    return why_unjudged(truth.question)


def _table_row(one: Surveyed) -> dict[str, Any]:
    diagnosis, cause = one.diagnosis, one.diagnosis.cause
    query = diagnosis.question.query
    return {
        "query_id": query.query_id,
        "text": query.text,
        "tags": query.tags,
        "ending": diagnosis.ending,
        "lost_at": diagnosis.lost_at,
        "stage": one.stage,
        "cause": cause.cause if cause is not None else "",
        "name": cause.name if cause is not None else "",
        "proven": diagnosis.proven,
        "together": bool(cause is not None and cause.together_with),
        "unexplained": diagnosis.unexplained,
        "step": one.step,
        "n_reruns": diagnosis.n_reruns,
    }


def _place(stage: str) -> tuple[int, str]:
    # "dense, bm25" stands where its first stage does.
    return STAGES.index(stage.partition(",")[0]), stage


def _cause_place(code: str) -> int:
    codes: Iterable[str] = [cause.code for cause in CAUSES]
    return [*codes, ""].index(code)
