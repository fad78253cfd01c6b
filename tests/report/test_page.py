"""The page and the notebook view: everything said, nothing that runs, fetches or hides."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import whymiss
from whymiss.evaluation import Question
from whymiss.evaluation.pinning import LabelProblem
from whymiss.evaluation.run import EvaluationRun
from whymiss.evaluation.statistics import compare
from whymiss.pages.markup import Markup, join, tag, visible
from whymiss.pages.style import STYLE
from whymiss.records import Document
from whymiss.report import Report, html, make_report, write
from whymiss.retrieval import parse_where
from whymiss.testing import HashingEncoder
from whymiss.workbench import Workbench

NASTY = (
    "<script>alert(1)</script>",
    "</pre></td><img src=x onerror=alert(1)>",
    "<a href='https://example.com' onclick=alert(1)>here</a>",
    '"\' onmouseover=alert(1) x="',
    "It costs $5 or $$x^2$$, \\(y\\) & more &lt;b&gt;",
    "null \x00, bell \x07, escape \x1b[31m, next line \x85 here",
    "\u202eetadilav\u2066 and \u200f",
    "العربية and עברית",
    "<!-- --> <![CDATA[ ]]> </style><style>*{display:none}",
    "javascript:alert(1) {{7*7}} ${x} %s",
)


class Page(HTMLParser):
    """What a browser would see: elements with attributes, and text outside the style sheet."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((name, dict(attrs)))
        if name != "meta":
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "article",
    "h1", "h2", "h3", "h4", "p", "ul", "li", "a", "b", "strong", "span", "bdi", "code", "pre",
    "mark", "details", "summary", "dl", "dt", "dd", "div", "table", "caption", "thead", "tbody",
    "tr", "th", "td", "svg", "line", "rect", "circle",
}  # fmt: skip


def check_harmless(source: str) -> Page:
    page = Page(source)
    assert page.open == []
    assert {name for name, _ in page.tags} <= ALLOWED
    for name, attributes in page.tags:
        for key, value in attributes.items():
            assert not key.startswith("on")
            assert key not in ("src", "srcset", "action", "formaction", "background", "data")
            assert "http" not in (value or "").replace("http-equiv", "")
            if key == "href":
                assert name == "a"
                assert (value or "").startswith("#")
            if key == "style":
                assert "url" not in (value or "")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)
    return page


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory,
    asked: Callable[..., Question],
    evaluated: Callable[..., EvaluationRun],
) -> Report:
    """A report whose every text, id, title, tag, name and label is hostile."""
    texts = [f"Page {at} says: {nasty} and phone support." for at, nasty in enumerate(NASTY)]
    documents = [
        Document(
            doc_id=f"doc {nasty}", text=text, title=f"title {nasty}", syntax="plain",
            metadata={"plan": nasty}, allowed=["*"],
        )
        for nasty, text in zip(NASTY, texts, strict=True)
    ]  # fmt: skip
    questions = [
        asked(
            f"id {nasty}", f"question {nasty}", text, f"doc {nasty}", tags=(f"tag {nasty}",),
            principals=(f"user {nasty}",), expected_answer=f"answer {nasty}",
            where=parse_where({"plan": NASTY[at - 1]}),
        )
        for at, (nasty, text) in enumerate(zip(NASTY, texts, strict=True))
    ]  # fmt: skip
    with whymiss.open(tmp_path_factory.mktemp("hostile"), encoder=HashingEncoder()) as workbench:
        workbench.ingest(documents)
        run = evaluated(
            workbench, questions, config=workbench.config.replace(answer__min_support=0.0)
        )
        problems = [
            LabelProblem(query_id=n, doc_id=n, what=f"what {n}", advice=f"do {n}") for n in NASTY
        ]
        undefined = pd.DataFrame(
            [(n, "mrr", f"reason {n}") for n in NASTY], columns=["query_id", "measure", "reason"]
        )
        run = replace(run, name=f"run {NASTY[0]}", problems=tuple(problems), undefined=undefined)
        return make_report(workbench, run, questions)


@pytest.fixture
def report(wb: Workbench, run: EvaluationRun, questions: tuple[Question, ...]) -> Report:
    return make_report(wb, run, questions)


# Hostile text


@pytest.mark.parametrize("render", [html, Report._repr_html_])
def test_hostile_text_is_shown_and_never_is_markup(
    hostile: Report, render: Callable[[Report], str]
) -> None:
    page = check_harmless(render(hostile))
    assert hostile.worst
    for worst in hostile.worst:
        nasty = worst.query_id.removeprefix("id ")
        for text in (f"id {nasty}", f"question {nasty}", f"doc {nasty}", f"tag {nasty}"):
            assert visible(text) in page.text


def test_everything_that_the_trace_holds_is_shown_harmlessly(hostile: Report) -> None:
    page = check_harmless(html(hostile))
    assert any(worst.trace.answer and worst.trace.answer.citations for worst in hostile.worst)
    for worst in hostile.worst:
        nasty = worst.query_id.removeprefix("id ")
        for text in (f"user {nasty}", f"answer {nasty}", f"what {nasty}", f"reason {nasty}"):
            assert visible(text) in page.text
        assert worst.trace.context is not None
        assert worst.trace.answer is not None
        for passage in worst.trace.context.passages:
            assert visible(passage.text) in page.text
            assert visible(f"({passage.doc_id}:{passage.start}-{passage.end})") in page.text
        assert visible(worst.trace.answer.text) in page.text


def test_formulas_are_left_alone(hostile: Report) -> None:
    assert "$" not in html(hostile).replace(STYLE, "")
    notebook = hostile._repr_html_()
    assert "$" not in notebook
    assert notebook.startswith('<div class="mathjax_ignore">')


def test_the_file_tells_the_browser_to_run_and_fetch_nothing(hostile: Report) -> None:
    policy = next(m for m in Page(html(hostile)).all("meta") if "http-equiv" in m)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert f"<style>{STYLE}</style>" in html(hostile)
    assert "prefers-color-scheme: dark" in STYLE
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_any_text_or_attribute_becomes_harmless(hostile_strings: tuple[str, ...]) -> None:
    for text in hostile_strings:
        page = check_harmless(tag("p", text, title=text.replace("http", "")))
        assert page.text == visible(text)
        assert page.tags[0][1]["title"] == visible(text.replace("http", ""))
    assert join(["<b>", Markup("<b></b>"), None], "&") == "&lt;b&gt;&amp;<b></b>"


def test_half_characters_of_a_model_do_not_break_the_file(hostile: Report, tmp_path: Path) -> None:
    worst = hostile.worst[0]
    assert worst.trace.answer is not None
    answer = replace(worst.trace.answer, text="half \ud800 of it")
    broken = replace(worst, trace=replace(worst.trace, answer=answer))
    path = write(replace(hostile, worst=(broken,)), tmp_path / "report.html")
    assert "half ⟨U+D800⟩ of it" in path.read_text(encoding="utf-8")


# What the page says


def test_headline_checklist_and_worst_questions_are_said(report: Report) -> None:
    page = check_harmless(html(report))
    for check in report.checks:
        mark = {"met": "✓", "missed": "✗", "unknown": "?"}[check.verdict]
        assert f"{check.name}{mark} {check.verdict}" in page.text
        for said in (check.number, check.threshold, check.detail):
            assert said in page.text
    assert page.text.index("Production readiness") < page.text.index("Where evidence was lost")
    assert {check.verdict for check in report.checks} >= {"met", "unknown"}
    for worst in report.worst:
        assert f"whymiss trace {worst.trace.trace_id[:12]}" in page.text
        assert worst.complaint in page.text


def test_every_link_leads_to_one_place(report: Report) -> None:
    page = Page(html(report))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"]) for attributes in page.all("a")}
    assert {f"#trace-{at}" for at in range(1, len(report.worst) + 1)} <= links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    labels = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(labels) <= set(ids)


@pytest.mark.parametrize("render", [html, Report._repr_html_])
def test_tables_can_be_read_aloud(report: Report, render: Callable[[Report], str]) -> None:
    source = render(report)
    page = Page(source)
    assert len(page.all("table")) == len(page.all("caption")) > 3
    assert {a.get("scope") for a in page.all("th")} == {"col", "row"}
    for table in re.findall("<table.*?</table>", source):
        widths = {len(re.findall("<t[hd]", row)) for row in re.findall("<tr>.*?</tr>", table)}
        assert len(widths) == 1 or "colspan" in table


def test_the_headings_go_down_by_one(report: Report) -> None:
    levels = [int(name[1]) for name, _ in Page(html(report)).tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_notebook_view_needs_no_style_sheet(report: Report) -> None:
    page = check_harmless(report._repr_html_())
    names = {name for name, _ in page.tags}
    assert names.isdisjoint({"style", "svg", "script", "html", "body", "a"})
    for check in report.checks:
        assert check.detail in page.text


def test_undefined_values_are_words_and_never_numbers(report: Report) -> None:
    lonely = report.run.slices("tags").query("slice == 'unanswerable' and measure == 'recall@5'")
    assert lonely["value"].isna().all()
    page = Page(html(report))
    assert "unanswerableundefinednone01few questions; no question has a value" in page.text
    assert "nan" not in page.text.lower().split()
    assert "the question is unanswerable1" in page.text


def test_slices_stand_from_the_lowest_value_up(report: Report) -> None:
    text = Page(html(report)).text
    slices = text[text.index("recall@5 by tag") :]
    # money: refund found, credit lost, so one half; plans: found.
    assert slices.index("money0.500") < slices.index("plans1.000") < slices.index("unanswerable")


def test_evidence_in_the_context_is_marked_as_it_stands(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], asked: Callable[..., Question]
) -> None:
    # The evidence reaches the context, and the answer declines for want of support.
    config = wb.config.replace(answer__min_support=1.0)
    phone = asked("phone", "Do annual plans include phone support?", "phone support")
    report = make_report(wb, evaluated(wb, [phone], config=config), [phone])
    (worst,) = report.worst
    assert worst.complaint == "abstained, though the evidence was delivered"
    source = html(report)
    assert "include <mark>phone support</mark>." in source
    assert source.count('<details open=""><summary>[') == 1


def test_settings_versions_and_label_problems_are_said(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], asked: Callable[..., Question]
) -> None:
    config = wb.config.replace(retrieval__k=2)
    broken = asked("broken", "Where?", "these words stand nowhere")
    questions = [asked("phone", "Do annual plans include phone support?", "phone"), broken]
    run = evaluated(wb, questions, config=config)
    text = Page(html(make_report(wb, run, questions))).text
    assert "retrieval.k25" in text
    assert f"hybrid ({run.fingerprint})" in text
    assert f"main, version {run.index_version}" in text
    assert "hashing-64" in text
    assert "broken" in text
    assert "the quote is not in the document" in text


def test_a_comparison_is_told_in_its_sentences(report: Report) -> None:
    assert "Comparison" not in Page(html(report)).text
    ids = [f"q{at}" for at in range(9)]
    frames = {
        name: pd.DataFrame({"query_id": ids, "recall@5": [value] * 9})
        for name, value in (("dense", 0.0), ("hybrid", 1.0))
    }
    comparison = compare(frames, baseline="dense", measures=["recall@5"])
    page = check_harmless(html(replace(report, comparison=comparison)))
    assert comparison.sentences()[0] in page.text


def test_a_trace_that_the_log_does_not_hold_is_told(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], questions: Any
) -> None:
    run = evaluated(wb, config=wb.config.replace(trace__keep=False))
    text = Page(html(make_report(wb, run, questions))).text
    assert "not in the log: trace.keep is off" in text
    assert "whymiss trace " not in text.replace("command whymiss trace.", "")


def test_a_run_where_all_went_well_says_none(
    wb: Workbench, evaluated: Callable[..., EvaluationRun], asked: Callable[..., Question]
) -> None:
    phone = asked("phone", "Do annual plans include phone support?", "phone support")
    report = make_report(wb, evaluated(wb, [phone], answer=False), [phone])
    assert report.worst == ()
    page = check_harmless(html(report))
    assert page.text.count("none") >= 2


def test_the_file_is_the_page(report: Report, tmp_path: Path) -> None:
    path = write(report, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == html(report)
    assert html(report) == html(report)
