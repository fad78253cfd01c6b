"""Questions on a map: the one that is looked at, and those of an evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from whymiss.maps.looking import looked_at
from whymiss.maps.points import question_points
from whymiss.neighbourhood.occurrence import shares
from whymiss.text import counted

if TYPE_CHECKING:
    from whymiss.diagnosis.case import Case
    from whymiss.evaluation.run import EvaluationRun
    from whymiss.maps.embedding_map import EmbeddingMap
    from whymiss.maps.surface import Surface
    from whymiss.protocols import Vectors


def with_case(made: EmbeddingMap, case: Case, surface: Surface) -> EmbeddingMap:
    """The map with what one question's run says of every chunk, and the question itself."""
    query, judged = case.scene.question.query, case.run.truth.holds is not None
    asked = case.lab.vectors(case.scene, [query.text])
    table = pd.DataFrame(
        {
            "query_id": [query.query_id],
            "text": [query.text],
            "lost_at": [case.run.lost_at if judged or case.run.truth.missing else pd.NA],
        }
    )
    seen = replace(made, frame=looked_at(made.frame, case))
    return seen.with_questions(_points(table, asked, surface, role="question"), asked)


def with_run(
    made: EmbeddingMap, run: EvaluationRun, asked: Vectors, surface: Surface
) -> EmbeddingMap:
    """The map with the questions of a run, which also tell what is close to many.

    Parameters
    ----------
    asked : vectors of the run's questions, in the order of its table.
    """
    chunks = made.chunks.assign(hubness=shares(asked, made.vectors))
    frame = pd.concat([chunks, made.questions], ignore_index=True)
    note = f"hubness is by the {counted(len(asked), 'question')} of run {run.name!r}"
    notes = (*(n for n in made.notes if not n.startswith("hubness")), note)
    points = _points(run.table, asked, surface, role="")
    return replace(made, frame=frame, notes=notes).with_questions(points, asked)


def _points(table: pd.DataFrame, asked: Vectors, surface: Surface, *, role: str) -> pd.DataFrame:
    return question_points(
        table,
        surface.place(asked),
        topics=surface.topics(asked),
        labels=surface.labels,
        role=role,
    )
