"""Text of a corpus, a question or an answer never becomes markup, whatever step shows it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from whymiss.config import PipelineConfig
from whymiss.diagnosis.locating import Located
from whymiss.diagnosis.records import Candidate, Diagnosis, Finding, StageView
from whymiss.diagnosis.repairs.repair import Price, Repair
from whymiss.evaluation.flow import flow_frame
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.evaluation.statistics import Interval
from whymiss.records import (
    Answer,
    Chunk,
    Citation,
    Clause,
    Context,
    Document,
    Passage,
    Query,
    Ranking,
    Trace,
)
from whymiss.widgets.walk.outcome import outcome_html
from whymiss.widgets.walk.results import Outcome, Walked
from whymiss.widgets.walk.sight import Page, Sight
from whymiss.widgets.walk.snapshot import snapshot_html
from whymiss.widgets.walk.state import WalkState
from whymiss.widgets.walk.view import Offered, parts_of

NASTY = (
    "<script>alert(1)</script>",
    "</pre></td></details><img src=x onerror=alert(1)>",
    '"\' onmouseover=alert(1) data-do="apply" x="""',
    "<button data-do=save>Save</button>",
    "</textarea></option></select><svg onload=alert(1)>",
    "$x^2$ &lt;b&gt; \\(y\\)",
    "null \x00 escape \x1b \u202e\u2066",
)
CONFIG = PipelineConfig().replace({"retrieval.mode": "dense", "retrieval.k": 1, "rerank.model": ""})


def walked_with(t: str) -> tuple[WalkState, Walked, Sight, Offered]:
    """A walk that has come to its end, whose every text holds the given one."""
    text = f"Annual{t} plans."
    span = EvidenceSpan(doc_id=f"d2{t}", start=0, end=6, quote=f"Annual{t}")
    document = Document(doc_id=f"d2{t}", text=text, title=f"T{t}")
    chunks = [
        Chunk(chunk_id=f"c{n}{t}", doc_id=f"d{n}{t}", start=0, end=len(text), text=text, n_tokens=3,
              headings=(f"H{t}",), parent_start=0, parent_end=len(text))
        for n in (1, 2, 3)
    ]  # fmt: skip
    query = Query(
        query_id=f"q{t}", text=f"Asked?{t}", principals=(f"ann{t}",), expected_answer=f"Yes{t}",
        where=(Clause(field=f"plan{t}", op="eq", value=f"annual{t}"),),
    )  # fmt: skip
    question = Question(query=query, evidence=((span,),))

    def ranking(stage: str, n: int) -> Ranking:
        return Ranking.of(
            query.query_id, stage, [(c, 1 / i, {}) for i, c in enumerate(chunks[:n], 1)]
        )

    passage = Passage(
        number=1, chunk_ids=(f"c1{t}",), doc_id=f"d1{t}", start=0, end=len(text), text=text,
        title=f"T{t}", headings=(f"H{t}",), n_tokens=3,
    )  # fmt: skip
    answer = Answer(
        text=f"Said{t} [1]", generator="g",
        citations=tuple(Citation(start=0, end=4, passage=p, chunk_id=f"c1{t}", doc_id=f"d1{t}")
                        for p in (1,)),
    )  # fmt: skip
    trace = Trace(
        trace_id="t", asked_at="", query_hash="h", query_text=query.text, principals=(), where=(),
        config_fingerprint=CONFIG.fingerprint(), index_name="main", index_version="1.1",
        model_version="m", rankings=(ranking("dense", 3), ranking("select", 1)),
        context=Context(passages=(passage,), dropped=((f"c2{t}", "over budget"),), text=text,
                        n_tokens=3, budget=9),
        answer=answer, scores=(), seconds={}, flags=("stale chunk",),
    )  # fmt: skip
    findings = [
        Finding(cause="S8", name="CutOffByK", stage="select", verdict="proven", says=f"rank 2{t}",
                patch=f"k 2{t}", severity=1, deviation=f"late{t}"),
        *(Finding(cause=f"X{n}", name="CorpusGap", stage="parse", verdict=verdict, says=f"said{t}")
          for n, verdict in enumerate(("implicated", "unknown", "cleared"))),
    ]  # fmt: skip
    interval = Interval(estimate=0.1, low=-0.1, high=0.3, confidence=0.95, method="t", n=9)
    price = Price(
        wins=(f"q1{t}",), losses=(f"q2{t}",), n_questions=9, interval=interval, added_tokens=1.0,
        added_ms=0.5,
    )  # fmt: skip
    repairs = tuple(
        Repair(title=f"k 2{t}", kind="k", base=CONFIG, code=f"wb.ask('{t}')", rescues=rescues,
               because=f"why{t}", price=price if rescues else None, answered=False,
               where=query.where, unpriced_because=f"no price{t}")
        for rescues in (True, False, None)
    )  # fmt: skip
    diagnosis = Diagnosis(
        question=question, config_fingerprint=CONFIG.fingerprint(), index_name="main",
        index_version="1.1", ending="lost", answer=answer.text, lost_at="select",
        funnel=(
            StageView(stage="chunk", holds=True, n=1, note=f"note{t}"),
            StageView(stage="dense", holds=True, rank=2, n=3, cut=1, score=0.5, cut_score=1.0,
                      displaced_by=(f"c1{t}",)),
            StageView(stage="select", holds=False, n=1, cut=1, note=f"k 1{t}"),
        ),
        findings=tuple(findings), proven=("S8",), unexplained=False, then=("X0",), repairs=repairs,
        notes=(f"note{t}",), options={"repairs": True, "rebuild": False, "answers": True},
    )  # fmt: skip
    walked = Walked(
        trace=trace, unanswered=f"why{t}", chunks={c.chunk_id: c for c in chunks},
        located=Located(
            candidates=tuple(Candidate(span=span, text=f"Annual{t}", match=0.5, how="words")
                             for _ in range(2)),
            note=f"No passage says{t}",
        ),
        diagnosis=diagnosis,
        flow=flow_frame(trace, chunks, config=CONFIG, evidence=[span]),
        outcome=Outcome(repair=repairs[0], query=query, config=CONFIG, trace=trace,
                        diagnosis=diagnosis, because=f"because{t}", in_live=True),
        saved=f"/here{t}/case.html",
    )  # fmt: skip
    other = EvidenceSpan(doc_id=f"d3{t}", start=0, end=3, quote=f"Ann{t}")
    state = WalkState(
        question=query.text, query_id=query.query_id, principals=query.principals,
        where=query.where, config=CONFIG, wrong=True, expected=f"Yes{t}",
        evidence=((span,), (other,)),
    )  # fmt: skip
    sight = Sight(page=Page(document=document), pasted=f"pasted{t}", passage=1, n_looks=1)
    offered = Offered(
        questions=[question], n_unfit=1, labelled=question,
        pipelines={f"other{t}": PipelineConfig()}, doc_ids=[f"d1{t}", f"d2{t}"], list_id="here",
    )  # fmt: skip
    return state, walked, sight, offered


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, name: str, attributes: Any) -> None:
        self.seen.append((name, [key for key, _ in attributes]))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown_with(t: str) -> dict[str, str]:
    state, walked, sight, offered = walked_with(t)
    parts = parts_of(state, walked, sight, offered, to_code=f"code{t}")
    assert walked.outcome is not None
    to_do = replace(walked, outcome=replace(walked.outcome, trace=None, diagnosis=None))
    return {
        **parts,
        "snapshot": snapshot_html(state, walked),
        "what to do": outcome_html(to_do),
    }


@pytest.mark.parametrize("nasty", NASTY)
def test_no_text_becomes_an_element_or_an_attribute(nasty: str) -> None:
    plain = shown_with("harmless")
    for name, part in shown_with(nasty).items():
        assert Elements(part).seen == Elements(plain[name]).seen, name


def test_every_part_of_this_walk_has_text_of_the_corpus() -> None:
    """Or the test above would look at nothing."""
    for name, part in shown_with("harmless").items():
        if name not in ("pipeline", "go"):
            assert "harmless" in part, name


def test_a_reader_without_a_kernel_gets_no_controls_and_no_style_sheet() -> None:
    state, walked, _, _ = walked_with("")
    seen = Elements(snapshot_html(state, walked)).seen
    names = {name for name, _ in seen}
    assert names.isdisjoint({"button", "input", "select", "textarea", "form", "style", "svg"})
    tables = [attributes for name, attributes in seen if name in ("table", "td", "caption")]
    assert tables
    assert all("style" in attributes for attributes in tables)
