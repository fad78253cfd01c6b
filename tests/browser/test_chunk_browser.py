"""The chunk browser as a person uses it: borders that move, evidence that is cut or marked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_notebook import LabNotebook, Theme
from playwright.sync_api import Locator, expect

QUESTIONS = Path(__file__).parents[2] / "data" / "helpdesk" / "questions.jsonl"
SHOWN = "plans/support_tiers_v3.md"
QUOTE = "On weekdays between 08:00 and 18:00 CET the desk in Utrecht"
SLOW = 30_000
"""Milliseconds within which a kernel has loaded the encoder, whose tokens are counted."""

OPEN = """
import whymiss

wb = whymiss.open({store!r})
browser = wb.chunk_browser({shown!r}, questions={questions!r})
browser
"""


@pytest.fixture(scope="module")
def lab(module_notebook: Callable[..., LabNotebook], helpdesk_store: Path) -> LabNotebook:
    cell = OPEN.format(store=str(helpdesk_store), shown=SHOWN, questions=str(QUESTIONS))
    opened = module_notebook([cell])
    opened.page.set_viewport_size({"width": 1400, "height": 1000})
    opened.run_all()
    expect(summary(opened)).to_contain_text("chunks", timeout=SLOW)
    return opened


def browser(lab: LabNotebook) -> Locator:
    return lab.page.locator(".whymiss.wm-chunks")


def summary(lab: LabNotebook) -> Locator:
    return browser(lab).locator(".wm-strip")


def expect_chunks_of(lab: LabNotebook, size: int) -> None:
    """The page shows as many chunks as the same settings give without a panel."""
    config = f"wb.config.replace(chunking__size={size})"
    counted = lab.execute(f"print(len(wb.live.chunks_of(browser.state.doc_id, {config})))")
    expect(summary(lab)).to_contain_text(re.compile(rf"^{counted} chunks"))
    assert lab.execute("print(browser.state.config.chunking.size)") == str(size)


def test_borders_follow_keyboard_typed_value_and_drag(lab: LabNotebook, tmp_path: Path) -> None:
    slider = browser(lab).get_by_role("slider", name="Size, tokens")
    typed = browser(lab).get_by_role("spinbutton", name="Size, tokens, typed")
    slider.focus()
    lab.page.keyboard.press("ArrowLeft")
    expect_chunks_of(lab, 199)
    typed.fill("40")
    typed.press("Enter")
    expect_chunks_of(lab, 40)
    lab.page.screenshot(path=tmp_path / "small.png")
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    lab.page.mouse.move(box["x"] + box["width"] * 0.1, y)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + box["width"] * 0.3, y, steps=20)
    lab.page.mouse.up()
    assert int(slider.input_value()) > 100
    expect_chunks_of(lab, int(slider.input_value()))


def test_evidence_that_a_small_size_cuts_is_told(lab: LabNotebook) -> None:
    typed = browser(lab).get_by_role("spinbutton", name="Size, tokens, typed")
    evidence = browser(lab).get_by_role("table", name="Evidence in this document")
    typed.fill("200")
    typed.press("Enter")
    expect_chunks_of(lab, 200)
    n_spans = evidence.locator("tbody tr").count()
    assert n_spans > 0
    assert "✂" not in evidence.inner_text()
    typed.fill("8")
    typed.press("Enter")
    expect(evidence).to_contain_text("✂")
    expect(evidence.locator("tbody tr")).to_have_count(n_spans)


def test_text_is_marked_as_evidence_by_mouse_and_by_a_pasted_quote(lab: LabNotebook) -> None:
    marked = browser(lab).get_by_role("table", name="Marked as evidence").locator("tbody tr")
    browser(lab).get_by_label(re.compile("paste it here")).fill(QUOTE)
    browser(lab).get_by_role("button", name="Mark the quote").click()
    expect(marked).to_have_count(1)
    browser(lab).locator(".wm-page").get_by_text("Utrecht").first.dblclick()
    browser(lab).get_by_role("button", name="Mark the selected text as evidence").click()
    expect(marked).to_have_count(2)
    spans = "text = wb.document(browser.state.doc_id).text\nprint([text[s.start:s.end] for s in "
    assert QUOTE in lab.execute(f"{spans}browser.state.marked])")
    browser(lab).get_by_role("button", name=re.compile("^Take back the mark on")).first.click()
    expect(marked).to_have_count(1)
    assert QUOTE not in lab.execute(f"{spans}browser.state.marked])")
    assert browser(lab).get_by_role("alert").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 700])
def test_there_are_no_barriers(lab: LabNotebook, theme: Theme, width: int) -> None:
    lab.set_theme(theme)
    lab.page.set_viewport_size({"width": width, "height": 1000})
    expect(summary(lab)).to_contain_text("chunks")
    assert lab.axe(".whymiss.wm-chunks") == []


def test_nothing_was_asked_of_the_network_and_nothing_went_wrong(lab: LabNotebook) -> None:
    assert lab.requests == []
    assert lab.dialogs == []
    assert lab.console_errors == []
