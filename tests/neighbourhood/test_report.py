"""The reports together: lazy, said in words, harmless in a page, and defined or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from whymiss.evaluation.labels import Question
from whymiss.neighbourhood import TABLES, Neighbourhood
from whymiss.neighbourhood import report as module
from whymiss.neighbourhood.ground import Ground
from whymiss.neighbourhood.shown import ROWS, shown

GroundOf = Callable[..., Ground]
Asking = Callable[..., Question]

HOSTILE = "<script>alert(1)</script> & $x^2$ \u202egnp <img src=x onerror=alert(2)>"
RULE = "may carry over ten days of leave into the next year if the manager agrees in March"


def test_nothing_is_computed_until_it_is_asked_for(
    ground_of: GroundOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(module, "near_duplicates", refuse)
    found = Neighbourhood(ground_of({"a": RULE}))
    assert len(found.gaps) == 0
    with pytest.raises(AssertionError, match="computed"):
        _ = found.families


@pytest.mark.parametrize("n", [0, 1])
def test_an_index_of_no_or_one_chunk_has_every_table_and_says_what_is_undefined(
    ground_of: GroundOf, n: int
) -> None:
    whole = ground_of({"a": RULE})
    snapshot = whole.space.snapshot
    cut = replace(snapshot, chunks=snapshot.chunks[:n], vectors=snapshot.vectors[:n])
    found = Neighbourhood(replace(whole, space=replace(whole.space, snapshot=cut)))

    for name in TABLES:
        if name != "summary":
            assert len(getattr(found, name)) == (n if name == "occurrences" else 0), name
    said = found.summary.set_index("part")
    assert said.loc["hubs", "undefined_because"].startswith(f"{n} sentinel")
    assert said.loc["coverage gaps", "undefined_because"] == "there are no questions"
    assert said["n"].isna().tolist() == [False, False, True, False, True, False]
    assert "coverage gaps: undefined, there are no questions" in repr(found)
    assert f"Neighbourhood of {n} chunk" in found._repr_html_()


def test_text_of_documents_and_questions_reaches_a_page_as_text_alone(
    ground_of: GroundOf, asking: Asking
) -> None:
    name = '"><script>alert(0)</script>'
    words = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    bodies = (RULE, RULE, " ".join(words[:13] * 2), " ".join(words[13:] * 2))
    texts = {f"{name}{i}": f"{body}\n{HOSTILE} stands here" for i, body in enumerate(bodies)}
    texts |= {f"d{i}": f"Matter{i} of shop{i}." for i in range(25)}
    questions = [asking(f"shop{i}", f"d{i}") for i in range(25)]
    questions.append(asking(f"{HOSTILE} unheard", tags=("unanswerable",)))
    about = {doc_id: {"title": HOSTILE} for doc_id in texts}
    html = Neighbourhood(ground_of(texts, questions, about=about))._repr_html_()

    assert "&lt;script&gt;alert(0)&lt;/script&gt;0" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for raw in ("<script", "<img", "$x^2$", "\u202e"):
        assert raw not in html


def test_long_tables_are_cut_and_say_so(ground_of: GroundOf) -> None:
    texts = {f"d{i:02}": f"{RULE} and {word}" for i, word in enumerate("abcdefgh")}
    found = Neighbourhood(ground_of(texts))
    parts = {part.attribute: part for part in shown(found)}

    assert parts["duplicates"].n == len(found.duplicates) == 28
    assert len(parts["duplicates"].frame) == ROWS
    assert "and 20 more in <code>duplicates</code>" in found._repr_html_()


def test_labels_that_do_not_fit_are_counted(ground_of: GroundOf) -> None:
    found = Neighbourhood(replace(ground_of({"a": RULE}), left_out=2))

    assert found.headline.endswith("; 2 questions left out: a label does not fit")
