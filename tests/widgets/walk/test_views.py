"""What each step shows, on records made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flows import LOST, ROLES, flow
from hypothesis import given
from hypothesis import strategies as st

from whymiss.config import PipelineConfig
from whymiss.diagnosis.records import Diagnosis, Ending, Finding, StageView
from whymiss.diagnosis.repairs.repair import Price, Repair
from whymiss.evaluation.labels import Question
from whymiss.evaluation.statistics import Interval
from whymiss.records import Answer, Citation, Context, Passage, Query, Trace
from whymiss.widgets.walk.answer import said_html
from whymiss.widgets.walk.cause import came_of_it, cause_html
from whymiss.widgets.walk.funnel import around, funnel_html, ranked_table, stage_html
from whymiss.widgets.walk.repairs import others_html, repairs_html, rescues_table
from whymiss.widgets.walk.results import Walked

CONFIG = PipelineConfig()
QUESTION = Question(query=Query(query_id="q", text="Refunds?"))
DENSE = StageView(stage="dense", holds=True, rank=3, n=3, cut=2, score=0.2, cut_score=0.5)
SELECT = StageView(stage="select", holds=False, n=2, cut=2)


def words(markup: str) -> str:
    return " ".join(BeautifulSoup(markup, "html.parser").get_text(" ").split())


def rows(markup: str) -> list[list[str]]:
    table = BeautifulSoup(markup, "html.parser").find("table")
    assert table is not None
    return [[" ".join(cell.get_text().split()) for cell in row.find_all(["th", "td"])]
            for row in table.find_all("tr")]  # fmt: skip


def diagnosis(**fields: Any) -> Diagnosis:
    made: dict[str, Any] = {
        "question": QUESTION, "config_fingerprint": "f", "index_name": "main",
        "index_version": "1.1", "ending": "lost", "answer": "said", "lost_at": "select",
        "funnel": (DENSE, SELECT), "findings": (), "proven": (), "unexplained": False,
        "options": {"repairs": True, "rebuild": False, "answers": True},
    }  # fmt: skip
    return Diagnosis(**{**made, **fields})


def finding(cause: str, verdict: Any, **fields: Any) -> Finding:
    made = {"name": "CutOffByK", "stage": "select", "says": f"{cause} says", **fields}
    return Finding(cause=cause, verdict=verdict, **made)


def price(low: float, high: float, **fields: Any) -> Price:
    interval = Interval(
        estimate=(low + high) / 2, low=low, high=high, confidence=0.95, method="t", n=9, **fields
    )
    return Price(wins=("q1",), losses=(), n_questions=9, interval=interval, added_tokens=1.0,
                 added_ms=0.25)  # fmt: skip


def repair(title: str, **fields: Any) -> Repair:
    return Repair(title=title, kind="k", base=CONFIG, code=f"code of {title}", **fields)


# The answer


def answered(text: str, *cited: int, **fields: Any) -> tuple[Answer, Trace]:
    passages = tuple(
        Passage(number=n, chunk_ids=(f"c{n}",), doc_id=f"d{n}", start=0, end=1, text="x")
        for n in (1, 2)
    )
    answer = Answer(
        text=text, generator="g",
        citations=tuple(Citation(start=0, end=1, passage=n, chunk_id=f"c{n}", doc_id=f"d{n}")
                        for n in cited),
        **fields,
    )  # fmt: skip
    context = Context(passages=passages, dropped=(), text="", n_tokens=0, budget=9)
    trace = Trace(
        trace_id="t", asked_at="", query_hash="h", query_text=None, principals=(), where=(),
        config_fingerprint="f", index_name="main", index_version="1.1", model_version="m",
        rankings=(), context=context, answer=answer, scores=(), seconds={}, flags=(),
    )  # fmt: skip
    return answer, trace


def test_citations_in_the_answer_open_their_passages_and_other_brackets_do_not() -> None:
    answer, trace = answered("Ten days [2], see [7].", 2)
    found = BeautifulSoup(said_html(answer, trace, links=True), "html.parser")
    [button] = found.find_all("button")
    assert (button["data-do"], button["data-value"], button.get_text()) == ("look", "2", "[2]")
    assert found.get_text() == "Ten days [2], see [7]."


def test_a_citation_that_the_text_does_not_show_is_listed() -> None:
    answer, trace = answered("Ten days [2].", 1, 2)
    assert words(said_html(answer, trace, links=True)).endswith("It cites besides: [1]")


def test_a_number_of_any_length_in_brackets_is_text() -> None:
    text = f"Ten days [{'9' * 5000}]."
    answer, trace = answered(text)
    assert words(said_html(answer, trace, links=True)) == text


def test_an_abstention_and_a_missing_answer_say_why() -> None:
    answer, trace = answered("", abstained=True, reason="nothing is close enough")
    assert words(said_html(answer, trace)) == "Abstained: nothing is close enough"
    assert "the endpoint was down" in words(
        said_html(None, replace(trace, answer=None), unanswered="the endpoint was down")
    )


# From stage to stage


@given(
    st.integers(1, 80), st.integers(1, 80), st.lists(st.integers(1, 80), max_size=3, unique=True)
)
def test_shown_are_the_front_both_sides_of_the_cut_and_the_evidence(
    n: int, cut: int, gold: list[int]
) -> None:
    gold = [rank for rank in gold if rank <= n]
    shown = around(n, cut=cut, evidence=gold)
    assert shown == sorted({*shown})
    assert {1, min(2, n), *gold} <= {*shown} <= set(range(1, n + 1))
    assert cut >= n or {cut, cut + 1} <= {*shown}


@given(st.permutations(["a", "b", "c", "gold"]), st.integers(1, 60), st.integers(0, 3))
def test_the_chunks_shown_and_those_counted_are_all_there_are(
    names: list[str], n: int, cut: int
) -> None:
    ranks = {f"{name}{i}": [4 * i + at + 1] * 3 for i in range(n) for at, name in enumerate(names)}
    table = flow(ranks, roles={"gold0": "evidence"})
    listed = table[table.stage == "dense"].to_dict(orient="records")
    view = replace(DENSE, rank=names.index("gold") + 1, n=4 * n, cut=cut)
    cells = rows(ranked_table(view, listed))[1:]
    counted = sum(int(row[3].split()[0]) for row in cells if "not shown" in row[3])
    assert counted + sum(row[0].isdigit() and "not shown" not in row[3] for row in cells) == 4 * n


def test_who_stands_in_front_of_the_evidence_is_marked_and_the_cut_is_drawn() -> None:
    table = flow({**LOST, "gold": [3, 3, None]}, roles=ROLES)
    listed = table[table.stage == "dense"].to_dict(orient="records")
    said = [(row[0], row[2]) for row in rows(ranked_table(DENSE, listed))[1:]]
    assert said == [
        ("1", "▲ in front of it"), ("2", "▲ in front of it"), ("✂", "cut"),
        ("3", "✓ evidence, 50% of it"),
    ]  # fmt: skip


def test_evidence_that_a_stage_never_had_is_shown_without_a_rank() -> None:
    table = flow(LOST, roles=ROLES)
    listed = table[table.stage == "select"].to_dict(orient="records")
    cells = rows(ranked_table(SELECT, listed))
    assert [row[2] for row in cells[1:]] == [
        "▲ in front of it", "▲ in front of it", "✓ evidence, 50% of it, not ranked",
    ]  # fmt: skip


def test_a_stage_says_in_words_whether_it_holds_the_evidence() -> None:
    made = diagnosis()
    assert words(stage_html(DENSE, made, ())) == (
        "dense ✓ there rank 3 of 3, the first 2 go on margin -0.3000"
    )
    assert words(stage_html(SELECT, made, ())) == "select ✗ lost here not among 2"
    unjudged = replace(DENSE, holds=None, rank=None, score=None)
    assert (
        words(stage_html(unjudged, made, ())) == "dense – not told not among 3, the first 2 go on"
    )


def test_what_was_lost_at_the_cutoff_opens_the_order_before_it() -> None:
    walked = Walked(diagnosis=diagnosis(), flow=flow(LOST, roles=ROLES))
    opened = BeautifulSoup(funnel_html(walked), "html.parser").find_all("details", open=True)
    assert [element["data-key"] for element in opened] == ["dense"]


def test_without_evidence_no_stage_is_blamed() -> None:
    views = tuple(replace(view, holds=None, rank=None) for view in (DENSE, SELECT))
    walked = Walked(diagnosis=diagnosis(ending="unjudged", lost_at="", funnel=views),
                    flow=flow(LOST))  # fmt: skip
    assert "nothing can be followed" in words(funnel_html(walked))
    assert "in front" not in words(funnel_html(walked))


# The cause


def test_a_proof_says_what_was_put_right_and_what_came_of_it() -> None:
    proven = finding("S8", "proven", patch="k 3", severity=2)
    made = diagnosis(findings=(proven,), proven=("S8",))
    assert (
        "Put right: k 3 . All else kept, the evidence came into the context: from rank 3 to rank 1 "
        "of the candidates."
    ) in words(cause_html(made))


@pytest.mark.parametrize(
    ("ending", "fields", "said"),
    [
        ("lost", {}, "All else kept, the evidence came into the context."),
        ("lost", {"severity": -4}, "All else kept, the evidence came into the context: from rank 3 "
         "to rank 7 of the candidates."),
        ("wrong answer", {"severity": 0}, "All else kept, the answer came right."),
        ("lost", {"severity": 1, "together_with": ("S5", "S7")}, "Only with S5, S7 put right too, "
         "the evidence came into the context."),
    ],
)  # fmt: skip
def test_what_came_of_a_patch(ending: Ending, fields: dict[str, Any], said: str) -> None:
    assert came_of_it(finding("S8", "proven", **fields), diagnosis(ending=ending)) == said


def test_other_causes_are_told_with_their_reasons_in_folds() -> None:
    made = diagnosis(
        findings=(finding("S2", "cleared"), finding("S3", "unknown"), finding("S4", "implicated"))
    )
    shown = BeautifulSoup(cause_html(made), "html.parser")
    folds = {fold["data-key"]: fold for fold in shown.find_all("details")}
    assert [key for key, fold in folds.items() if fold.has_attr("open")] == ["implicated"]
    for key, cause in (("cleared", "S2"), ("unknown", "S3"), ("implicated", "S4")):
        assert f"{cause} says" in folds[key].get_text()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"unexplained": True}, "none of it is proven"),
        ({"ending": "unjudged", "lost_at": ""}, "nothing can be said to be lost"),
        ({"ending": "healthy", "lost_at": ""}, "By this evidence the answer is right"),
        ({}, "no cause is proven"),
    ],
)
def test_an_ending_without_a_proof_is_told_as_it_is(fields: dict[str, Any], told: str) -> None:
    assert told in words(cause_html(diagnosis(**fields)))


# Repairs


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "✓ better"), (-0.1, 0.3, "– undecided"), (-0.3, -0.1, "✗ worse"),
     (0.0, 0.0, "– undecided")],
)  # fmt: skip
def test_what_a_repair_does_to_the_others_is_said_in_a_word(
    low: float, high: float, word: str
) -> None:
    made = repair("k 8", rescues=True, answered=True, price=price(low, high), added_tokens=12)
    [_, row] = rows(rescues_table([(0, made)]))
    assert row[1:5] == ["✓ yes", "✓ yes", "1", "0"]
    assert row[5].startswith(f"{word} {(low + high) / 2:+.3f} [{low:+.3f}, {high:+.3f}]")
    assert row[6:] == ["+12 here, +1.0 on average", "+0.2"]


def test_an_undefined_interval_and_a_missing_price_give_their_reasons() -> None:
    because = price(float("nan"), float("nan"), undefined_because="fewer than 3 questions")
    listed = [
        (0, repair("k 8", rescues=True, price=because)),
        (1, repair("k 9", rescues=True, unpriced_because="no labelled questions were given")),
    ]
    [_, one, other] = rows(rescues_table(listed))
    assert "fewer than 3 questions" in one[5]
    assert other[5] == "no labelled questions were given"
    assert (other[2], other[7]) == ("– not told", "–")


def test_repairs_that_fail_or_were_not_tried_are_all_listed_with_the_reason() -> None:
    made = diagnosis(
        repairs=(
            repair("k 8", rescues=True, price=price(0.1, 0.2)),
            repair("k 9", rescues=False, unpriced_because="it does not rescue the question"),
            repair("chunks", rescues=None, because="nobody asked for it"),
        )
    )
    shown = BeautifulSoup(others_html(made, {"q1": "When do refunds come?"}), "html.parser")
    folds = {fold["data-key"]: " ".join(fold.get_text(" ").split())
             for fold in shown.find_all("details")}  # fmt: skip
    assert "k 9 (k) it does not rescue the question code of k 9" in folds["failed"]
    assert "chunks (k) nobody asked for it code of chunks" in folds["untried"]
    assert "q1: When do refunds come?" in folds["each"]


@pytest.mark.parametrize(
    ("ending", "told"),
    [("lost", "No repair that was tried rescues"), ("healthy", "nothing to repair"),
     ("unjudged", "Without evidence")],
)  # fmt: skip
def test_without_a_rescue_it_says_so(ending: Ending, told: str) -> None:
    assert told in words(repairs_html(diagnosis(ending=ending)))


def test_each_rescue_has_a_button_and_the_one_that_was_applied_is_marked() -> None:
    one, other = (repair(f"k {k}", rescues=True, changes={"retrieval.k": k}) for k in (8, 9))
    made = diagnosis(repairs=(one, other, repair("k 2", rescues=False)))
    shown = BeautifulSoup(repairs_html(made, applied=other), "html.parser").find_all("button")
    said = [(b["data-value"], b["aria-label"], b["aria-pressed"]) for b in shown]
    assert said == [("0", "Apply k 8", "false"), ("1", "Apply k 9", "true")]
