"""What a study rests on has a name, and the name changes exactly with the content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from whymiss.errors import MixedQueriesError
from whymiss.evaluation.labels import Question
from whymiss.evaluation.provenance import provenance
from whymiss.workbench import Workbench


def told(workbench: Workbench, questions: list[Question], **changes: Any) -> dict[str, str]:
    config = workbench.config.replace(changes)
    run = workbench.evaluate(questions, config=config, measures=["mrr"])
    return dict(provenance({"one": run}, questions, workbench.documents))


def test_the_same_study_has_the_same_names_in_any_order(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    library = open_lab()
    here = told(library, questions)
    assert here == told(library, questions[::-1])
    assert here["documents"].startswith(f"{len(library.documents)}, ")
    assert here["questions"].startswith(f"{len(questions)}, ")
    assert (here["configurations"][:3], here["measures"]) == ("1, ", "mrr")


def test_what_changed_is_what_has_another_name(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    library = open_lab()
    here = told(library, questions)
    other_knob = told(library, questions, **{"retrieval.k": 2})
    assert {name for name in here if here[name] != other_knob[name]} == {"configurations"}
    query = replace(questions[0].query, text="Something else?")
    other_question = told(library, [replace(questions[0], query=query), *questions[1:]])
    assert {name for name in here if here[name] != other_question[name]} == {"questions"}
    run = library.evaluate(questions, measures=["mrr"])
    changed = library.documents.assign(content_hash="another")
    other_text = dict(provenance({"one": run}, questions, changed))
    assert {name for name in here if here[name] != other_text[name]} == {"documents"}


def test_questions_that_were_asked_must_be_given(
    open_lab: Callable[..., Workbench], questions: list[Question]
) -> None:
    library = open_lab()
    run = library.evaluate(questions, measures=["mrr"])
    nothing = pd.DataFrame({"doc_id": [], "content_hash": []})
    with pytest.raises(MixedQueriesError, match="is not among them"):
        provenance({"one": run}, questions[1:], nothing)
