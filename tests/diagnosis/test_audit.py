"""What is said without evidence: each audit out of order, and in order; the rest is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from handmade import handmade, question

from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.diagnosing import diagnose
from whymiss.diagnosis.edits import with_documents, with_rows
from whymiss.diagnosis.records import Finding
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation.labels import Question
from whymiss.records import Document

TEXTS = {
    "refund.md": "Refunds take ten business days.",
    "phone.md": "Phone support costs nothing on annual plans.",
    "sync.md": "Offline edits are merged at night.",
    "export.md": "Exports run once a day.",
}
COSINES = {"Refunds": 0.9, "Phone": 0.5, "Offline": 0.4, "Exports": 0.3}
TOLD = {"Q1", "S3a", "S3b", "S3c", "S3d", "I1", "I2", "I3", "I4", "F2", "F3", "S5", "C1", "G2",
        "G3", "X1"}  # fmt: skip


def unlabelled(cosines: dict[str, float] | None = None, **settings: Any) -> Scene:
    """The texts above, asked about refunds, with no evidence known."""
    asked = question(TEXTS, ("refund.md", TEXTS["refund.md"]), text="How long do refunds take?")
    scene = handmade(TEXTS, asked, cosines or COSINES, **settings)
    return replace(scene, question=Question(query=asked.query))


def finding(scene: Scene, cause: str) -> Finding:
    made = diagnose(scene)
    assert made.ending == "unjudged"
    assert made.proven == ()
    return made.finding(cause)


def test_what_only_the_evidence_could_tell_is_unknown_and_never_cleared() -> None:
    made = diagnose(unlabelled())

    assert {f.cause for f in made.findings} == {cause.code for cause in CAUSES}
    assert {f.cause for f in made.findings if f.verdict == "cleared"} <= TOLD
    assert all(f.verdict == "unknown" for f in made.findings if f.cause not in TOLD)
    assert not made.unexplained


def test_support_outside_of_the_context_is_found_by_searching_everything() -> None:
    behind = {**COSINES, "Refunds": 0.1}
    found = finding(unlabelled(behind, knobs={"retrieval.k": 2}), "Q1")

    assert found.verdict == "implicated"
    assert "refund.md" in found.says
    assert found.numbers["outside"] > found.numbers["inside"]


def test_where_the_context_has_the_best_support_an_answer_is_still_not_known() -> None:
    assert finding(unlabelled(knobs={"retrieval.k": 2}), "Q1").verdict == "unknown"


def test_a_document_that_changed_since_its_rows_were_made_is_seen() -> None:
    scene = unlabelled()
    document = scene.document("phone.md")
    assert document is not None
    changed = with_documents(scene, {"phone.md": replace(document, text="Phone support ended.")})

    assert finding(changed, "I1").verdict == "implicated"
    assert finding(scene, "I1").verdict == "cleared"


def test_a_stored_document_without_rows_is_seen() -> None:
    scene = unlabelled()
    new = Document(doc_id="new.md", text="Nothing of this is indexed.", allowed=("*",))

    assert finding(with_documents(scene, {"new.md": new}), "I3").verdict == "implicated"
    assert finding(scene, "I3").verdict == "cleared"


def test_rows_that_stand_twice_are_seen() -> None:
    scene = unlabelled()
    chunk = scene.space.snapshot.chunks[0]
    twice = with_rows(scene, add=[replace(chunk, chunk_id=f"{chunk.chunk_id}-copy")])

    assert finding(twice, "I2").verdict == "implicated"
    assert finding(scene, "I2").verdict == "cleared"


def test_selected_chunks_that_were_not_read_whole_are_seen() -> None:
    scene = unlabelled()
    rows = {chunk.doc_id: row for row, chunk in enumerate(scene.space.snapshot.chunks)}
    row = rows["refund.md"]
    chunk = scene.space.snapshot.chunks[row]
    cut = with_rows(scene, drop=[row], add=[replace(chunk, n_truncated=5)])

    assert finding(cut, "S3a").verdict == "implicated"
    assert finding(scene, "S3a").verdict == "cleared"


@pytest.mark.parametrize(("budget", "verdict"), [(12, "implicated"), (1500, "cleared")])
def test_selected_chunks_that_do_not_fit_are_seen(budget: int, verdict: str) -> None:
    assert finding(unlabelled(knobs={"context.token_budget": budget}), "C1").verdict == verdict


def test_branches_that_find_nothing_in_common_are_seen() -> None:
    apart = {**COSINES, "Refunds": 0.1}

    assert finding(unlabelled(apart, knobs={"retrieval.k": 1}), "S5").verdict == "implicated"
    assert finding(unlabelled(knobs={"retrieval.k": 1}), "S5").verdict == "cleared"
