"""`Workbench.diagnose` from end to end, over a real store and a fast encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import whymiss
from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file import CaseFile, from_json, to_json
from whymiss.diagnosis.causes import CAUSES
from whymiss.diagnosis.records import Diagnosis
from whymiss.errors import IndexNotFoundError, InvalidRecordError, TraceError
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.records import Clause, Document, Query
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

PRODUCTS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Iris")
PLANS = ("annual", "monthly", "free")


def fact(number: int) -> str:
    return f"The {PRODUCTS[number]} tier allows {20 + number} exports per day."


def guide(number: int) -> Document:
    product = PRODUCTS[number]
    text = (
        f"# {product} guide\n\n{product} is a product for teams that keep many files.\n\n"
        f"## Limits\n\n{fact(number)} A team may ask for more of them.\n\n"
        f"## Support\n\nThe {product} desk answers letters and calls within a day.\n"
    )
    return Document(
        doc_id=f"{product.lower()}.md", text=text, title=f"{product} guide",
        allowed=("staff",) if number == 8 else ("*",), metadata={"plan": PLANS[number % 3]},
    )  # fmt: skip


GUIDES = [guide(number) for number in range(len(PRODUCTS))]
ASKED = "How many exports per day does the Cedar tier allow?"
SPOKEN = "exports allowed daily?"
CEDAR = fact(2)

NARROW = PipelineConfig().replace({
    "retrieval.mode": "dense", "retrieval.k": 1, "rerank.model": "", "context.token_budget": 300,
})  # fmt: skip


def opened(folder: Path, config: PipelineConfig = NARROW) -> Workbench:
    return whymiss.open(folder, encoder=HashingEncoder(dimension=128), config=config)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diagnose") / "store"
    with opened(folder) as made:
        made.ingest(GUIDES)
    return folder


@pytest.fixture
def wb(store: Path) -> Iterator[Workbench]:
    with opened(store) as workbench:
        yield workbench


def labelled(number: int, text: str = "", **of_query: Any) -> Question:
    said, document = fact(number), GUIDES[number]
    start = document.text.index(said)
    span = EvidenceSpan(doc_id=document.doc_id, start=start, end=start + len(said), quote=said)
    text = text or f"How many exports per day does the {PRODUCTS[number]} tier allow?"
    query = Query(query_id=f"q{number}", text=text, **of_query)
    return Question(query=query, evidence=((span,),))


QUESTIONS = [labelled(number) for number in range(8)]


def spans(made: Diagnosis) -> list[tuple[str, str | None]]:
    return [(span.doc_id, span.quote) for some in made.question.evidence for span in some]


def test_a_question_that_comes_through_is_healthy(wb: Workbench) -> None:
    made = wb.diagnose(ASKED, evidence=CEDAR)

    assert made.ending == "healthy"
    assert made.answer is not None
    assert "22 exports" in made.answer
    assert made.proven == ()
    assert made.repairs == ()
    assert spans(made) == [("cedar.md", CEDAR)]
    assert "stands once" in made.notes[0]


def test_a_quote_is_located_and_the_walk_ends_with_a_cause_and_repairs(wb: Workbench) -> None:
    made = wb.diagnose(SPOKEN, evidence=CEDAR)

    assert made.ending == "lost"
    assert spans(made) == [("cedar.md", CEDAR)]
    assert made.cause is not None
    assert made.cause.verdict == "proven"
    assert made.stage == made.cause.stage
    assert [finding.cause for finding in made.findings] == [cause.code for cause in CAUSES]
    assert any(repair.rescues for repair in made.repairs)
    assert made.config_fingerprint == NARROW.fingerprint()
    assert made.index_name == "main"


def test_a_rescue_rescues_when_it_is_applied_and_the_question_is_asked_again(wb: Workbench) -> None:
    made = wb.diagnose(SPOKEN, evidence=CEDAR)
    applied = [repair for repair in made.repairs if repair.rescues and repair.changes
               and repair.kind != "chunking"]  # fmt: skip
    assert applied
    for repair in applied:
        trace = wb.ask(SPOKEN, config=repair.apply())
        assert trace.context is not None
        assert any(CEDAR in passage.text for passage in trace.context.passages), repair.title


def test_an_expected_answer_is_located_and_what_was_considered_is_shown(wb: Workbench) -> None:
    made = wb.diagnose(SPOKEN, expected="The Cedar tier allows 22 exports per day.")

    assert spans(made) == [("cedar.md", CEDAR)]
    assert made.candidates
    assert made.candidates[0].span.doc_id == "cedar.md"
    assert made.ending == "lost"


def test_an_expected_answer_that_stands_nowhere_proves_nothing(wb: Workbench) -> None:
    made = wb.diagnose(SPOKEN, expected="Penguins wear striped pyjamas.")

    assert made.ending == "unjudged"
    assert made.proven == ()
    assert made.notes


def test_a_query_asks_with_its_principals_and_its_filter(wb: Workbench) -> None:
    def asked(number: int, **of_query: Any) -> Diagnosis:
        text = f"How many exports per day does the {PRODUCTS[number]} tier allow?"
        query = Query(query_id="q", text=text, **of_query)
        return wb.diagnose(query, evidence=fact(number))

    annual = (Clause(field="plan", op="eq", value="annual"),)
    excluded, hidden = asked(2, where=annual), asked(8)

    assert excluded.lost_at == hidden.lost_at == "filter"
    assert excluded.proven == hidden.proven == ("F1",)
    assert "plan" in excluded.finding("F1").says
    assert "iris.md" in hidden.finding("F1").patch
    assert asked(8, principals=("staff",)).ending == "healthy"
    assert {r.kind for r in excluded.repairs if r.rescues} >= {"metadata"}
    assert {r.kind for r in hidden.repairs if r.rescues} >= {"permission"}


def test_a_labelled_question_brings_its_own_evidence(wb: Workbench) -> None:
    question = labelled(2, SPOKEN)
    made = wb.diagnose(question)

    assert made.question == question
    assert made.ending == "lost"
    assert made == replace(
        wb.diagnose(SPOKEN, evidence=question.evidence[0][0]),
        question=question, candidates=made.candidates, notes=made.notes,
        n_reruns=made.n_reruns,
    )  # fmt: skip


def test_evidence_that_is_given_stands_before_what_the_question_is_labelled_with(
    wb: Workbench,
) -> None:
    made = wb.diagnose(labelled(2), evidence=fact(4))

    assert spans(made) == [("elm.md", fact(4))]


def test_a_trace_that_kept_its_text_is_asked_again_as_it_was(store: Path) -> None:
    with opened(store, NARROW.replace({"trace.raw_text": True})) as workbench:
        trace = workbench.ask(ASKED, where={"plan": "annual"})
        made = workbench.diagnose(trace, evidence=CEDAR)
        other = workbench.diagnose(trace, evidence=CEDAR, config=NARROW)

    assert made.proven == ("F1",)
    assert made.question.query.where == trace.where
    assert not any("configuration" in note for note in made.notes)
    assert any(trace.config_fingerprint in note for note in other.notes)


def test_a_trace_without_its_text_cannot_be_asked_again(wb: Workbench) -> None:
    trace = wb.ask(ASKED)
    hashed = trace if trace.query_text is None else replace(trace, query_text=None)

    with pytest.raises(TraceError, match="keeps only its hash"):
        wb.diagnose(hashed, evidence=CEDAR)


@pytest.mark.parametrize(
    "text", [SPOKEN, ASKED, "What is for lunch?"], ids=["vague", "plain", "off topic"]
)
def test_without_evidence_nothing_is_proven(wb: Workbench, text: str) -> None:
    made = wb.diagnose(text)

    assert made.ending == "unjudged"
    assert made.proven == ()
    assert not made.unexplained
    assert made.repairs == ()
    assert "proven" not in {finding.verdict for finding in made.findings}
    assert made.finding("Q1").verdict == "unknown"
    assert {view.holds for view in made.funnel} <= {None}


ASKINGS: dict[str, Callable[[Workbench], Diagnosis]] = {
    "quote": lambda wb: wb.diagnose(SPOKEN, evidence=CEDAR),
    "expected": lambda wb: wb.diagnose(SPOKEN, expected="22 exports per day on the Cedar tier"),
    "nothing": lambda wb: wb.diagnose(SPOKEN),
    "labelled": lambda wb: wb.diagnose(labelled(2, SPOKEN), labelled=QUESTIONS),
    "hidden": lambda wb: wb.diagnose(labelled(8)),
    "rebuilt": lambda wb: wb.diagnose(labelled(2, SPOKEN), rebuild=True),
}


def as_json(made: Diagnosis) -> str:
    return to_json(CaseFile(diagnosis=made, store="store", config=NARROW))


@pytest.mark.parametrize("way", sorted(ASKINGS))
def test_the_same_diagnosis_twice_has_the_same_bytes(store: Path, way: str) -> None:
    with opened(store) as workbench:
        first = ASKINGS[way](workbench)
    with opened(store) as workbench:
        # What another diagnosis found before is no part of this one.
        workbench.diagnose(labelled(5, "Which desk answers calls?"))
        again = ASKINGS[way](workbench)
        third = ASKINGS[way](workbench)

    assert replace(again, n_reruns=0) == replace(first, n_reruns=0)
    assert as_json(again) == as_json(third) == as_json(first)
    assert from_json(as_json(first)).diagnosis == first


def test_rescues_are_priced_by_the_labelled_questions(wb: Workbench) -> None:
    made = wb.diagnose(labelled(2, SPOKEN), labelled=QUESTIONS)
    prices = {r.title: r.price for r in made.repairs if r.price is not None}

    assert prices
    assert all(price.n_questions == len(QUESTIONS) for price in prices.values())
    unpriced = [r for r in made.repairs if r.rescues and r.price is None]
    assert {r.title for r in made.repairs if r.rescues} - {r.title for r in unpriced} == set(prices)
    assert all("no rule for other questions" in r.unpriced_because for r in unpriced)


def test_labelled_questions_whose_labels_do_not_fit_are_told_and_left_out(wb: Workbench) -> None:
    span = EvidenceSpan(doc_id="gone.md", quote="Nobody wrote this.")
    broken = replace(labelled(3), evidence=((span,),))
    unlabelled = Question(query=Query(query_id="free", text="And else?"))
    made = wb.diagnose(labelled(2, SPOKEN), labelled=[*QUESTIONS[:3], broken, unlabelled])

    assert all(r.price.n_questions == 3 for r in made.repairs if r.price is not None)
    assert any("2 labelled questions" in note for note in made.notes)


def test_labels_that_were_changed_price_anew(wb: Workbench) -> None:
    gone = EvidenceSpan(doc_id="gone.md", quote="Nobody wrote this.")
    changed = [replace(QUESTIONS[0], evidence=((gone,),)), *QUESTIONS[1:]]

    def counted(questions: list[Question]) -> set[int]:
        made = wb.diagnose(labelled(2, SPOKEN), labelled=questions)
        return {r.price.n_questions for r in made.repairs if r.price is not None}

    assert counted(QUESTIONS) == {len(QUESTIONS)}
    assert counted(changed) == {len(QUESTIONS) - 1}


def test_labelled_questions_may_stand_in_a_file(wb: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(
        '{"query_id": "a", "text": "How many exports per day does the Elm tier allow?", '
        f'"evidence": [[{{"doc_id": "elm.md", "quote": "{fact(4)}"}}]]}}\n'
    )
    made = wb.diagnose(labelled(2, SPOKEN), labelled=file)

    assert {r.price.n_questions for r in made.repairs if r.price is not None} == {1}


def test_repairs_and_answers_are_left_out_when_they_are_not_asked_for(wb: Workbench) -> None:
    plain = wb.diagnose(ASKED, evidence=CEDAR, answers=False)
    without = wb.diagnose(SPOKEN, evidence=CEDAR, repairs=False)

    assert plain.answer is None
    assert "answer" not in [view.stage for view in plain.funnel]
    assert without.repairs == ()
    assert without.proven == wb.diagnose(SPOKEN, evidence=CEDAR).proven


def test_progress_is_told_of_causes_and_of_repairs(wb: Workbench) -> None:
    steps: list[tuple[str, int, int]] = []
    wb.diagnose(SPOKEN, evidence=CEDAR, progress=lambda *step: steps.append(step))

    assert {what.partition(":")[0] for what, _, _ in steps} == {"diagnose", "repair"}
    assert all(done < total for _, done, total in steps)


def test_evidence_that_is_not_understood_is_refused(wb: Workbench) -> None:
    with pytest.raises(InvalidRecordError, match="evidence"):
        wb.diagnose(ASKED, evidence=12)  # type: ignore[arg-type]


def test_an_index_that_is_not_there_is_named(wb: Workbench) -> None:
    with pytest.raises(IndexNotFoundError, match="other"):
        wb.diagnose(ASKED, config=NARROW.replace({"index.name": "other"}))


def test_a_document_that_is_missing_and_one_that_changed_are_seen_at_once(tmp_path: Path) -> None:
    gold = labelled(2)
    with opened(tmp_path / "store") as workbench:
        workbench.ingest([d for d in GUIDES if d.doc_id != "cedar.md"])
        gone = workbench.diagnose(gold)
        workbench.ingest(GUIDES)
        there = workbench.diagnose(gold)
        changed = replace(GUIDES[2], text=GUIDES[2].text.replace("22 exports", "23 exports"))
        workbench.ingest([changed, *(d for d in GUIDES if d.doc_id != "cedar.md")])
        lost = workbench.diagnose(gold)

    assert gone.proven[0] == "S0"
    assert there.ending == "healthy"
    assert lost.proven[0] == "S1"


def test_repairs_are_tried_beneath_a_real_approximate_index(tmp_path: Path) -> None:
    # 86 guides of 3 chunks: enough rows for LanceDB to train an index.
    many = [
        replace(document, doc_id=f"{n}/{document.doc_id}",
                text=document.text.replace("per day", f"per day in region {n}"))
        for n in range(10) for document in GUIDES
    ]  # fmt: skip
    config = NARROW.replace({"index.ann": "ivf_pq", "index.nprobes": 1})
    evidence = CEDAR.replace("per day", "per day in region 7")
    with opened(tmp_path / "store", config) as workbench:
        workbench.ingest(many)
        workbench.ingest([replace(many[0], text=f"{many[0].text}\n"), *many[1:]])
        made = workbench.diagnose("exports allowed daily in a region?", evidence=evidence)

    assert made.ending == "lost"
    assert made.proven or made.unexplained
    assert any(repair.title == "exact search" for repair in made.repairs)
