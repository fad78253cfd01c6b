"""The compare panel as a person uses it: two pipelines, the verdict, one question of the list."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_notebook import LabNotebook, Theme
from playwright.sync_api import Locator, expect

QUESTIONS = Path(__file__).parents[2] / "data" / "helpdesk" / "questions.jsonl"
SLOW = 60_000
"""Milliseconds within which all labelled questions are asked of two pipelines."""

OPEN = """
import whymiss
from whymiss.config import PipelineConfig

plain = PipelineConfig().replace({{"retrieval.mode": "dense", "rerank.model": ""}})
wb = whymiss.open({store!r}, config=plain)
panel = wb.compare_panel(questions={questions!r})
panel
"""


@pytest.fixture(scope="module")
def lab(module_notebook: Callable[..., LabNotebook], helpdesk_store: Path) -> LabNotebook:
    opened = module_notebook([OPEN.format(store=str(helpdesk_store), questions=str(QUESTIONS))])
    opened.page.set_viewport_size({"width": 1400, "height": 1000})
    opened.run_all()
    return opened


def panel(lab: LabNotebook) -> Locator:
    return lab.page.locator(".whymiss.wm-compare")


def test_two_pipelines_are_compared_by_mouse(lab: LabNotebook, tmp_path: Path) -> None:
    expect(panel(lab)).to_contain_text("Both pipelines are the same")
    panel(lab).get_by_role("group", name="other").get_by_label("Mode").select_option("hybrid")
    differs = panel(lab).get_by_role("region", name="What differs").locator("tbody tr")
    expect(differs).to_have_text(re.compile("retrieval.mode.*dense.*hybrid", re.DOTALL))
    panel(lab).get_by_role("button", name="Compare", exact=True).click()
    verdict = panel(lab).locator(".wm-verdict")
    expect(verdict).to_be_visible(timeout=SLOW)
    compared = "panel.compared.comparison"
    assert verdict.inner_text().endswith(lab.execute(f"print({compared}.sentences()[0])"))

    losses = panel(lab).get_by_role("button", name=re.compile(r"^losses \("))
    losses.click()
    expect(losses).to_have_attribute("aria-pressed", "true")
    counted = lab.execute(
        f"rows = {compared}.questions\n"
        "print(((rows.measure == panel.state.measures[0]) & (rows.outcome == 'loss')).sum())"
    )
    assert losses.inner_text() == f"losses ({counted})"
    rows = panel(lab).get_by_role("table", name=re.compile("^Losses by")).locator("tbody tr")
    expect(rows).to_have_count(min(15, int(counted)))
    lab.page.screenshot(path=tmp_path / "losses.png")


def test_a_question_of_the_list_is_opened_in_the_walk_by_keyboard(lab: LabNotebook) -> None:
    look = panel(lab).get_by_role("button", name=re.compile("^Both rankings of")).first
    look.focus()
    lab.page.keyboard.press("Enter")
    both = panel(lab).get_by_role("region", name="Rankings of the chosen question")
    expect(both.get_by_role("list")).to_have_count(2, timeout=SLOW)
    asked = lab.execute("print(panel.state.question)")
    assert both.get_attribute("data-here") == asked
    walk = panel(lab).get_by_role("button", name=re.compile("^Open .* in the walk under other"))
    walk.first.focus()
    lab.page.keyboard.press("Enter")
    expect(panel(lab).get_by_text("Wrong-answer walk has it now")).to_be_visible()
    opened = "(s := wb.walk().state).query_id, s.config == panel.state.other"
    assert lab.execute(opened) == repr((asked, True))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 700])
def test_there_are_no_barriers(lab: LabNotebook, theme: Theme, width: int) -> None:
    lab.set_theme(theme)
    lab.page.set_viewport_size({"width": width, "height": 1000})
    expect(panel(lab).locator(".wm-verdict")).to_be_visible()
    assert lab.axe(".whymiss.wm-compare") == []


def test_nothing_was_asked_of_the_network_and_nothing_went_wrong(lab: LabNotebook) -> None:
    assert lab.requests == []
    assert lab.dialogs == []
    assert lab.console_errors == []
