"""Nothing of a document, a title or a question becomes an element or an attribute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import whymiss
from whymiss.evaluation.labels import EvidenceSpan, Question
from whymiss.pages.markup import visible
from whymiss.records import Document, Query
from whymiss.testing import HashingEncoder
from whymiss.widgets.chunks.panel import ChunkBrowser
from whymiss.widgets.chunks.state import pages_of

TAGS = {
    "bdi", "button", "caption", "code", "details", "div", "em", "fieldset", "form", "h2", "h3",
    "input", "label", "legend", "mark", "nav", "option", "p", "pre", "s", "select", "span",
    "strong", "summary", "table", "tbody", "td", "th", "thead", "tr",
}  # fmt: skip
ATTRIBUTES = {
    "aria-disabled", "aria-hidden", "aria-label", "checked", "class", "data-badge", "data-code",
    "data-copy", "data-do", "data-from", "data-here", "data-key", "data-knob", "data-pick",
    "data-text-of", "data-value", "disabled", "max", "min", "name", "placeholder", "role", "scope",
    "selected", "step", "style", "tabindex", "title", "type", "value",
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "store"


def opened(store: Path, hostile: tuple[str, ...]) -> tuple[Any, ChunkBrowser, str]:
    doc_id = "<img src=x onerror=alert(1)> \u202e$x$.md"
    text = "\n\n".join(hostile)
    workbench = whymiss.open(store, encoder=HashingEncoder())
    workbench.ingest([Document(doc_id=doc_id, title=hostile[0], text=text, allowed=["*"])])
    span = EvidenceSpan(doc_id=doc_id, start=0, end=40)
    asked = "</td><script>alert(1)</script>' onmouseover='alert(2)"
    question = Question(query=Query(query_id="<b>'\"", text=asked), evidence=((span,),))
    panel = workbench.chunk_browser(questions=[question])
    assert panel.flush(20)
    panel.press("mark_quote", quote="<script>alert(1)</script>")
    assert panel.flush(20)
    return workbench, panel, text


def test_every_element_and_attribute_is_ours(store: Path, hostile_strings: tuple[str, ...]) -> None:
    workbench, panel, text = opened(store, hostile_strings)
    assert panel.state.marked
    for shown in (*panel._surface.parts.values(), panel._repr_html_()):
        found = BeautifulSoup(shown, "html.parser").find_all(True)
        assert {tag.name for tag in found} <= TAGS
        assert {name for tag in found for name in tag.attrs} <= ATTRIBUTES
        # A formula would be typeset outside of a <pre>.
        assert "$" not in shown
    pre = BeautifulSoup(panel._surface.parts["text"], "html.parser").pre
    plain = [s for s in pre.strings if not s.find_parent(attrs={"data-badge": True})]
    start, end = pages_of(text)[0]
    assert "".join(plain) == visible(text[start:end])
    workbench.close()


def test_an_error_that_quotes_the_text_is_escaped(store: Path, hostile_strings: Any) -> None:
    workbench, panel, _ = opened(store, hostile_strings)
    panel.press("mark_quote", quote="   ")
    shown = BeautifulSoup(panel._surface.parts["problem"], "html.parser")
    assert {tag.name for tag in shown.find_all(True)} == {"p", "strong"}
    assert "<img src=x onerror=alert(1)>" in shown.text
    workbench.close()
