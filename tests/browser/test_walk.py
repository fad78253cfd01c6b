"""From a wrong answer to an applied repair in a real page: by mouse, and by keyboard alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_notebook import LabNotebook
from playwright.sync_api import Locator, Page, expect

QUESTIONS = Path(__file__).parents[2] / "data" / "helpdesk" / "questions.jsonl"
ASKED = "Do annual plans include phone support?"
EVIDENCE = "The use of this line is included at no charge in all annual plans"
HELD = "support_tiers_v3.md"
FILTER = "filter plan_type = annual"
SLOW = 60_000
"""Milliseconds within which the first question of a kernel is answered: it loads the model."""

OPEN = """
import whymiss
from whymiss.config import PipelineConfig
from whymiss.widgets.walk.state import WalkState

plain = PipelineConfig().replace({{"retrieval.mode": "dense", "rerank.model": ""}})
wb = whymiss.open({store!r}, config=plain)
walk = wb.walk(questions={questions!r})
walk
"""

# The middles of the first and the last character of some words.
PLACE = """words => {
  const page = document.querySelector('.wm-page [data-text-of]');
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(words);
    if (at < 0) continue;
    node.parentElement.closest('.wm-page').scrollTop = 0;
    const box = (from, to) => {
      const range = document.createRange();
      range.setStart(node, from);
      range.setEnd(node, to);
      return range.getBoundingClientRect();
    };
    const top = box(at, at + 1).top - page.getBoundingClientRect().top;
    page.closest('.wm-page').scrollTop = Math.max(0, top - 80);
    const first = box(at, at + 1), last = box(at + words.length - 1, at + words.length);
    return [[first.left + 1, first.top + first.height / 2],
            [last.right - 1, last.top + last.height / 2]];
  }
}"""


@pytest.fixture(scope="module")
def lab(module_notebook: Callable[..., LabNotebook], helpdesk_store: Path) -> LabNotebook:
    cell = OPEN.format(store=str(helpdesk_store), questions=str(QUESTIONS))
    opened = module_notebook([cell])
    opened.page.set_viewport_size({"width": 1400, "height": 1000})
    opened.run_all()
    return opened


@pytest.fixture
def opened(lab: LabNotebook) -> LabNotebook:
    """The walk before its first question."""
    lab.execute("walk.cancel(); walk.flush(); walk.state = WalkState(config=plain)")
    expect(walk(lab).get_by_role("heading", name="1. Question")).to_be_visible(timeout=SLOW)
    expect(walk(lab).get_by_text("2. Is it wrong")).to_have_count(0)
    return lab


def walk(lab: LabNotebook) -> Locator:
    return lab.page.locator(".whymiss.wm-walk")


def button(lab: LabNotebook, name: str) -> Locator:
    return walk(lab).get_by_role("button", name=name, exact=True)


def check_applied(lab: LabNotebook) -> None:
    """The right answer stands beside the wrong one, and the live panel holds the repair."""
    outcome = walk(lab).locator("[data-part=outcome]")
    expect(outcome.get_by_role("button", name="See it in the live panel")).to_be_visible(
        timeout=SLOW
    )
    before, after = outcome.locator(".wm-sides > section").all()
    expect(before).to_contain_text("Phone support is not included in plans paid by the month")
    expect(before).to_contain_text("✗ The evidence is not in the context.")
    expect(after).to_contain_text(EVIDENCE)
    expect(after).to_contain_text("✓ The evidence is in the context, and the answer rests on it.")
    held = lab.execute("live = wb.live_panel().state; live.question, live.where[0].value")
    assert held == repr((ASKED, "annual"))
    assert walk(lab).get_by_role("alert").count() == 0


def check_nothing_leaked(lab: LabNotebook) -> None:
    assert lab.requests == []
    assert lab.dialogs == []
    assert lab.console_errors == []


def test_with_the_mouse(opened: LabNotebook, tmp_path: Path) -> None:
    page = opened.page
    walk(opened).get_by_label("Question", exact=True).fill(ASKED)
    button(opened, "Ask").click()
    expect(walk(opened).locator(".wm-answer").first).to_contain_text(
        "Phone support is not included in plans paid by the month", timeout=SLOW
    )
    walk(opened).get_by_role("button", name=f"[1] Open passage 1, plans/{HELD}").first.click()
    passage = walk(opened).locator("[data-key='passage:1']")
    expect(passage.locator(".wm-text")).to_be_visible()
    page.screenshot(path=tmp_path / "answer.png")

    button(opened, "It is wrong").click()
    walk(opened).get_by_text("Pick it from any document").click()
    walk(opened).get_by_role("combobox", name=re.compile("^Document")).fill(f"plans/{HELD}")
    button(opened, "Open").click()
    walk(opened).locator(".wm-page").scroll_into_view_if_needed()
    first, last = page.evaluate(PLACE, EVIDENCE)
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(*last, steps=12)
    page.mouse.up()
    pick = f"Take the selected words of plans/{HELD}"
    walk(opened).get_by_role("button", name=pick).click()
    expect(walk(opened).locator(".wm-taken .wm-text")).to_have_text(EVIDENCE)
    page.screenshot(path=tmp_path / "evidence.png")

    button(opened, "Find the cause").click()
    verdict = walk(opened).locator(".wm-verdict")
    expect(verdict).to_contain_text("Proven cause: confusable neighbours (S3c)", timeout=SLOW)
    lost = walk(opened).locator("details[data-key=select] > summary")
    expect(lost).to_contain_text("✗ lost here")
    dense = walk(opened).locator("details[data-key=dense]")
    expect(dense).to_have_attribute("open", "")
    expect(dense.locator("tr", has_text="✓ evidence")).to_contain_text("17")
    verdict.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "cause.png")

    apply = button(opened, f"Apply {FILTER}")
    expect(apply).to_be_visible(timeout=SLOW)
    row = walk(opened).locator("tr", has=page.get_by_role("button", name=f"Apply {FILTER}"))
    expect(row.locator("td").nth(2)).to_have_text("✓\u00a0yes")
    apply.click()
    check_applied(opened)
    walk(opened).locator(".wm-sides").scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "applied.png")

    button(opened, "Walk on with it").click()
    expect(walk(opened).locator(".wm-answer")).to_have_count(1)
    expect(walk(opened).locator(".wm-answer")).to_contain_text(EVIDENCE, timeout=SLOW)
    expect(walk(opened).get_by_label("Filter", exact=True)).to_have_value("plan_type = annual")
    check_nothing_leaked(opened)


class Keyboard:
    """Goes to a control by Tab alone, and knows that the focus is never lost on the way."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def name(self) -> str:
        """The accessible name of what has the focus, as far as this panel makes names."""
        return str(
            self.page.evaluate(
                "() => { const at = document.activeElement; return at.ariaLabel"
                " || at.labels?.[0]?.textContent.trim() || at.textContent.trim() }"
            )
        )

    def to(self, name: str, *, most: int = 250) -> None:
        for _ in range(most):
            if self.name().startswith(name):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{name!r} is not reached by Tab; the last was {self.name()!r}")

    def press(self, name: str, key: str = "Enter") -> None:
        self.to(name)
        self.page.keyboard.press(key)

    def write(self, name: str, text: str) -> None:
        self.to(name)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)


def test_with_the_keyboard_alone(opened: LabNotebook, tmp_path: Path) -> None:
    page, keys = opened.page, Keyboard(opened.page)
    # Where a reader who comes by Tab enters the panel.
    walk(opened).get_by_label("Labelled question").focus()
    keys.write("Question", ASKED)
    keys.press("Ask")
    expect(walk(opened).locator(".wm-answer")).to_be_visible(timeout=SLOW)
    keys.press("[1] Open passage 1")
    expect(walk(opened).locator("[data-key='passage:1'] .wm-text")).to_be_visible()

    keys.press("It is wrong", "Space")
    expect(button(opened, "Find this passage")).to_be_visible()
    assert keys.name() == "It is wrong"
    keys.write("What it should have said", EVIDENCE)
    keys.press("Find this passage")
    expect(walk(opened).locator(".wm-taken .wm-text")).to_have_text(EVIDENCE)

    # A second passage, first as needed too and then as enough; and back again.
    keys.press("Pick it from")
    keys.press("rank 6")
    keys.press("This is the evidence: rank 6", "Space")
    expect(walk(opened).get_by_role("radio")).to_have_count(2)
    assert keys.name() == "This is the evidence: rank 6"
    walk(opened).get_by_role("radio", name="all of them are needed").focus()
    page.keyboard.press("ArrowDown")
    expect(walk(opened).get_by_role("radio", name="any one of them is enough")).to_be_checked()
    keys.press("This is the evidence: rank 6", "Space")
    expect(walk(opened).get_by_role("radio")).to_have_count(0)
    page.screenshot(path=tmp_path / "evidence.png")

    keys.press("Find the cause")
    expect(walk(opened).locator(".wm-verdict")).to_contain_text("Proven cause", timeout=SLOW)
    expect(button(opened, f"Apply {FILTER}")).to_be_visible(timeout=SLOW)
    assert keys.name() == "Find the cause"
    keys.press("dense")
    expect(walk(opened).locator("details[data-key=dense]")).not_to_have_attribute("open", "")
    page.keyboard.press("Space")
    expect(walk(opened).locator("details[data-key=dense]")).to_have_attribute("open", "")
    page.screenshot(path=tmp_path / "cause.png")

    keys.press(f"Apply {FILTER}", "Space")
    check_applied(opened)
    assert keys.name() == f"Apply {FILTER}"
    page.screenshot(path=tmp_path / "applied.png")

    case = tmp_path / "case.json"
    keys.write("File:", str(case))
    page.keyboard.press("Enter")
    expect(walk(opened).get_by_text("Written:")).to_contain_text(str(case))
    assert json.loads(case.read_text())["diagnosis"]["proven"][0] == "S3c"
    check_nothing_leaked(opened)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 700])
def test_a_finished_walk_has_no_barriers(lab: LabNotebook, theme: str, width: int) -> None:
    if lab.execute("walk.walked.outcome is None") == "True":
        said = f"""
walk.open({ASKED!r}, plain); walk.flush(); walk.press("wrong")
walk.press("paste", "quote", text={EVIDENCE!r}); walk.flush(); walk.press("diagnose"); walk.flush()
walk.press("apply", "0"); walk.flush()
"""
        lab.execute(said)
    lab.set_theme(theme)  # type: ignore[arg-type]
    lab.page.set_viewport_size({"width": width, "height": 1000})
    expect(walk(lab).locator(".wm-sides")).to_be_visible()
    assert lab.axe(".whymiss.wm-walk") == []
