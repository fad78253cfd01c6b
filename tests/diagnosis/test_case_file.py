"""One diagnosis as a file: everything said, nothing that runs, the same bytes every time."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whymiss
from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file import (
    CaseFile,
    Excerpt,
    excerpts_of,
    from_json,
    recipe,
    to_html,
    to_json,
    to_markdown,
    write,
)
from whymiss.diagnosis.case_file.markdown import block, inline
from whymiss.diagnosis.case_file.sentences import verdict
from whymiss.diagnosis.records import Candidate, Diagnosis, Finding, StageView
from whymiss.diagnosis.repairs.repair import Price, Repair
from whymiss.errors import InvalidRecordError
from whymiss.evaluation import EvidenceSpan, Question
from whymiss.evaluation.statistics import Interval
from whymiss.records import Chunk, Clause, Query

NASTY = (
    "<script>alert(1)</script>",
    "</pre></td><img src=x onerror=alert(1)>",
    "<a href='https://example.com' onclick=alert(1)>here</a>",
    '"\' onmouseover=alert(1) x="""',
    "It costs $5 or $$x^2$$ & more &lt;b&gt;",
    "null \x00, escape \x1b[31m, next line \x85 here",
    "\u202eetadilav\u2066 and \u200f",
    "```\n# A heading\n[here](javascript:alert(1)) | ![x](https://example.com/x.png)\n```",
    "\\'); import os; os.system('true')  # \n\n~~~~\n<!-- --> </style>",
    "'''\nimport os\n'''",
)

CONFIG = PipelineConfig().replace({"retrieval.mode": "dense", "rerank.model": ""})
QUOTE = "The use of this line is included at no charge in all annual plans, Solo not excepted."


def case(text: str = "") -> CaseFile:
    """A case whose every text ends in the given one."""
    t = f" {text}" if text else ""
    span = EvidenceSpan(doc_id=f"support.md{t}".strip(), start=2100, end=2186, quote=QUOTE + t)
    question = Question(
        query=Query(
            query_id=f"a-001{t}", text=f"Do annual plans include phone support?{t}",
            principals=(f"ann{t}".strip(),), expected_answer=f"Yes, weekdays 08:00-18:00.{t}",
            where=(
                Clause(field=f"lang{t}", op="eq", value=f"en{t}"),
                Clause(field="year", op="ge", value=2024),
                Clause(field="region", op="in", value=("EU", f"US{t}")),
            ),
            tags=(f"short{t}",),
        ),
        evidence=((span,), (EvidenceSpan(doc_id=f"faq.md{t}".strip(), quote=f"phone, too{t}"),)),
        split="tune",
    )  # fmt: skip
    diagnosis = Diagnosis(
        question=question,
        config_fingerprint=CONFIG.fingerprint(),
        index_name=f"main{t}",
        index_version="3.7",
        ending="lost",
        answer=f"Priority e-mail support is included.{t}",
        lost_at="select",
        funnel=(
            StageView(stage="chunk", holds=True, n=1, note=f"1 of 1 spans whole{t}"),
            StageView(
                stage="dense", holds=True, rank=9, n=50, cut=50, score=0.4213, cut_score=0.21,
                displaced_by=(f"c1{t}", f"c2{t}"),
            ),
            StageView(
                stage="select", holds=False, rank=9, n=50, cut=5, score=0.4213, cut_score=0.4702,
                displaced_by=(f"c1{t}", f"c3{t}"),
            ),
            StageView(stage="answer", holds=None, note=f"not judged{t}"),
        ),
        findings=(
            Finding(
                cause="S0", name="CorpusGap", stage="parse", verdict="cleared",
                says=f"the document is stored{t}",
            ),
            Finding(
                cause="S3c", name="ConfusableNeighbours", stage="embed", verdict="proven",
                says=f"8 chunks about monthly plans outrank the evidence{t}",
                deviation=f"5 of them differ in the plan{t}", patch=f"without these chunks{t}",
                severity=8, numbers={"n": 8, "cosine": 0.91, "ids": ("c1", f"c2{t}")},
            ),
            Finding(
                cause="S8", name="CutOffByK", stage="select", verdict="proven",
                says=f"rank 9 with k 5{t}", severity=0, patch="k 9",
            ),
            Finding(
                cause="S2b", name="ChunkTooLarge", stage="chunk", verdict="implicated",
                says=f"the evidence is a tenth of its chunk{t}",
            ),
            Finding(
                cause="S3d", name="HubChunk", stage="embed", verdict="unknown",
                says=f"other questions are needed{t}",
            ),
        ),
        proven=("S3c", "S8"),
        unexplained=False,
        repairs=(
            Repair(
                title=f"filter plan_type = annual{t}", kind="filter", base=CONFIG, rescues=True,
                code=f"wb.ask('?', where={{'plan_type': 'annual'}}){t}", added_tokens=-12,
                where=(Clause(field="plan_type", op="eq", value=f"annual{t}"),),
                price=Price(
                    wins=("a-002",), losses=(), n_questions=2, added_tokens=1.5, added_ms=0.7,
                    interval=Interval(
                        estimate=0.5, low=math.nan, high=math.nan, confidence=0.95, method="t",
                        n=2, undefined_because="fewer than 3 questions",
                    ),
                ),
            ),
            Repair(
                title="k 9", kind="k", base=CONFIG, rescues=True, because=f"rank 9{t}",
                code="wb.config = wb.config.replace({'retrieval.k': 9})",
                changes={"retrieval.k": 9}, added_tokens=800,
                price=Price(
                    wins=("a-002", "a-003"), losses=("a-004",), n_questions=200, added_ms=1.0,
                    added_tokens=790.25, interval=Interval(
                        estimate=0.005, low=-0.01, high=0.02, confidence=0.95, method="t", n=200,
                    ),
                ),
            ),
            Repair(
                title="chunks by heading", kind="chunking", base=CONFIG, code="wb.build()",
                because="every chunk would be embedded anew", unpriced_because=f"not run{t}",
            ),
        ),
        candidates=(Candidate(span=span, text=QUOTE + t, match=0.93, how="fuzzy"),),
        notes=(f"The place was given.{t}",),
        n_reruns=41,
        options={"repairs": True, "rebuild": False, "answers": True},
    )  # fmt: skip
    return CaseFile(
        diagnosis=diagnosis,
        store=f"store{t}",
        config=CONFIG,
        labelled=f"questions.jsonl{t}",
        excerpts={
            f"c1{t}": Excerpt(doc_id=f"d1{t}", headings=(f"Monthly{t}",), text=f"E-mail…{t}"),
            f"c2{t}": Excerpt(doc_id=f"d2{t}"),
        },
    )


# The page


class Page(HTMLParser):
    """What a browser would see: elements with attributes, and text outside the style sheet."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
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


def shape(source: str) -> list[tuple[str, list[str]]]:
    return [(name, sorted(attributes)) for name, attributes in Page(source).tags]


@pytest.mark.parametrize("nasty", NASTY)
def test_hostile_texts_leave_the_elements_of_the_page_as_they_are(nasty: str) -> None:
    source = to_html(case(nasty))
    page = Page(source)
    assert page.open == []
    assert shape(source) == shape(to_html(case("harmless")))
    for name, attributes in page.tags:
        assert name not in ("script", "img", "link", "iframe", "object")
        assert not any(key.startswith("on") or key in ("src", "style") for key in attributes)
        assert attributes.get("href") is None or str(attributes["href"]).startswith("#")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)


def test_the_page_loads_nothing_and_every_link_leads_somewhere() -> None:
    page = Page(to_html(case()))
    policy = next(a for name, a in page.tags if "http-equiv" in a)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for name, attributes in page.tags if name == "a"}
    assert links <= set(ids)


@pytest.mark.parametrize("make", [to_html, to_markdown, to_json])
def test_every_format_says_everything(make: Any) -> None:
    said = make(case())
    said = Page(said).text if make is to_html else said
    plain = re.sub(r"\s+", " ", re.sub(r"\\(?=[\W_])", "", said))
    for wanted in (
        "Do annual plans include phone support?", QUOTE, "Yes, weekdays 08:00-18:00.",
        "Priority e-mail support is included.", "8 chunks about monthly plans outrank",
        "5 of them differ in the plan", "without these chunks", "other questions are needed",
        "filter plan_type = annual", "every chunk would be embedded anew", "E-mail…", "d1",
        "fewer than 3 questions", "The place was given.", "questions.jsonl",
    ):  # fmt: skip
        assert wanted in plain, wanted


def test_marks_never_stand_without_a_word() -> None:
    page = Page(to_html(case())).text
    for wanted in ("✓\u00a0there", "✗\u00a0lost\u00a0here", "–\u00a0not\u00a0told", "✓\u00a0yes"):
        assert wanted in page


# The verdict


def test_the_verdict_names_stage_cause_and_what_it_says() -> None:
    assert verdict(case().diagnosis) == (
        "The evidence was lost at select. Proven cause: confusable neighbours (S3c) at the stage "
        "embed. 8 chunks about monthly plans outrank the evidence. Putting one of these right "
        "would help as well: cut off by k (S8)."
    )


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"proven": (), "unexplained": True}, "No patch and no pair of patches brings it back"),
        ({"proven": ()}, "no cause is proven"),
        ({"proven": (), "ending": "healthy"}, "the answer rests on it."),
        ({"proven": (), "ending": "unjudged"}, "No evidence is known"),
        ({"proven": ("S8",)}, "Proven cause: cut off by k (S8) at the stage select. Rank 9 with k"),
    ],
)
def test_the_verdict_of_every_ending(changes: dict[str, Any], wanted: str) -> None:
    assert wanted in verdict(replace(case().diagnosis, **changes))


def test_causes_that_only_help_together_are_said_to() -> None:
    diagnosis = case().diagnosis
    findings = tuple(
        replace(f, together_with=tuple({"S3c", "S8"} - {f.cause})) if f.verdict == "proven" else f
        for f in diagnosis.findings
    )
    assert "Only together with: cut off by k (S8)." in verdict(
        replace(diagnosis, findings=findings)
    )


# The recipe


def calls(tree: ast.AST) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("nasty", ["", *NASTY])
def test_no_text_breaks_out_of_the_recipe(nasty: str) -> None:
    tree = ast.parse(recipe(case(nasty)))
    plain = ast.parse(recipe(case("harmless")))
    assert calls(tree) == calls(plain)
    assert [type(node) for node in ast.walk(tree)] == [type(node) for node in ast.walk(plain)]


@pytest.mark.parametrize("nasty", ["", *NASTY])
def test_the_recipe_gives_the_same_question_store_and_configuration(
    nasty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = case(nasty)
    seen: dict[str, Any] = {}

    class Opened:
        def diagnose(self, question: Question, **options: Any) -> Diagnosis:
            seen.update(question=question, **options)
            return made.diagnosis

    def opened(store: str, *, config: PipelineConfig) -> Opened:
        seen.update(store=store, config=config)
        return Opened()

    monkeypatch.setattr(whymiss, "open", opened)
    exec(compile(recipe(made), "recipe", "exec"), {})
    assert seen["question"] == made.diagnosis.question
    assert (seen["store"], seen["config"]) == (made.store, made.config)
    assert (seen["labelled"], seen["repairs"], seen["answers"]) == (made.labelled, True, True)


# JSON


@pytest.mark.parametrize("nasty", ["", *NASTY])
def test_a_case_comes_back_from_json(nasty: str) -> None:
    made = case(nasty)
    read = from_json(to_json(made))
    assert to_json(read) == to_json(made)
    assert to_html(read) == to_html(made)
    for field in fields(Diagnosis):
        if field.name != "repairs":  # An interval may hold NaN, which equals nothing.
            assert getattr(read.diagnosis, field.name) == getattr(made.diagnosis, field.name)
    assert read.diagnosis.repairs[1:] == made.diagnosis.repairs[1:]
    assert math.isnan(read.diagnosis.repairs[0].price.interval.low)  # type: ignore[union-attr]


def test_json_holds_neither_nan_nor_times() -> None:
    diagnosis = case().diagnosis
    findings = (replace(diagnosis.findings[0], numbers={"share": math.nan}),)
    made = replace(case(), diagnosis=replace(diagnosis, findings=findings, proven=()))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    body = json.loads(to_json(made), parse_constant=refuse)
    assert body["diagnosis"]["findings"][0]["numbers"] == {"share": None}
    assert "added_ms" not in to_json(made)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{", "it is no JSON"),
        ("[]", "not a case file in the format 'whymiss case 1'"),
        ('{"format": "whymiss case 9"}', "not a case file in the format 'whymiss case 1'"),
        ('{"format": "whymiss case 1"}', r"a broken case file: KeyError\('config'\)"),
    ],
)
def test_what_is_no_case_is_refused(text: str, wanted: str) -> None:
    with pytest.raises(InvalidRecordError, match=wanted):
        from_json(text)


# Markdown


@given(st.text(max_size=80))
def test_inline_text_is_one_line_without_marks(text: str) -> None:
    shown = inline(text)
    assert "\n" not in shown
    assert not re.search(r"[<>$]", shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|~!]", shown)


@given(st.text(alphabet="`~ \na", max_size=60))
def test_no_text_closes_its_block(text: str) -> None:
    first, *inner, last = block(text).split("\n")
    assert first == f"{last}text"
    assert not any(re.fullmatch(rf" {{0,3}}`{{{len(last)},}}\s*", line) for line in inner)


@pytest.mark.parametrize("nasty", NASTY)
def test_tables_of_markdown_keep_their_columns(nasty: str) -> None:
    lines = to_markdown(case(nasty)).split("\n")
    plain = to_markdown(case("harmless")).split("\n")
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("| ")]
    wanted = [len(re.findall(r"(?<!\\)\|", line)) for line in plain if line.startswith("| ")]
    assert columns == wanted


# Files


@pytest.mark.parametrize("suffix", [".html", ".md", ".json", ".HTML"])
def test_the_same_diagnosis_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first = write(case(), tmp_path / f"one{suffix}").read_bytes()
    slower = replace(
        case().diagnosis.repairs[1],
        price=replace(case().diagnosis.repairs[1].price, added_ms=99.0),  # type: ignore[type-var]
    )
    repairs = (case().diagnosis.repairs[0], slower, case().diagnosis.repairs[2])
    again = replace(case(), diagnosis=replace(case().diagnosis, repairs=repairs))
    assert write(again, tmp_path / f"two{suffix}").read_bytes() == first


def test_half_a_surrogate_pair_does_not_stop_a_file(tmp_path: Path) -> None:
    diagnosis = replace(case().diagnosis, answer="half \ud83d")
    made = replace(case(), diagnosis=diagnosis)
    for suffix in (".html", ".md", ".json"):
        write(made, tmp_path / f"case{suffix}").read_text("utf-8")
    read = from_json((tmp_path / "case.json").read_text("utf-8"))
    assert read.diagnosis.answer == "half \ud83d"


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecordError, match=r"ends in .html, .md, .json; got .*case.pdf"):
        write(case(), tmp_path / "case.pdf")


def test_another_configuration_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="the configuration that was diagnosed"):
        replace(case(), config=PipelineConfig())


# Excerpts


def test_excerpts_are_of_the_displacing_chunks_alone() -> None:
    chunks = [
        Chunk(
            chunk_id=name, doc_id=f"{name}.md", start=0, end=len(text), text=text, n_tokens=9,
            headings=("Plans", name), parent_start=0, parent_end=len(text),
        )
        for name, text in (("c1", "E-mail\nonly. " * 50), ("c3", "No phone."), ("c9", "Other."))
    ]  # fmt: skip
    found = excerpts_of(case().diagnosis, chunks)
    assert list(found) == ["c1", "c3"]
    assert found["c3"] == Excerpt(doc_id="c3.md", headings=("Plans", "c3"), text="No phone.")
    assert len(found["c1"].text) <= 240
    assert "\n" not in found["c1"].text


def test_a_chunk_without_an_excerpt_is_shown_by_its_id() -> None:
    page = Page(to_html(case())).text
    assert "c3" in page
    assert "not shown" in page
